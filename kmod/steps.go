// SPDX-License-Identifier: MIT

package kmod

import (
	"bytes"
	"fmt"
	"strings"
)

// Step is one module to load, or the rule that replaces that.
type Step struct {
	Name    string
	Path    string // empty for a built-in, and for a name that leads to nothing
	Params  string
	Command string // an install rule, run instead of loading the module
	Builtin bool
	Soft    bool // a soft dependency, which may fail
	Target  bool // asked for; the others are what it needs
	// Warning is an effect of the configuration that its writer may not expect.
	Warning string
}

// Steps returns what loading a name or alias would take, in load order, built-ins
// included and loaded or not. Blacklisted modules that the name is an alias for are
// left out. The error is a *NotFoundError or, if a forbidden module is needed, a
// *ForbiddenError. Steps works on any system and any tree; of LoadOptions it heeds
// Params, UseBlacklist, IgnoreCommands, FirstSoftdep, and whether Command is set.
func (t *Tree) Steps(name string, o LoadOptions) ([]Step, error) {
	found, err := t.Matches(name)
	if err != nil {
		return nil, err
	}
	var steps []Step
	for _, m := range found {
		some, err := t.stepsOf(m, o)
		if err != nil {
			return nil, err
		}
		steps = append(steps, some...)
	}
	return steps, nil
}

// stepsOf returns the steps for one module that a name stands for.
func (t *Tree) stepsOf(m TreeModule, o LoadOptions) ([]Step, error) {
	cfg, err := t.Config()
	if err != nil {
		return nil, err
	}
	if (o.UseBlacklist || m.alias != "") && cfg.blacklisted(m.Name) {
		return nil, nil
	}
	c := closure{tree: t, seen: map[string]bool{}, all: true, first: o.FirstSoftdep, bare: o.IgnoreCommands}
	if err := c.add(m); err != nil {
		return nil, err
	}
	steps := make([]Step, 0, len(c.list))
	for _, dep := range c.list {
		s := cfg.step(dep, dep.Name == m.Name && dep.alias == m.alias, o)
		if cfg.forbidden(s.Name) && !s.Builtin {
			if s.Soft {
				continue
			}
			return nil, &ForbiddenError{Module: s.Name, For: m.Name}
		}
		steps = append(steps, s)
	}
	return steps, nil
}

func (c *Config) step(m TreeModule, target bool, o LoadOptions) Step {
	s := Step{Name: m.Name, Path: m.Path, Builtin: m.Builtin, Soft: m.soft, Target: target, Params: c.params(m)}
	if s.Params != "" {
		s.Params += " " // even if nothing follows, as modprobe prints it
	}
	if target {
		s.Params += o.Params
	}
	if cmd := ruleFor(c.Install, m.Name); cmd != "" && o.Command != nil {
		switch {
		case !m.noCommand:
			s.Command = cmd
		case !o.IgnoreCommands || !target:
			s.Warning = fmt.Sprintf("the install rule for %s is ignored because it also has a softdep line;"+
				" to keep the module from loading, write forbid %s", m.Name, m.Name)
		}
	}
	return s
}

// ForbiddenError says that the configuration forbids a module.
type ForbiddenError struct {
	Module string
	For    string // the module that was asked for
}

// Error names the module and what needed it.
func (e *ForbiddenError) Error() string {
	if e.Module == e.For {
		return fmt.Sprintf("module %s is forbidden by a forbid line in modprobe.d", e.Module)
	}
	return fmt.Sprintf("module %s needs %s, which a forbid line in modprobe.d forbids", e.For, e.Module)
}

// Is makes a ForbiddenError an ErrForbidden.
func (e *ForbiddenError) Is(target error) bool { return target == ErrForbidden }

// weakdepRules reads modules.weakdep, which depmod writes since kmod 33.
func weakdepRules(data []byte) []Rule { return indexRules(data, "weakdep ") }

// SoftdepRules returns the lines of modules.softdep, as depmod found them in the modules.
func (t *Tree) SoftdepRules() ([]Rule, error) {
	data, err := t.table("modules.softdep")
	return indexRules(data, "softdep "), err
}

func indexRules(data []byte, verb string) []Rule {
	var rules []Rule
	for line := range lines(data) {
		rest, ok := bytes.CutPrefix(line, []byte(verb))
		if !ok {
			continue
		}
		if name, text, ok := bytes.Cut(rest, []byte{' '}); ok {
			rules = append(rules, Rule{strings.ReplaceAll(string(name), "-", "_"), string(text)})
		}
	}
	return rules
}
