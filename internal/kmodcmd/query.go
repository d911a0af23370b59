// SPDX-License-Identifier: MIT

package kmodcmd

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/kmodlab/kmodlab/kmod"
)

func (c *command) resolveAlias(tree *kmod.Tree, name string) error {
	found, err := tree.Matches(name)
	for _, m := range found {
		c.report.Resolved = append(c.report.Resolved, ResolvedModule{m.Name, m.Path, m.Builtin})
		fmt.Fprintln(c.stdout, m.Name)
	}
	return err
}

// showConfig prints the configuration in kmod's order of kinds, then the index.
func (c *command) showConfig(tree *kmod.Tree) int {
	cfg, err := tree.Config()
	if err != nil {
		return c.usage("%v", err)
	}
	fromModules, err := tree.SoftdepRules()
	if err != nil {
		return c.usage("%v", err)
	}
	c.report.Config = newConfig(cfg, fromModules)
	w := bufio.NewWriter(c.stdout)
	printConfig(w, cfg, fromModules)
	fmt.Fprint(w, "\n# End of configuration files. Dumping indexes now:\n\n")
	for _, name := range []string{"modules.alias", "modules.symbols"} {
		entries, err := tree.IndexEntries(name)
		if err != nil {
			c.say("ERROR", "%v", err)
			continue
		}
		for _, e := range entries {
			fmt.Fprintf(w, "alias %s %s\n", e.Pattern, e.Module)
		}
	}
	if err := w.Flush(); err != nil {
		return c.usage("print the configuration: %v", err)
	}
	return 0
}

func printConfig(w io.Writer, cfg *kmod.Config, fromModules []kmod.Rule) {
	for _, name := range cfg.Blacklist {
		fmt.Fprintf(w, "blacklist %s\n", name)
	}
	for _, name := range cfg.Forbidden {
		fmt.Fprintf(w, "forbid %s\n", name)
	}
	printRules(w, "install", cfg.Install)
	printRules(w, "remove", cfg.Remove)
	for _, a := range cfg.Aliases {
		fmt.Fprintf(w, "alias %s %s\n", a.Pattern, a.Module)
	}
	printRules(w, "options", cfg.Options)
	for _, rules := range [][]kmod.Rule{cfg.Softdeps, fromModules} {
		for _, r := range rules {
			fmt.Fprintf(w, "softdep %s %s\n", r.Name, softdepText(kmod.ParseSoftdep(r.Text)))
		}
	}
	printRules(w, "weakdep", cfg.Weakdeps)
}

func printRules(w io.Writer, verb string, rules []kmod.Rule) {
	for _, r := range rules {
		fmt.Fprintf(w, "%s %s %s\n", verb, r.Name, r.Text)
	}
}

// softdepText omits the blank before "post:", as kmod 30 does.
func softdepText(d kmod.Softdep) string {
	var b strings.Builder
	if len(d.Pre) > 0 {
		b.WriteString("pre: " + strings.Join(d.Pre, " "))
	}
	if len(d.Post) > 0 {
		b.WriteString("post: " + strings.Join(d.Post, " "))
	}
	return b.String()
}

// showSymbols prints the symbols that a file exports or needs, with their versions.
func (c *command) showSymbols(path string, exports bool) int {
	data, err := kmod.ReadModule(path)
	if err != nil {
		c.report.fail(err)
		c.say("FATAL", "Module %s not found.", path)
		fmt.Fprintf(c.stderr, "%s: %v\n", c.name, err)
		return 1
	}
	list, err := symbolVersions(data, exports)
	if err != nil {
		c.report.fail(err)
		return c.usage("could not get symbols of %s: %v", path, err)
	}
	if len(list) == 0 {
		c.report.fail(fmt.Errorf("%s has no such symbols: %w", path, kmod.ErrNotFound))
		c.say("FATAL", "could not get symbols of %s: it has none", path)
		return 1
	}
	c.report.Symbols = list
	w := bufio.NewWriter(c.stdout)
	for _, s := range list {
		fmt.Fprintf(w, "%s\t%s\n", s.CRC, s.Name)
	}
	if err := w.Flush(); err != nil {
		return c.usage("print symbols: %v", err)
	}
	return 0
}

func symbolVersions(data []byte, exports bool) ([]SymbolVersion, error) {
	list := []SymbolVersion{}
	if exports {
		all, err := kmod.ReadExports(data)
		for _, e := range all {
			list = append(list, SymbolVersion{e.Name, fmt.Sprintf("0x%08x", e.CRC)})
		}
		return list, err
	}
	all, err := kmod.ReadVersions(data)
	for _, s := range all {
		list = append(list, SymbolVersion{s.Name, fmt.Sprintf("0x%08x", s.CRC)})
	}
	return list, err
}
