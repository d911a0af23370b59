// SPDX-License-Identifier: MIT

package kmod

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"syscall"
	"time"
)

// RemoveOptions changes what Remove does. The zero value is the default of modprobe -r,
// except that remove rules are ignored and every softdep line counts.
type RemoveOptions struct {
	Alone          bool          // this module and nothing else, without index and configuration (rmmod)
	Holders        bool          // first unload the modules that use it (modprobe --remove-holders)
	Wait           time.Duration // how long a module may stay in use before that is an error
	Force          bool          // even a module in use (CONFIG_MODULE_FORCE_UNLOAD); may crash the machine
	FirstTime      bool          // a module that is not loaded is an error
	IgnoreCommands bool          // no remove rule and no soft dependencies of the module asked for
	FirstSoftdep   bool          // of several softdep lines for a module only the first counts, as with kmod
	DryRun         bool          // change nothing
	ShowAll        bool          // ignore what is loaded (modprobe -r -D)
	// Each is called before each module is unloaded, with its remove rule, if any; nil
	// for nothing.
	Each func(name, command string)
	// Command runs a remove rule. If it is nil, remove rules are ignored.
	Command func(name, command string) error
}

// Remove unloads one module from the running kernel and nothing else: Tree.Remove with
// Alone. It does not wait for the module to become unused.
func Remove(name string) error {
	_, err := new(Tree).Remove(name, RemoveOptions{Alone: true})
	return err
}

// Remove unloads a module with its soft dependencies, and then what it needed and
// nothing uses any more, as modprobe -r does. It returns what it unloaded, also
// together with an error.
//
// With Alone, only Wait, Force, DryRun and Each count of the other options.
//
// A refusal by the kernel is a *LoadError that says what holds the module. A module
// that is not loaded is no error unless Alone or FirstTime is set; then it is
// ErrNotLoaded. A built-in is ErrBuiltin. Unloading needs CAP_SYS_MODULE.
func (t *Tree) Remove(name string, o RemoveOptions) ([]string, error) {
	if err := supported("unload module"); err != nil {
		return nil, err
	}
	if t == nil {
		return nil, fmt.Errorf("unload module: %w", errNoTree)
	}
	r := remover{tree: t, o: o, deadline: time.Now().Add(o.Wait), seen: map[string]bool{}}
	if o.Alone {
		return r.alone(CanonicalName(name))
	}
	found, err := t.Matches(name)
	if errors.Is(err, ErrNotFound) && running.state(CanonicalName(name)) != StateNone {
		// loaded from a file that is in no index
		found, err = []TreeModule{{Name: CanonicalName(name)}}, nil
	}
	if err != nil {
		return nil, err
	}
	for _, m := range found {
		if err := r.module(m, true); err != nil {
			return r.done, err
		}
	}
	return r.done, nil
}

// remover is one call of Remove.
type remover struct {
	tree     *Tree
	o        RemoveOptions
	deadline time.Time
	seen     map[string]bool // modules being unloaded: soft dependencies may form a cycle
	done     []string
}

func (r *remover) alone(name string) ([]string, error) {
	switch running.state(name) {
	case StateNone:
		return nil, fmt.Errorf("unload module %s: %w", cmp.Or(name, `""`), ErrNotLoaded)
	case StateBuiltin:
		return nil, fmt.Errorf("unload module %s: %w", name, ErrBuiltin)
	}
	err := r.one(name, "")
	return r.done, err
}

// module unloads one module with what belongs to it. asked is false for its
// soft dependencies; one of those that is built in is no error.
func (r *remover) module(m TreeModule, asked bool) error {
	if r.seen[m.Name] {
		return nil
	}
	r.seen[m.Name] = true
	defer delete(r.seen, m.Name)
	cfg, err := r.tree.Config()
	if err != nil {
		return err
	}
	var soft Softdep
	cmd := ""
	if !asked || !r.o.IgnoreCommands {
		if soft, err = r.tree.softdep(m.Name, r.o.FirstSoftdep); err != nil {
			return err
		}
		if r.o.Command != nil {
			cmd = ruleFor(cfg.Remove, m.Name)
		}
	}
	if cmd == "" && !r.o.ShowAll {
		if skip, err := r.absent(m, asked); skip || err != nil {
			return err
		}
	}
	r.softdeps(soft.Post)
	if err := r.holders(m.Name); err != nil {
		return err
	}
	if err := r.one(m.Name, cmd); err != nil {
		return err
	}
	r.unused(m)
	r.softdeps(soft.Pre)
	return nil
}

// absent reports whether there is nothing to unload.
func (r *remover) absent(m TreeModule, asked bool) (bool, error) {
	switch state := running.state(m.Name); {
	case m.Builtin || state == StateBuiltin:
		if !asked {
			return true, nil
		}
		return true, fmt.Errorf("unload module %s: %w", m.Name, ErrBuiltin)
	case state == StateNone && r.o.FirstTime && asked:
		return true, fmt.Errorf("unload module %s: %w", m.Name, ErrNotLoaded)
	case state == StateNone:
		return true, nil
	}
	return false, nil
}

// softdeps unloads names from last to first. One that cannot be unloaded is no error.
func (r *remover) softdeps(names []string) {
	mods, err := r.tree.resolveSoft(names)
	if err != nil {
		return
	}
	for i := len(mods) - 1; i >= 0; i-- {
		_ = r.module(mods[i], false)
	}
}

func (r *remover) holders(name string) error {
	if !r.o.Holders {
		return nil
	}
	for _, h := range slices.Backward(running.holders(name)) { // as kmod does
		m, ok, err := r.tree.module(h)
		if !ok || err != nil {
			m = TreeModule{Name: h}
		}
		if err := r.module(m, true); err != nil {
			return err
		}
	}
	return nil
}

func (r *remover) one(name, cmd string) error {
	if cmd == "" && !r.o.ShowAll {
		if running.state(name) == StateNone { // unloaded with a module that used it
			return nil
		}
		if err := r.await(name); err != nil {
			return err
		}
	}
	if r.o.Each != nil {
		r.o.Each(name, cmd)
	}
	if r.o.DryRun {
		return nil
	}
	if cmd != "" {
		return r.o.Command(name, cmd)
	}
	for pause := time.Millisecond; ; {
		err := deleteModule(name, r.o.Force)
		if err == nil {
			r.done = append(r.done, name)
			return nil
		}
		if !errors.Is(err, ErrInUse) || !r.pause(&pause) {
			return err
		}
	}
}

// await waits until nothing uses a module, up to the deadline.
func (r *remover) await(name string) error {
	if r.o.DryRun && r.o.Holders || r.o.Force {
		return nil
	}
	for pause := time.Millisecond; running.inUse(name) && r.pause(&pause); {
	}
	return checkUnused(name)
}

// pause sleeps a little longer each time; it returns false at the deadline.
func (r *remover) pause(d *time.Duration) bool {
	left := time.Until(r.deadline)
	if left <= 0 {
		return false
	}
	time.Sleep(min(*d, left))
	*d = min(*d*2, 100*time.Millisecond)
	return true
}

// unused unloads m's dependencies, users before what they need. One that is in use
// stays.
func (r *remover) unused(m TreeModule) {
	for _, path := range m.deps {
		name := CanonicalName(path)
		if running.state(name) != StateLive || running.refcnt(name) != 0 {
			continue
		}
		_ = r.one(name, "") // somebody may have started to use it
	}
}

// checkUnused returns the error that unloading a module in use would give, without the
// system call, as kmod's commands check first; nil for an unused module.
func checkUnused(name string) error {
	if !running.inUse(name) {
		return nil
	}
	if state := running.state(name); state == StateComing || state == StateGoing {
		return unloadError(name, syscall.EBUSY, nil)
	}
	return unloadError(name, syscall.EAGAIN, nil)
}
