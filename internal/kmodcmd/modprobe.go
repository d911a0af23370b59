// SPDX-License-Identifier: MIT

package kmodcmd

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/kmodlab/kmodlab/kmod"
)

const modprobeHelp = `Usage: modprobe [options] NAME|FILE [PARAMETER=VALUE...]
       modprobe -a [options] NAME...
       modprobe -r [options] NAME...
       modprobe -c | --show-exports FILE | --show-modversions FILE
Loads a module and what it needs, or unloads it and what nothing else uses.
A FILE (with a / in its name) needs no index: what it needs is searched for beside it.

  -a, --all                every operand is a module
  -r, --remove             unload
      --remove-holders     with -r: first unload the modules that use it
  -w, --wait MSEC          with -r: how long a module may stay in use
      --first-time         fail if it is already loaded (with -r: not loaded)
  -i, --ignore-install, --ignore-remove
                           no install or remove rule, no softdeps of the module itself
  -b, --use-blacklist      apply the blacklist to the module's own name too
  -f, --force              load even if vermagic and symbol versions differ; unload even in use
      --force-vermagic, --force-modversion
      --run-install        run install and remove rules even in kmodlab's own guests
      --first-softdep      of several softdep lines for a module use only the first, as kmod does

  -R, --resolve-alias      print the modules that a name stands for
  -D, --show-depends       print what loading it takes, whether loaded or not
  -c, --show-config        print the configuration and the index
      --show-exports, --show-modversions, --dump-modversions
      --check              say what the kernel would refuse or let pass; load nothing
      --why                say why a module cannot be unloaded

  -n, --dry-run, --show    do everything except loading and unloading
  -C, --config PATH        read this file or folder instead of modprobe.d; may be repeated
  -d, --dirname DIR        the root that holds lib/modules
  -S, --set-version VERSION
      --json               print the result as one JSON object
  -s, --syslog  -q, --quiet  -v, --verbose  -V, --version  -h, --help

As with kmod, surprising though it may be:
  - blacklist keeps aliases from loading a module, but neither its own name (see -b) nor
    modules that need it. A line "forbid NAME" keeps all of them; kmod does not have it.
  - An install rule is ignored for a module that also has a softdep line.
  - -d moves only lib/modules: modprobe.d is that of this machine (see -C).
  - -n is silent without -v. -r also unloads what the module needed, and -R prints a
    module once for each alias that matches.
  - Loading a module that is built in succeeds; unloading it fails.
`

func modprobeOptions() []option {
	return []option{
		{'a', "all", false}, {'r', "remove", false}, {0, "remove-holders|remove-dependencies", false},
		{'w', "wait", true}, {0, "first-time", false}, {'i', "ignore-install|ignore-remove", false},
		{'b', "use-blacklist", false}, {'f', "force", false}, {0, "force-vermagic", false},
		{0, "force-modversion", false}, {0, "first-softdep", false}, {'R', "resolve-alias", false},
		{'D', "show-depends", false}, {'c', "show-config|showconfig", false},
		{0, "show-modversions|dump-modversions", false}, {0, "show-exports", false},
		{0, "check", false}, {0, "why", false},
		{'n', "dry-run|show", false}, {'C', "config", true}, {'d', "dirname", true}, {'S', "set-version", true},
		{0, "json", false}, {0, "run-install", false}, {'s', "syslog", false}, {'q', "quiet", false},
		{'v', "verbose", false}, {'V', "version", false}, {'h', "help", false}, reportOption,
	}
}

func (c *command) modprobe(args []string) int {
	// The words of the environment come first, as if typed on the command line.
	p, err := parseArgs(append(splitOptions(os.Getenv("MODPROBE_OPTIONS")), args...), modprobeOptions())
	if err != nil {
		return c.badArgs(err)
	}
	if status, done := c.helpOrVersion(p, modprobeHelp); done {
		return status
	}
	finish, err := c.begin(p)
	if err != nil {
		return c.usage("%v", err)
	}
	defer finish()
	if len(p.operands) == 0 && !p.has("show-config") {
		return c.usage("missing parameters. See -h.")
	}
	if p.has("wait") {
		if n, err := strconv.Atoi(p.flags["wait"]); err != nil || n < 0 {
			return c.usage("invalid number of milliseconds for -w: %s", p.flags["wait"])
		}
	}
	tree, err := treeOf(p, "dirname", "set-version")
	if err == nil {
		err = c.configure(tree, p)
	}
	if err != nil {
		c.report.fail(err)
		return c.usage("%v", err)
	}
	switch {
	case p.has("show-config"):
		return c.showConfig(tree)
	case p.has("show-modversions"), p.has("show-exports"):
		return c.showSymbols(p.operands[0], p.has("show-exports"))
	}
	return c.modprobeAll(tree, p)
}

// begin sets up where output goes; the returned function writes the report.
func (c *command) begin(p parsed) (finish func(), err error) {
	report, err := openReport(p)
	if err != nil {
		return nil, err
	}
	out := c.stdout
	if p.has("json") {
		c.stdout = io.Discard
	}
	switch {
	case p.has("quiet"):
		c.stderr = io.Discard
	case p.has("syslog"):
		c.stderr = &syslogWriter{name: c.name}
	}
	return func() {
		if p.has("json") {
			c.writeJSON(out)
		}
		c.writeReport(report)
	}, nil
}

// configure gives a tree the configuration of this machine, or what -C names, and warns about
// bad lines.
func (c *command) configure(tree *kmod.Tree, p parsed) error {
	tree.ConfigPaths = p.repeated["config"]
	if tree.ConfigPaths == nil {
		tree.ConfigPaths = []string{
			"/etc/modprobe.d", "/run/modprobe.d", "/usr/local/lib/modprobe.d", "/usr/lib/modprobe.d", "/lib/modprobe.d",
		}
	}
	cfg, err := tree.Config()
	if err != nil {
		return err
	}
	for _, problem := range cfg.Problems {
		c.say("WARNING", "%v", problem)
	}
	return nil
}

func (c *command) modprobeAll(tree *kmod.Tree, p parsed) int {
	names, params := p.operands, ""
	if !p.has("all") && !p.has("remove") && !p.has("why") {
		names, params = names[:1], joinParams(p.operands[1:])
	}
	status := 0
	for _, name := range names {
		var err error
		switch {
		case p.has("why"):
			err = c.why(name)
		case p.has("check"):
			err = c.check(tree, name, params)
		case p.has("remove"):
			err = c.unload(tree, name, p)
		case p.has("resolve-alias"):
			err = c.resolveAlias(tree, name)
		default:
			err = c.load(tree, name, params, p)
		}
		if err != nil {
			c.report.fail(err)
			c.modprobeFailed(tree, name, err, p)
			status = 1
		}
	}
	return status
}

// treeOf is the tree that two options select, by default the running kernel's.
func treeOf(p parsed, root, release string) (*kmod.Tree, error) {
	t, err := kmod.Running()
	if err != nil {
		return nil, err
	}
	if p.flags[release] != "" {
		t.Release = p.flags[release]
	}
	if p.has(root) {
		dir, err := filepath.Abs(p.flags[root])
		if err != nil {
			return nil, err
		}
		t.Root = dir
	}
	return t, nil
}

// joinParams quotes values with spaces as the kernel's parser expects.
func joinParams(args []string) string {
	quoted := make([]string, len(args))
	for i, a := range args {
		key, value, ok := strings.Cut(a, "=")
		if ok && strings.ContainsAny(value, " \t") && !strings.ContainsAny(value, `"'`) {
			a = key + `="` + value + `"`
		}
		quoted[i] = a
	}
	return strings.Join(quoted, " ")
}

func (c *command) load(tree *kmod.Tree, name, params string, p parsed) error {
	o := kmod.LoadOptions{Params: params, Flags: forceFlags(p), UseBlacklist: p.has("use-blacklist"),
		FirstTime: p.has("first-time"), IgnoreCommands: p.has("ignore-install"),
		FirstSoftdep: p.has("first-softdep"), ShowAll: p.has("show-depends")}
	o.DryRun = o.ShowAll || p.has("dry-run")
	if rulesCount(p) {
		o.Command = func(s kmod.Step) error { return c.runInstall(s, p) }
	}
	verbose := o.ShowAll || p.has("verbose")
	o.Each = func(s kmod.Step) {
		c.report.step(s)
		if s.Warning != "" {
			c.say("WARNING", "%s", s.Warning)
		}
		if verbose {
			fmt.Fprint(c.stdout, stepLine(s))
		}
	}
	o.Warn = func(w error) { c.say("WARNING", "%v", w) }
	done, err := tree.Load(name, o)
	c.loaded(done)
	return err
}

// stepLine is a step as modprobe -v and -D print it, with a trailing space if there are no
// parameters; empty for a name that leads to nothing.
func stepLine(s kmod.Step) string {
	switch {
	case s.Command != "":
		return "install " + s.Command + " " + s.Params + "\n"
	case s.Builtin:
		return "builtin " + s.Name + "\n"
	case s.Path == "":
		return ""
	}
	return "insmod " + s.Path + " " + s.Params + "\n"
}

func (c *command) unload(tree *kmod.Tree, name string, p parsed) error {
	o := kmod.RemoveOptions{Holders: p.has("remove-holders"), Force: p.has("force"), FirstTime: p.has("first-time"),
		IgnoreCommands: p.has("ignore-install"), FirstSoftdep: p.has("first-softdep"), ShowAll: p.has("show-depends")}
	o.DryRun = o.ShowAll || p.has("dry-run")
	if msec, err := strconv.Atoi(p.flags["wait"]); err == nil {
		o.Wait = time.Duration(msec) * time.Millisecond
	}
	if rulesCount(p) {
		o.Command = func(name, cmd string) error { return c.runRemove(name, cmd, p) }
	}
	verbose := o.ShowAll || p.has("verbose")
	o.Each = func(name, cmd string) {
		c.report.RemoveSteps = append(c.report.RemoveSteps, RemoveStep{name, cmd})
		switch {
		case verbose && cmd != "":
			fmt.Fprintf(c.stdout, "remove %s\n", cmd)
		case verbose:
			fmt.Fprintf(c.stdout, "rmmod %s\n", name)
		}
	}
	done, err := tree.Remove(name, o)
	c.report.Removed = append(c.report.Removed, done...)
	return err
}
