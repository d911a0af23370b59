// SPDX-License-Identifier: MIT

package kmod

import (
	"errors"
	"fmt"
)

// Probe loads a module with what it needs into the running kernel, as modprobe
// does: what is loaded already is passed over, a built-in is a success, and so is
// a blacklisted module that an alias stands for. It returns what it loaded, also
// beside an error.
func (t *Tree) Probe(name string, o ProbeOptions) ([]*Loaded, error) {
	found, err := t.Matches(name)
	if err != nil {
		return nil, err
	}
	var done []*Loaded
	for _, m := range found {
		if !o.ShowAll && inKernel(m.Name, m.Builtin) {
			if o.FirstTime {
				return done, fmt.Errorf("load module %s: %w", m.Name, ErrAlreadyLoaded)
			}
			continue
		}
		steps, err := t.stepsOf(m, o)
		if err != nil {
			return done, err
		}
		some, err := t.load(steps, o)
		done = append(done, some...)
		if err != nil {
			return done, err
		}
	}
	return done, nil
}

func inKernel(name string, builtin bool) bool { return builtin || running.state(name) == StateLive }

// load carries steps out. That one is loaded by somebody else meanwhile is no
// error, and neither is a soft dependency that fails.
func (t *Tree) load(steps []Step, o ProbeOptions) ([]*Loaded, error) {
	var done []*Loaded
	for _, s := range steps {
		if !o.ShowAll && inKernel(s.Name, s.Builtin) {
			continue
		}
		if o.Each != nil {
			o.Each(s)
		}
		if o.DryRun || s.Builtin {
			continue
		}
		l, err := t.loadStep(s, o)
		switch {
		case err == nil && l != nil:
			done = append(done, l)
		case err == nil || s.Soft:
		case errors.Is(err, ErrAlreadyLoaded) && !(s.Target && o.FirstTime):
		default:
			return done, err
		}
	}
	return done, nil
}

// loadStep returns nil for an install rule: nobody knows what that did.
func (t *Tree) loadStep(s Step, o ProbeOptions) (*Loaded, error) {
	if s.Command != "" {
		return nil, o.Command(s)
	}
	if s.Path == "" {
		return nil, &NotFoundError{Name: s.Name, Dir: t.Dir()}
	}
	f, err := openFile(s.Path)
	if err != nil {
		return nil, fmt.Errorf("load module %s: %w", s.Name, err)
	}
	defer f.Close()
	return loadOpen(f, s.Params, o.Flags, exporter(t))
}

// Load loads a module with what it needs; params go to the module itself.
// That it is loaded already is no error.
func (t *Tree) Load(module, params string) error {
	_, err := t.Probe(module, ProbeOptions{Params: params})
	return err
}

// ProbeFile loads a module file with what it needs: of the modules beside it in
// its folder, which no index need know, and of the tree. What is loaded already
// is passed over; nothing is loaded when the kernel would refuse one of them.
// Params go to the module of the file. The plan's warnings come beside what was
// loaded.
func (t *Tree) ProbeFile(path string, o ProbeOptions) ([]*Loaded, *Plan, error) {
	plan, err := PlanFile(t, path)
	if err != nil {
		return nil, plan, err
	}
	target := CanonicalName(path)
	if !o.ShowAll && running.state(target) == StateLive {
		if o.FirstTime {
			return nil, plan, fmt.Errorf("load module %s: %w", target, ErrAlreadyLoaded)
		}
		return nil, plan, nil
	}
	cfg, err := t.Config()
	if err != nil {
		return nil, plan, err
	}
	var steps []Step
	for _, m := range plan.Modules {
		if cfg.forbidden(m.Name) {
			return nil, plan, &ForbiddenError{Module: m.Name, For: target}
		}
		steps = append(steps, cfg.step(TreeModule{Name: m.Name, Path: m.Path, noCommand: true}, m.Name == target, ProbeOptions{Params: o.Params}))
	}
	done, err := t.load(steps, o)
	return done, plan, err
}
