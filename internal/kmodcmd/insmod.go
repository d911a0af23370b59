// SPDX-License-Identifier: MIT

package kmodcmd

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/kmodlab/kmodlab/kmod"
)

const insmodHelp = `Usage: insmod [options] FILE [PARAMETER=VALUE...]
Loads one module file; what it needs must be loaded.

  -f, --force              ignore vermagic and symbol versions
      --force-vermagic, --force-modversion
  -V, --version  -h, --help
`

const rmmodHelp = `Usage: rmmod [options] NAME...
Unloads modules.

  -v, --verbose            print what is unloaded
  -V, --version  -h, --help
`

func (c *command) insmod(args []string) int {
	p, err := parseArgs(args, []option{{'f', "force", false}, {0, "force-vermagic", false}, {0, "force-modversion", false},
		{'V', "version", false}, {'h', "help", false}, reportOption})
	if err != nil {
		return c.usage("%v", err)
	}
	if status, done := c.helpOrVersion(p, insmodHelp); done {
		return status
	}
	report, err := openReport(p)
	if err != nil {
		return c.usage("%v", err)
	}
	defer c.writeReport(report)
	if len(p.operands) == 0 {
		return c.usage("missing filename.")
	}
	flags := 0
	if p.has("force") || p.has("force-vermagic") {
		flags |= kmod.IgnoreVermagic
	}
	if p.has("force") || p.has("force-modversion") {
		flags |= kmod.IgnoreModversions
	}
	path := p.operands[0]
	m, err := kmod.LoadFile(path, joinParams(p.operands[1:]), flags)
	if err != nil {
		verb := "insert"
		if errors.Is(err, fs.ErrNotExist) && !errors.Is(err, kmod.ErrUnknownSymbol) {
			verb = "load"
		}
		c.say("ERROR", "could not %s module %s: %s", verb, path, strerror(err))
		c.explain(err)
		return 1
	}
	c.report.load([]*kmod.Loaded{m})
	for _, w := range m.Warnings {
		c.say("WARNING", "%s", w)
	}
	return 0
}

func (c *command) rmmod(args []string) int {
	p, err := parseArgs(args, []option{{'v', "verbose", false}, {'s', "syslog", false}, {'V', "version", false}, {'h', "help", false}, reportOption})
	if err != nil {
		return c.usage("%v", err)
	}
	if status, done := c.helpOrVersion(p, rmmodHelp); done {
		return status
	}
	report, err := openReport(p)
	if err != nil {
		return c.usage("%v", err)
	}
	defer c.writeReport(report)
	if len(p.operands) == 0 {
		return c.usage("missing module name.")
	}
	status := 0
	for _, arg := range p.operands {
		if err := c.rmmodOne(kmod.CanonicalName(arg), p.has("verbose")); err != nil {
			c.rmmodFailed(kmod.CanonicalName(arg), err)
			status = 1
		}
	}
	return status
}

func (c *command) rmmodOne(name string, verbose bool) error {
	switch kmod.StateOf(name) {
	case kmod.StateNone:
		return fmt.Errorf("unload module %s: %w", name, kmod.ErrNotLoaded)
	case kmod.StateBuiltin:
		return fmt.Errorf("unload module %s: %w", name, kmod.ErrBuiltin)
	}
	if err := kmod.CheckUnused(name); err != nil {
		return err
	}
	if verbose {
		fmt.Fprintf(c.stdout, "rmmod %s\n", name)
	}
	if err := kmod.Remove(name); err != nil {
		return err
	}
	c.report.Removed = append(c.report.Removed, name)
	return nil
}

func (c *command) rmmodFailed(name string, err error) {
	defer c.explain(err)
	e, isLoad := errors.AsType[*kmod.LoadError](err)
	switch {
	case errors.Is(err, kmod.ErrNotLoaded):
		c.say("ERROR", "Module %s is not currently loaded", name)
	case errors.Is(err, kmod.ErrBuiltin):
		c.say("ERROR", "Module %s is builtin.", name)
	case isLoad && len(e.Holders) > 0:
		c.say("ERROR", "Module %s is in use by: %s", name, strings.Join(e.Holders, " "))
	case errors.Is(err, kmod.ErrInUse):
		c.say("ERROR", "Module %s is in use", name)
	default:
		c.say("ERROR", "could not remove module %s: %s", name, strerror(err))
	}
}
