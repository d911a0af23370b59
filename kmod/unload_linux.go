// SPDX-License-Identifier: MIT

package kmod

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// UnloadOptions changes what Unload does.
type UnloadOptions struct {
	Holders        bool          // unload the modules that use it first (modprobe --remove-holders)
	Wait           time.Duration // how long a module may stay in use before that is an error
	Force          bool          // also a module in use, where the kernel has CONFIG_MODULE_FORCE_UNLOAD; may crash the machine
	FirstTime      bool          // that it is not loaded is an error
	IgnoreCommands bool          // no remove rule and no soft dependencies of the module asked for
	FirstSoftdep   bool          // of several softdep lines for a module only the first counts, as with kmod
	DryRun         bool          // change nothing
	ShowAll        bool          // take no notice of what is loaded (modprobe -r -D)
	// Each is called before each module is unloaded, with its remove rule, if any; nil for nothing.
	Each func(name, command string)
	// Command runs a remove rule. Where it is nil, there are no such rules.
	Command func(name, command string) error
}

// Unload unloads a module with its soft dependencies and then what it needed and
// nothing uses any more, as modprobe -r does. It returns what it unloaded, also
// beside an error. That the module is not loaded is no error, as with modprobe.
func (t *Tree) Unload(name string, o UnloadOptions) ([]string, error) {
	found, err := t.Matches(name)
	if errors.Is(err, ErrNotFound) && running.state(CanonicalName(name)) != StateNone {
		// loaded from a file that is in no index
		found, err = []TreeModule{{Name: CanonicalName(name)}}, nil
	}
	if err != nil {
		return nil, err
	}
	u := unloader{tree: t, o: o, deadline: time.Now().Add(o.Wait), seen: map[string]bool{}}
	for _, m := range found {
		if err := u.module(m, true); err != nil {
			return u.done, err
		}
	}
	return u.done, nil
}

type unloader struct {
	tree     *Tree
	o        UnloadOptions
	deadline time.Time
	seen     map[string]bool // modules at work: soft dependencies may form a ring
	done     []string
}

// module unloads one module with what belongs to it. asked is false for its
// soft dependencies, of which a built-in is no error.
func (u *unloader) module(m TreeModule, asked bool) error {
	if u.seen[m.Name] {
		return nil
	}
	u.seen[m.Name] = true
	defer delete(u.seen, m.Name)
	cfg, err := u.tree.Config()
	if err != nil {
		return err
	}
	var soft Softdep
	cmd := ""
	if !asked || !u.o.IgnoreCommands {
		if soft, err = u.tree.softdep(m.Name, u.o.FirstSoftdep); err != nil {
			return err
		}
		if u.o.Command != nil {
			cmd = ruleFor(cfg.Remove, m.Name)
		}
	}
	if cmd == "" && !u.o.ShowAll {
		if skip, err := u.absent(m, asked); skip || err != nil {
			return err
		}
	}
	u.softdeps(soft.Post)
	if err := u.holders(m.Name); err != nil {
		return err
	}
	if err := u.one(m.Name, cmd); err != nil {
		return err
	}
	u.unused(m)
	u.softdeps(soft.Pre)
	return nil
}

// absent tells whether there is nothing to unload.
func (u *unloader) absent(m TreeModule, asked bool) (bool, error) {
	switch state := running.state(m.Name); {
	case m.Builtin || state == StateBuiltin:
		if !asked {
			return true, nil
		}
		return true, fmt.Errorf("unload module %s: %w", m.Name, ErrBuiltin)
	case state == StateNone && u.o.FirstTime && asked:
		return true, fmt.Errorf("unload module %s: %w", m.Name, ErrNotLoaded)
	case state == StateNone:
		return true, nil
	}
	return false, nil
}

// softdeps goes backwards through names. One that will not go is no error.
func (u *unloader) softdeps(names []string) {
	mods, err := u.tree.resolveSoft(names)
	if err != nil {
		return
	}
	for i := len(mods) - 1; i >= 0; i-- {
		_ = u.module(mods[i], false)
	}
}

func (u *unloader) holders(name string) error {
	if !u.o.Holders {
		return nil
	}
	for _, h := range slices.Backward(running.holders(name)) { // as kmod does
		m, ok, err := u.tree.module(h)
		if !ok || err != nil {
			m = TreeModule{Name: h}
		}
		if err := u.module(m, true); err != nil {
			return err
		}
	}
	return nil
}

func (u *unloader) one(name, cmd string) error {
	if cmd == "" && !u.o.ShowAll {
		if running.state(name) == StateNone { // went with one that used it
			return nil
		}
		if err := u.await(name); err != nil {
			return err
		}
	}
	if u.o.Each != nil {
		u.o.Each(name, cmd)
	}
	if u.o.DryRun {
		return nil
	}
	if cmd != "" {
		return u.o.Command(name, cmd)
	}
	for pause := time.Millisecond; ; {
		err := deleteModule(name, u.o.flags())
		if err == nil {
			u.done = append(u.done, name)
			return nil
		}
		if !errors.Is(err, ErrInUse) || !u.pause(&pause) {
			return err
		}
	}
}

func (o UnloadOptions) flags() int {
	if o.Force {
		return unix.O_NONBLOCK | unix.O_TRUNC
	}
	return unix.O_NONBLOCK
}

// await waits until nothing uses a module, as long as it may.
func (u *unloader) await(name string) error {
	if u.o.DryRun && u.o.Holders || u.o.Force {
		return nil
	}
	for pause := time.Millisecond; running.inUse(name) && u.pause(&pause); {
	}
	return CheckUnused(name)
}

// pause sleeps a little longer each time; false at the deadline.
func (u *unloader) pause(d *time.Duration) bool {
	left := time.Until(u.deadline)
	if left <= 0 {
		return false
	}
	time.Sleep(min(*d, left))
	*d = min(*d*2, 100*time.Millisecond)
	return true
}

// unused goes through m's dependencies, users before what they need. One
// that is in use stays.
func (u *unloader) unused(m TreeModule) {
	for _, path := range m.deps {
		name := CanonicalName(path)
		if running.state(name) != StateLive || running.refcnt(name) != 0 {
			continue
		}
		_ = u.one(name, "") // somebody may have taken it meanwhile
	}
}

// RemoveOptions changes what RemoveWith does.
type RemoveOptions struct {
	Wait  time.Duration // how long the module may stay in use before that is an error
	Force bool          // also in use, where the kernel has CONFIG_MODULE_FORCE_UNLOAD; may crash the machine
	Each  func(name string)
}

// RemoveWith unloads one module from the running kernel, and nothing else. Each is
// called once the module is seen to be unused; nil for nothing. A refusal is a
// *LoadError with what holds the module.
func RemoveWith(name string, o RemoveOptions) error {
	if name = CanonicalName(name); running.state(name) == StateNone {
		return fmt.Errorf("unload module %s: %w", name, ErrNotLoaded)
	}
	u := unloader{tree: &Tree{}, deadline: time.Now().Add(o.Wait), o: UnloadOptions{Wait: o.Wait, Force: o.Force}}
	if o.Each != nil {
		u.o.Each = func(name, _ string) { o.Each(name) }
	}
	return u.one(name, "")
}

// Remove unloads one module, as the package function does.
func (t *Tree) Remove(name string) error { return Remove(name) }
