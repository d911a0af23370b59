// SPDX-License-Identifier: MIT

package kmod

import (
	"bytes"
	"fmt"
	"strings"
)

// Step is one module to load.
type Step struct {
	Name    string
	Path    string // empty for a built-in, and for a name with nothing behind it
	Params  string
	Command string // an install rule that takes the place of loading it
	Builtin bool
	Soft    bool // a soft dependency: that it fails is no error
	Target  bool // asked for; the others are what it needs
	// Warning is what the configuration does and its writer may not know.
	Warning string
}

// ProbeOptions changes what Steps and Probe do. The zero value is modprobe's
// default, but that install rules do not count and all softdep lines do.
type ProbeOptions struct {
	Params         string // for the module asked for, behind those of the configuration
	Flags          int    // IgnoreModversions, IgnoreVermagic; for the module asked for and what it needs
	UseBlacklist   bool   // pass over a blacklisted module that is asked for by its own name, too (modprobe -b)
	FirstTime      bool   // that it is loaded already is an error
	IgnoreCommands bool   // no install rule and no soft dependencies of the module asked for (modprobe -i)
	FirstSoftdep   bool   // of several softdep lines for a module only the first counts, as with kmod
	DryRun         bool   // change nothing
	ShowAll        bool   // take no notice of what is loaded (modprobe -D)
	// Each is called before a step is done; nil for nothing.
	Each func(Step)
	// Command runs a step's install rule. Where it is nil, there are no such
	// rules, and the modules are loaded.
	Command func(Step) error
}

// Steps returns what loading name would take, in order, built-ins among them.
// Blacklisted modules that name is an alias for are left out. The error is a
// NotFoundError or, for a forbidden module that is needed, a ForbiddenError.
func (t *Tree) Steps(name string, o ProbeOptions) ([]Step, error) {
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

// stepsOf are the steps for one module that a name stands for.
func (t *Tree) stepsOf(m TreeModule, o ProbeOptions) ([]Step, error) {
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

func (c *Config) step(m TreeModule, target bool, o ProbeOptions) Step {
	s := Step{Name: m.Name, Path: m.Path, Builtin: m.Builtin, Soft: m.soft, Target: target, Params: c.params(m)}
	if s.Params != "" {
		s.Params += " " // also before nothing, as modprobe prints it
	}
	if target {
		s.Params += o.Params
	}
	if cmd := ruleFor(c.Install, m.Name); cmd != "" && o.Command != nil {
		switch {
		case !m.noCommand:
			s.Command = cmd
		case !o.IgnoreCommands || !target:
			s.Warning = fmt.Sprintf("the install rule for %s does not count, because there is a softdep line for it, too; to keep a module from loading, write forbid %s", m.Name, m.Name)
		}
	}
	return s
}

// ForbiddenError says that the configuration forbids a module.
type ForbiddenError struct {
	Module string
	For    string // what asked for it
}

func (e *ForbiddenError) Error() string {
	if e.Module == e.For {
		return fmt.Sprintf("module %s is forbidden by a forbid line of modprobe.d", e.Module)
	}
	return fmt.Sprintf("module %s needs %s, which a forbid line of modprobe.d forbids", e.For, e.Module)
}

// Is makes a ForbiddenError an ErrForbidden.
func (e *ForbiddenError) Is(target error) bool { return target == ErrForbidden }

// weakdepRules reads modules.weakdep, which depmod writes since kmod 33.
func weakdepRules(data []byte) []Rule { return indexRules(data, "weakdep ") }

// SoftdepRules are the lines of modules.softdep, as depmod found them in the modules.
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
