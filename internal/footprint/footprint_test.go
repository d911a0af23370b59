// SPDX-License-Identifier: MIT

package footprint

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/kmodlab/kmodlab/kmod"
)

// TestUndo: a run changes the machine, and undoes it.
func TestUndo(t *testing.T) {
	f := newFake(t)
	c := f.begin()
	want := []string{"extra", "extra/labs", "extra/labs/m.ko", "extra/labs/n.ko"}
	if list := f.installed(); !reflect.DeepEqual(list, want) || f.depmods != 1 {
		t.Errorf("installed %q, depmod was run %d times", list, f.depmods)
	}
	u := c.Undo(t.Context())
	if !reflect.DeepEqual(u.Unloaded, []string{"n", "m", "crc16"}) || len(u.Removed) != 2 || u.words() != "" {
		t.Errorf("%+v, want n, m and crc16 unloaded, in this order, and two files removed", u)
	}
	c.Release()
	f.clean()
}

// TestKilled: what a killed run left is seen, and undone by the next one.
func TestKilled(t *testing.T) {
	f := newFake(t)
	f.killed()
	left, err := f.Look()
	if err != nil || len(left) != 5 {
		t.Errorf("left %v, %v; want three modules and two files", left, err)
	}
	for _, l := range left {
		if !strings.HasSuffix(l.String(), ": "+Mend) {
			t.Errorf("%q does not say what to type", l)
		}
	}
	c := f.claim()
	if u := c.Undo(t.Context()); len(u.Unloaded) != 3 || len(u.Removed) != 2 || u.words() != "" {
		t.Errorf("%+v, want everything undone", u)
	}
	c.Release()
	f.clean()
}

// TestKilledAnywhere: a run may be killed after each of its steps. The note is on the disk before the first of them.
func TestKilledAnywhere(t *testing.T) {
	for name, undo := range map[string]func(*fake){ // takes back what the run did not come to
		"before the first file": func(f *fake) { os.RemoveAll(filepath.Join(f.tree, "extra")) },
		"in a file": func(f *fake) {
			os.RemoveAll(filepath.Join(f.tree, "extra"))
			f.write("lib/modules/6.1.0/extra/labs/m.ko"+partial, "modu")
		},
		"between link and remove": func(f *fake) { f.write("lib/modules/6.1.0/extra/labs/m.ko"+partial, "module m") },
		"between the files":       func(f *fake) { os.Remove(filepath.Join(f.tree, "extra/labs/n.ko")) },
		"before depmod":           func(f *fake) { f.write("lib/modules/6.1.0/modules.dep", "") },
		"between the loads":       func(f *fake) { f.unloadOne(t.Context(), "n") },
		"at the end":              func(*fake) {},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			f.killed()
			undo(f)
			c := f.claim()
			if u := c.Undo(t.Context()); u.words() != "" {
				t.Errorf("not undone: %s", u.words())
			}
			c.Release()
			f.clean()
		})
	}
}

// TestRefused: a module that does not unload is named, with the reason and what to do; it stays noted, also while
// another run does its work, until it goes.
func TestRefused(t *testing.T) {
	f := newFake(t)
	c := f.begin()
	f.refused["m"] = errors.New("module m is in use by 1 process")
	u := c.Undo(t.Context())
	words := u.words()
	if !strings.Contains(words, "module m is loaded: module m is in use by 1 process: stop whatever uses it, then: "+Mend) {
		t.Errorf("said %q", words)
	}
	if f.isLoaded("n") || len(f.installed()) > 0 {
		t.Error("the rest was not undone")
	}
	c.Release()
	if left, err := f.Look(); err != nil || len(left) != 1 || !strings.Contains(left[0].What, "module m") {
		t.Errorf("left %v, %v, want m", left, err)
	}
	other := f.claim()
	change := Change{Release: "6.1.0", Tree: f.tree, Modules: []Module{{"o", false}}}
	if err := other.Make(t.Context(), change); err != nil {
		t.Fatal(err)
	}
	f.load("o", kmod.StateLive, 0)
	if u := other.Undo(t.Context()); len(u.Left) != 1 || f.isLoaded("o") {
		t.Errorf("%+v, want only m left", u)
	}
	delete(f.refused, "m")
	if u := other.Undo(t.Context()); u.words() != "" {
		t.Errorf("still: %s", u.words())
	}
	other.Release()
	f.clean()
}

// TestStates: what is being loaded or unloaded is waited for, and then named.
func TestStates(t *testing.T) {
	for state, want := range map[kmod.State]string{
		kmod.StateComing: "module m is loaded: its init function has not returned: restart this machine if it never does",
		kmod.StateGoing:  "module m is loaded: its exit function has not returned: restart this machine if it never does",
	} {
		f := newFake(t)
		c := f.claim()
		change := Change{Release: "6.1.0", Tree: f.tree, Modules: []Module{{"m", false}}}
		if err := c.Make(t.Context(), change); err != nil {
			t.Fatal(err)
		}
		f.load("m", state, 1)
		if words := c.Undo(t.Context()).words(); !strings.Contains(words, want) {
			t.Errorf("%s: said %q", state, words)
		}
		looks := 0
		f.looks = func() { // the third time that somebody looks, it is live
			if looks++; looks == 3 {
				f.modules[0].State, f.modules[0].Refcnt = kmod.StateLive, 0
			}
		}
		c.machine.Patience = 4 * time.Second // which is not used up
		if u := c.Undo(t.Context()); u.words() != "" || len(u.Unloaded) != 1 {
			t.Errorf("%s, and then live: %+v", state, u)
		}
	}
}

// TestKernelsOwn: a module of the kernel's own that others use meanwhile is theirs. What was loaded before the run was
// never the run's.
func TestKernelsOwn(t *testing.T) {
	f := newFake(t)
	f.load("m", kmod.StateLive, 0)
	c := f.claim()
	if err := c.Make(t.Context(), f.change()); err != nil {
		t.Fatal(err)
	}
	f.load("crc16", kmod.StateLive, 1)
	u := c.Undo(t.Context())
	if !f.isLoaded("m") || !f.isLoaded("crc16") || len(u.Left) > 0 || !strings.Contains(u.words(), "crc16") {
		t.Errorf("loaded %v, %+v", f.modules, u)
	}
	c.Release()
	f.noNotes()
}

// TestOthers: what else was loaded meanwhile goes with the run, if nobody uses it. Later nobody knows whose it is.
func TestOthers(t *testing.T) {
	f := newFake(t)
	f.load("old", kmod.StateLive, 0)
	c := f.begin()
	f.load("asked_for", kmod.StateLive, 0)
	f.load("used", kmod.StateLive, 1)
	u := c.Undo(t.Context())
	if f.isLoaded("asked_for") || !f.isLoaded("old") || !f.isLoaded("used") || len(u.Left) > 0 {
		t.Errorf("loaded %v, %+v", f.modules, u)
	}
	c.Release()
	f.killed()
	f.load("asked_for", kmod.StateLive, 0)
	c = f.claim()
	u = c.Undo(t.Context())
	if !f.isLoaded("asked_for") || f.isLoaded("m") || !strings.Contains(u.words(), "by something else: asked_for: ") {
		t.Errorf("loaded %v, %+v", f.modules, u)
	}
	c.Release()
	f.noNotes()
}

// TestComesBack: a module that something loads again and again does not keep us for ever.
func TestComesBack(t *testing.T) {
	f := newFake(t)
	c := f.begin()
	c.machine.Unload = func(context.Context, string) error { return nil }
	if words := c.Undo(t.Context()).words(); !strings.Contains(words, "module m is loaded: ") {
		t.Errorf("said %q", words)
	}
}

// TestPatch: the kernel lets a live patch go once it is disabled.
func TestPatch(t *testing.T) {
	f := newFake(t)
	c := f.begin()
	enabled := f.write("sys/kernel/livepatch/m/enabled", "1")
	c.Undo(t.Context())
	if data, err := os.ReadFile(enabled); string(data) != "0" {
		t.Errorf("enabled is %q, %v", data, err)
	}
}

// TestReboot: the modules are gone then, the files are not. A module that was loaded since may be anybody's.
func TestReboot(t *testing.T) {
	f := newFake(t)
	f.killed()
	f.modules = nil
	f.load("m", kmod.StateLive, 0)
	f.write("proc/sys/kernel/random/boot_id", "second\n")
	left, err := f.Look()
	if err != nil || len(left) != 2 {
		t.Errorf("left %v, %v, want two files", left, err)
	}
	c := f.claim()
	u := c.Undo(t.Context())
	if len(u.Unloaded) > 0 || len(u.Removed) != 2 || !strings.Contains(u.words(), "rmmod m if nobody needs it") {
		t.Errorf("%+v, want the files removed and m named", u)
	}
	c.Release()
	f.modules = nil
	f.clean()
}

// TestKernelRemoved: a package manager may have removed the kernel, and its tree with it.
func TestKernelRemoved(t *testing.T) {
	f := newFake(t)
	f.killed()
	if err := os.RemoveAll(f.tree); err != nil {
		t.Fatal(err)
	}
	c := f.claim()
	if u := c.Undo(t.Context()); len(u.Left) > 0 || f.depmods != 1 {
		t.Errorf("%+v, depmod was run %d times", u, f.depmods)
	}
	c.Release()
	f.noNotes()
}

// TestReplaced: a file that took the place of ours is somebody's.
func TestReplaced(t *testing.T) {
	f := newFake(t)
	f.killed()
	f.write("lib/modules/6.1.0/extra/labs/m.ko", "another m")
	c := f.claim()
	u := c.Undo(t.Context())
	if len(u.Removed) != 1 || !strings.Contains(u.words(), "m.ko has been replaced since, so it stays") {
		t.Errorf("%+v", u)
	}
	if list := f.installed(); len(list) != 3 {
		t.Errorf("installed %q, want m.ko with its folders", list)
	}
	c.Release()
	f.noNotes()
}

// TestTaken: a file that is there is neither replaced nor removed, and nothing else is changed.
func TestTaken(t *testing.T) {
	f := newFake(t)
	own := f.write("lib/modules/6.1.0/extra/labs/n.ko", "module n")
	c := f.claim()
	err := c.Make(t.Context(), f.change())
	if err == nil || !strings.Contains(err.Error(), "the file exists") {
		t.Errorf("%v, want that the file exists", err)
	}
	if u := c.Undo(t.Context()); !reflect.DeepEqual(u, Undone{}) || f.depmods > 0 {
		t.Errorf("%+v, depmod was run %d times", u, f.depmods)
	}
	if _, err := os.Stat(own); err != nil {
		t.Error(err)
	}
	c.Release()
	f.noNotes()
}

// TestIndex: an index that still names what is gone is something that is left.
func TestIndex(t *testing.T) {
	f := newFake(t)
	c := f.begin()
	f.broken = errors.New("no such command")
	words := c.Undo(t.Context()).words()
	want := "the index of the modules of 6.1.0 names files that are gone: no such command: depmod -a 6.1.0"
	if !strings.Contains(words, want) {
		t.Errorf("said %q", words)
	}
	c.Release()
	if left, err := f.Look(); err != nil || len(left) != 1 {
		t.Errorf("left %v, %v, want the index", left, err)
	}
	f.broken = nil
	c = f.claim()
	if u := c.Undo(t.Context()); u.words() != "" {
		t.Errorf("still: %s", u.words())
	}
	c.Release()
	f.clean()
}
