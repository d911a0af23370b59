// SPDX-License-Identifier: MIT

package kmodcmd

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/kmodlab/kmodlab/kmod"
)

// modprobeFailed prints kmod's message for an error, and its cause.
func (c *command) modprobeFailed(tree *kmod.Tree, name string, err error, p parsed) {
	_, isLoad := errors.AsType[*kmod.LoadError](err)
	verb := "insert"
	if p.has("remove") {
		verb = "remove"
	}
	switch {
	case errors.Is(err, errSaid):
	case errors.Is(err, kmod.ErrNotFound) && errors.Is(err, fs.ErrNotExist):
		c.say("FATAL", "%v", err)
	case isPlanError(err):
		c.say("ERROR", "could not insert '%s': %v", name, err)
	case errors.Is(err, kmod.ErrNotFound):
		c.notFound(tree, name, p)
	case errors.Is(err, kmod.ErrNoIndex):
		c.notFound(tree, name, p)
		fmt.Fprintf(c.stderr, "%s: %v\n", c.name, err)
	case p.has("remove") && errors.Is(err, kmod.ErrInUse):
		c.say("FATAL", "Module %s is in use.", moduleOf(err, name))
		c.explain(err)
	case errors.Is(err, kmod.ErrBuiltin):
		c.say("FATAL", "Module %s is builtin.", name)
	case errors.Is(err, kmod.ErrNotLoaded) && !isLoad:
		c.say("FATAL", "Module %s is not in kernel.", name)
	case errors.Is(err, kmod.ErrAlreadyLoaded):
		c.say("ERROR", "could not %s '%s': Module already in kernel", verb, name)
	default:
		c.say("ERROR", "could not %s '%s': %s", verb, name, strerror(err))
		c.explain(err)
	}
}

// isPlanError reports whether the error was found before the kernel was asked.
func isPlanError(err error) bool {
	if _, ok := errors.AsType[*kmod.LoadError](err); ok {
		return false
	}
	for _, kind := range []error{kmod.ErrUnknownSymbol, kmod.ErrVermagic, kmod.ErrSymbolVersion, kmod.ErrNamespace,
		kmod.ErrLicense, kmod.ErrDuplicate, kmod.ErrCycle, kmod.ErrWrongMachine, kmod.ErrInvalidModule} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}

func (c *command) notFound(tree *kmod.Tree, name string, p parsed) {
	level := "FATAL"
	if p.has("all") {
		level = "WARNING"
	}
	if p.has("remove") {
		c.say(level, "Module %s not found.", name)
		return
	}
	c.say(level, "Module %s not found in directory %s", name, tree.Dir())
}

func moduleOf(err error, name string) string {
	if e, ok := errors.AsType[*kmod.LoadError](err); ok {
		return e.Module
	}
	return name
}

// helpOrVersion answers -h and -V.
func (c *command) helpOrVersion(p parsed, help string) (status int, done bool) {
	switch {
	case p.has("help"):
		fmt.Fprint(c.stdout, help)
	case p.has("version"):
		fmt.Fprintf(c.stdout, "kmodlab %s\n", c.name)
	default:
		return 0, false
	}
	return 0, true
}
