// SPDX-License-Identifier: MIT

package kmodcmd

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/kmodlab/kmodlab/kmod"
)

const modprobeHelp = `Usage: modprobe [options] NAME [PARAMETER=VALUE...]
       modprobe -a [options] NAME...
       modprobe -r [options] NAME...
Loads a module with what it needs, or unloads it with what nothing else uses.

  -a, --all                every operand is a module
  -r, --remove             unload
  -R, --resolve-alias      print the modules that a name stands for
  -D, --show-depends       print what loading takes, loaded or not
  -n, --dry-run, --show    do everything but loading and unloading
  -b, --use-blacklist      apply blacklists to aliases
  -f, --force              ignore vermagic and symbol versions
      --force-vermagic, --force-modversion
      --first-time         fail when it is loaded (with -r: not loaded) already
  -i, --ignore-install     accepted; install and remove commands are never run
  -q, --quiet              no message where nothing is found
  -v, --verbose            print what is loaded and unloaded
  -d, --dirname DIR        root of lib/modules and of modprobe.d
  -S, --set-version VERSION
  -V, --version  -h, --help
`

func modprobeOptions() []option {
	return []option{{'a', "all", false}, {'r', "remove", false}, {'R', "resolve-alias", false}, {'D', "show-depends", false},
		{'n', "dry-run", false}, {0, "show", false}, {'b', "use-blacklist", false}, {'f', "force", false},
		{0, "force-vermagic", false}, {0, "force-modversion", false}, {0, "first-time", false},
		{'i', "ignore-install", false}, {'q', "quiet", false}, {'v', "verbose", false},
		{'d', "dirname", true}, {'S', "set-version", true}, {'V', "version", false}, {'h', "help", false}, reportOption}
}

func (c *command) modprobe(args []string) int {
	p, err := parseArgs(args, modprobeOptions())
	if err != nil {
		return c.usage("%v", err)
	}
	if status, done := c.helpOrVersion(p, modprobeHelp); done {
		return status
	}
	report, err := openReport(p)
	if err != nil {
		return c.usage("%v", err)
	}
	defer c.writeReport(report)
	if len(p.operands) == 0 {
		return c.usage("missing parameters. See -h.")
	}
	tree, err := treeOf(p, "dirname", "set-version")
	if err != nil {
		c.report.fail(err)
		return c.usage("%v", err)
	}
	names, params := p.operands, ""
	if !p.has("all") && !p.has("remove") {
		names, params = names[:1], joinParams(p.operands[1:])
	}
	status := 0
	for _, name := range names {
		var err error
		switch {
		case p.has("resolve-alias"):
			err = c.resolveAlias(tree, name)
		case p.has("remove"):
			err = c.unload(tree, name, p)
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

// treeOf is the tree that two options choose, by default the running kernel's.
func treeOf(p parsed, root, release string) (*kmod.Tree, error) {
	t := &kmod.Tree{Root: "/", Release: p.flags[release]}
	if t.Release == "" {
		running, err := kmod.Running()
		if err != nil {
			return nil, err
		}
		t.Release = running.Release
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

// joinParams quotes values with spaces as the kernel's parser wants them.
func joinParams(args []string) string {
	quoted := make([]string, len(args))
	for i, a := range args {
		if key, value, ok := strings.Cut(a, "="); ok && strings.ContainsAny(value, " \t") && !strings.Contains(value, `"`) {
			a = key + `="` + value + `"`
		}
		quoted[i] = a
	}
	return strings.Join(quoted, " ")
}

func (c *command) load(tree *kmod.Tree, name, params string, p parsed) error {
	o := kmod.ProbeOptions{Params: params, UseBlacklist: p.has("use-blacklist")}
	o.ShowAll = p.has("show-depends")
	o.DryRun = o.ShowAll || p.has("dry-run") || p.has("show")
	if p.has("force") || p.has("force-vermagic") {
		o.Flags |= kmod.IgnoreVermagic
	}
	if p.has("force") || p.has("force-modversion") {
		o.Flags |= kmod.IgnoreModversions
	}
	if o.ShowAll || p.has("verbose") {
		o.Each = func(s kmod.Step) { fmt.Fprint(c.stdout, stepLine(s)) }
	}
	if p.has("first-time") {
		if err := notLoaded(tree, name); err != nil {
			return err
		}
	}
	done, err := tree.Probe(name, o)
	c.report.load(done)
	for _, m := range done {
		for _, w := range m.Warnings {
			c.say("WARNING", "%s", w)
		}
	}
	return err
}

// stepLine is a step as modprobe -v and -D print it, a space before the end
// where there are no parameters.
func stepLine(s kmod.Step) string {
	if s.Builtin {
		return "builtin " + s.Name + "\n"
	}
	return "insmod " + s.Path + " " + s.Params + "\n"
}

func notLoaded(tree *kmod.Tree, name string) error {
	found, err := tree.Resolve(name)
	if err != nil {
		return err
	}
	for _, m := range found {
		if m.Builtin || kmod.StateOf(m.Name) != kmod.StateNone {
			return fmt.Errorf("load module %s: %w", m.Name, kmod.ErrAlreadyLoaded)
		}
	}
	return nil
}

func (c *command) resolveAlias(tree *kmod.Tree, name string) error {
	found, err := tree.Matches(name)
	for _, m := range found {
		fmt.Fprintln(c.stdout, m.Name)
	}
	return err
}

func (c *command) unload(tree *kmod.Tree, name string, p parsed) error {
	o := kmod.UnloadOptions{DryRun: p.has("dry-run") || p.has("show")}
	if p.has("verbose") {
		o.Each = func(name string) { fmt.Fprintf(c.stdout, "rmmod %s\n", name) }
	}
	done, err := tree.Unload(name, o)
	c.report.Removed = append(c.report.Removed, done...)
	if err == nil && p.has("first-time") && !o.DryRun && len(done) == 0 {
		return fmt.Errorf("unload module %s: %w", name, kmod.ErrNotLoaded)
	}
	return err
}

// modprobeFailed prints kmod's message for an error, and its cause.
func (c *command) modprobeFailed(tree *kmod.Tree, name string, err error, p parsed) {
	_, isLoad := errors.AsType[*kmod.LoadError](err)
	verb := "insert"
	if p.has("remove") {
		verb = "remove"
	}
	switch {
	case errors.Is(err, kmod.ErrNotFound):
		if !p.has("quiet") {
			c.notFound(tree, name, p)
		}
	case errors.Is(err, kmod.ErrNoIndex):
		if !p.has("quiet") {
			c.notFound(tree, name, p)
			fmt.Fprintf(c.stderr, "%s: %v\n", c.name, err)
		}
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

func (c *command) notFound(tree *kmod.Tree, name string, p parsed) {
	switch {
	case p.has("remove"):
		c.say("FATAL", "Module %s not found.", name)
	case p.has("all"):
		c.say("WARNING", "Module %s not found in directory %s", name, tree.Dir())
	default:
		c.say("FATAL", "Module %s not found in directory %s", name, tree.Dir())
	}
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
