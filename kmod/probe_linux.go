// SPDX-License-Identifier: MIT

package kmod

import (
	"errors"
	"fmt"
	"os"
)

// Step is one module to load.
type Step struct {
	Name    string
	Path    string // empty for a built-in
	Params  string
	Builtin bool
	Soft    bool // a soft dependency: that it fails is no error
}

// ProbeOptions changes what Probe does. The zero value is modprobe's default.
type ProbeOptions struct {
	Params       string // for the module asked for, behind those of the configuration
	Flags        int    // IgnoreModversions, IgnoreVermagic; for the module asked for and what it needs
	UseBlacklist bool   // pass over blacklisted modules that an alias stands for (modprobe -b)
	DryRun       bool   // change nothing
	ShowAll      bool   // take no notice of what is loaded (modprobe -D)
	// Each is called before a step is done; nil for nothing.
	Each func(Step)
}

// Steps returns what loading name would take, in order, built-ins among them.
func (t *Tree) Steps(name string, o ProbeOptions) ([]Step, error) {
	found, err := t.Matches(name)
	if err != nil {
		return nil, err
	}
	cfg, err := t.Config()
	if err != nil {
		return nil, err
	}
	var steps []Step
	alias := normalizeAlias(name)
	for _, m := range found {
		if o.UseBlacklist && cfg.Blacklist[m.Name] && m.Name != alias {
			continue
		}
		if m.Builtin {
			steps = append(steps, Step{Name: m.Name, Builtin: true})
			continue
		}
		c := closure{tree: t, seen: map[string]bool{}, builtins: true}
		if err := c.add(m); err != nil {
			return nil, err
		}
		for _, dep := range c.list {
			steps = append(steps, cfg.step(dep, dep.Name == m.Name, o.Params))
		}
	}
	return steps, nil
}

func (c *Config) step(m TreeModule, target bool, params string) Step {
	s := Step{Name: m.Name, Path: m.Path, Builtin: m.Builtin, Soft: m.soft, Params: c.Options[m.Name]}
	if target && s.Params != "" {
		s.Params += " " // also before nothing, as modprobe prints it
	}
	if target {
		s.Params += params
	}
	return s
}

// Probe loads a module with what it needs into the running kernel, as modprobe
// does: what is loaded already is passed over, a built-in is a success. It returns what
// it loaded, also beside an error.
func (t *Tree) Probe(name string, o ProbeOptions) ([]*Loaded, error) {
	steps, err := t.Steps(name, o)
	if err != nil {
		return nil, err
	}
	var done []*Loaded
	for _, s := range steps {
		if !o.ShowAll && (s.Builtin || running.state(s.Name) == StateLive) {
			continue
		}
		if o.Each != nil {
			o.Each(s)
		}
		if o.DryRun || s.Builtin {
			continue
		}
		l, err := t.loadStep(s, o.Flags)
		switch {
		case err == nil:
			done = append(done, l)
		case errors.Is(err, ErrAlreadyLoaded) || s.Soft:
		default:
			return done, err
		}
	}
	return done, nil
}

func (t *Tree) loadStep(s Step, flags int) (*Loaded, error) {
	f, err := os.Open(s.Path)
	if err != nil {
		return nil, fmt.Errorf("load module %s: %w", s.Name, err)
	}
	defer f.Close()
	return loadOpen(f, s.Params, flags, exporter(t))
}

// Load loads a module with what it needs; params go to the module itself.
// That it is loaded already is no error.
func (t *Tree) Load(module, params string) error {
	_, err := t.Probe(module, ProbeOptions{Params: params})
	return err
}

// UnloadOptions changes what Unload does.
type UnloadOptions struct {
	DryRun bool
	Each   func(name string) // called before each module is unloaded; nil for nothing
}

// Unload unloads a module and then what it needed and nothing uses any more, as
// modprobe -r does. It returns what it unloaded, also beside an error. That the
// module is not loaded is no error, as with modprobe.
func (t *Tree) Unload(name string, o UnloadOptions) ([]string, error) {
	found, err := t.Resolve(name)
	if errors.Is(err, ErrNotFound) && running.state(CanonicalName(name)) != StateNone {
		// loaded from a file that is in no index
		found, err = []TreeModule{{Name: CanonicalName(name)}}, nil
	}
	if err != nil {
		return nil, err
	}
	var done []string
	for _, m := range found {
		state := running.state(m.Name)
		if m.Builtin || state == StateBuiltin {
			return done, fmt.Errorf("unload module %s: %w", m.Name, ErrBuiltin)
		}
		if state == StateNone {
			continue
		}
		if err := unloadOne(m.Name, o, &done); err != nil {
			return done, err
		}
		t.unloadUnused(m, o, &done)
	}
	return done, nil
}

func unloadOne(name string, o UnloadOptions, done *[]string) error {
	if err := CheckUnused(name); err != nil {
		return err
	}
	if o.Each != nil {
		o.Each(name)
	}
	if o.DryRun {
		return nil
	}
	if err := Remove(name); err != nil {
		return err
	}
	*done = append(*done, name)
	return nil
}

// unloadUnused goes through m's dependencies, users before what they need. One
// that is in use stays.
func (t *Tree) unloadUnused(m TreeModule, o UnloadOptions, done *[]string) {
	for _, path := range m.deps {
		name := CanonicalName(path)
		if running.state(name) != StateLive || running.refcnt(name) != 0 {
			continue
		}
		if err := unloadOne(name, o, done); err != nil {
			continue // somebody took it meanwhile
		}
	}
}

// Remove unloads one module, as the package function does.
func (t *Tree) Remove(name string) error { return Remove(name) }
