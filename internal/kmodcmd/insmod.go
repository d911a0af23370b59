// SPDX-License-Identifier: MIT

package kmodcmd

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/kmodlab/kmodlab/kmod"
)

const insmodHelp = `Usage: insmod [options] FILE [PARAMETER=VALUE...]
Loads one module file. What it needs must be loaded already (modprobe ./FILE loads that too).

  -f, --force              load even if vermagic and symbol versions differ
      --force-vermagic, --force-modversion
      --check              say what the kernel would refuse or let pass; load nothing
      --json               print the result as one JSON object
  -s, --syslog  -v, --verbose  -V, --version  -h, --help

As with kmod, surprising though it may be: a parameter that the module does not have is no
error; the kernel logs that it ignored it, and insmod warns. --check reports it beforehand.
`

const rmmodHelp = `Usage: rmmod [options] NAME...
Unloads modules, but not what they needed.

  -f, --force              unload even a module in use, if the kernel permits it; may crash the machine
  -w, --wait MSEC          how long a module may stay in use
      --why                say why a module cannot be unloaded; unload nothing
      --json               print the result as one JSON object
  -s, --syslog  -v, --verbose  -V, --version  -h, --help

As with kmod, surprising though it may be: a module in use is refused before the kernel is
asked; the other modules are unloaded nevertheless, and the exit status is 1.
`

func (c *command) insmod(args []string) int {
	p, err := parseArgs(args, []option{
		{'f', "force", false}, {0, "force-vermagic", false}, {0, "force-modversion", false},
		{0, "check", false}, {0, "json", false}, {'s', "syslog", false}, {'v', "verbose", false},
		{'V', "version", false}, {'h', "help", false}, reportOption,
	})
	if err != nil {
		return c.badArgs(err)
	}
	if status, done := c.helpOrVersion(p, insmodHelp); done {
		return status
	}
	finish, err := c.begin(p)
	if err != nil {
		return c.usage("%v", err)
	}
	defer finish()
	if len(p.operands) == 0 {
		return c.usage("missing filename.")
	}
	if p.has("check") {
		return c.insmodCheck(p.operands[0], joinParams(p.operands[1:]))
	}
	return c.insmodFile(p)
}

func (c *command) insmodFile(p parsed) int {
	tree, err := kmod.Running()
	if err != nil {
		return c.usage("%v", err)
	}
	path := p.operands[0]
	o := kmod.LoadOptions{Alone: true, Params: joinParams(p.operands[1:]), Flags: forceFlags(p)}
	done, err := tree.Load(path, o)
	if err != nil {
		verb := "insert"
		if _, tried := errors.AsType[*kmod.LoadError](err); !tried && errors.Is(err, fs.ErrNotExist) {
			verb = "load"
		}
		c.say("ERROR", "could not %s module %s: %s", verb, path, insmodText(err, verb))
		c.explain(err)
		return 1
	}
	c.loaded(done)
	return 0
}

// forceFlags are the flags of finit_module(2) that -f and its two parts stand for.
func forceFlags(p parsed) (flags int) {
	if p.has("force") || p.has("force-vermagic") {
		flags |= kmod.IgnoreVermagic
	}
	if p.has("force") || p.has("force-modversion") {
		flags |= kmod.IgnoreModversions
	}
	return flags
}

// loaded reports what was loaded, and warns of what the kernel let pass.
func (c *command) loaded(done []*kmod.Loaded) {
	c.report.load(done)
	for _, m := range done {
		for _, w := range m.Warnings {
			c.say("WARNING", "%s", w)
		}
	}
}

// insmodText is kmod's wording of the errnos that have another meaning here.
func insmodText(err error, verb string) string {
	if e, ok := errors.AsType[syscall.Errno](err); ok && verb == "insert" {
		switch e {
		case syscall.ENOEXEC:
			return "Invalid module format"
		case syscall.ENOENT:
			return "Unknown symbol in module"
		case syscall.ESRCH:
			return "Module has wrong symbol version"
		case syscall.EINVAL:
			return "Invalid parameters"
		}
	}
	return strerror(err)
}

func (c *command) insmodCheck(path, params string) int {
	tree, err := kmod.Running()
	if err != nil {
		return c.usage("%v", err)
	}
	if !strings.Contains(path, "/") { // without one it would be a module's name
		path = "./" + path
	}
	if err := c.check(tree, path, params); err != nil {
		c.report.fail(err)
		if !errors.Is(err, errSaid) {
			c.say("ERROR", "could not check %s: %v", path, err)
		}
		return 1
	}
	return 0
}

func (c *command) rmmod(args []string) int {
	p, err := parseArgs(args, []option{
		{'f', "force", false}, {'w', "wait", true}, {0, "why", false}, {0, "json", false},
		{'v', "verbose", false}, {'s', "syslog", false}, {'V', "version", false}, {'h', "help", false}, reportOption,
	})
	if err != nil {
		return c.badArgs(err)
	}
	if status, done := c.helpOrVersion(p, rmmodHelp); done {
		return status
	}
	finish, err := c.begin(p)
	if err != nil {
		return c.usage("%v", err)
	}
	defer finish()
	if len(p.operands) == 0 {
		return c.usage("missing module name.")
	}
	var wait time.Duration
	if p.has("wait") {
		msec, err := strconv.Atoi(p.flags["wait"])
		if err != nil || msec < 0 {
			return c.usage("invalid number of milliseconds for -w: %s", p.flags["wait"])
		}
		wait = time.Duration(msec) * time.Millisecond
	}
	status := 0
	for _, arg := range p.operands {
		name := kmod.CanonicalName(arg)
		var err error
		if p.has("why") {
			err = c.why(name)
		} else {
			err = c.rmmodOne(name, p, wait)
		}
		if err != nil {
			c.rmmodFailed(name, err)
			status = 1
		}
	}
	return status
}

func (c *command) rmmodOne(name string, p parsed, wait time.Duration) error {
	o := kmod.RemoveOptions{Alone: true, Wait: wait, Force: p.has("force")}
	if p.has("verbose") {
		o.Each = func(name, _ string) { fmt.Fprintf(c.stderr, "rmmod %s\n", name) } // as kmod's does
	}
	done, err := new(kmod.Tree).Remove(name, o)
	c.report.Removed = append(c.report.Removed, done...)
	return err
}

func (c *command) rmmodFailed(name string, err error) {
	defer c.explain(err)
	e, isLoad := errors.AsType[*kmod.LoadError](err)
	switch {
	case errors.Is(err, errSaid):
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
