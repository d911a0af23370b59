// SPDX-License-Identifier: MIT

package footprint

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/kmodlab/kmodlab/kmod"
)

// Undone says what was undone, and what was not.
type Undone struct {
	Unloaded []string // modules
	Removed  []string // files
	Kept     []string // what stays because it is not the run's any more, in words
	Left     []Left
}

// Remains says what was not undone, a sentence each.
func (u Undone) Remains() []string {
	list := slices.Clone(u.Kept)
	for _, l := range u.Left {
		list = append(list, l.String())
	}
	return list
}

// Left is something of a run that is still there.
type Left struct {
	What string // such as "module m is loaded"
	Why  string // empty if nobody has tried to undo it
	Do   string // what a person can do
}

func (l Left) String() string {
	text := l.What
	if l.Why != "" {
		text += ": " + l.Why
	}
	return text + ": " + l.Do
}

// Mend is what a person types to have it undone.
const Mend = "sudo kmodlab doctor --mend"

// Undo undoes all that is noted: what this run changed, and what earlier runs left. What is left stays in the notes.
func (c *Claim) Undo(ctx context.Context) Undone {
	var u Undone
	var left []note
	for i, n := range slices.Backward(c.notes) {
		n = c.machine.addOthers(n, c.own && i == len(c.notes)-1, &u)
		if n = c.machine.undo(ctx, n, &u); !n.empty() {
			left = append(left, n)
		}
	}
	if len(c.notes) == 0 {
		return u
	}
	slices.Reverse(left)
	c.notes, c.own = left, false
	if err := c.machine.write(left); err != nil {
		u.Left = append(u.Left, Left{"a note of what has been undone", err.Error(), Mend})
	}
	return u
}

// undo undoes one note, and returns what is left of it.
func (m Machine) undo(ctx context.Context, n note, u *Undone) note {
	left := note{Boot: n.Boot, Release: n.Release, Tree: n.Tree, Folders: n.Folders}
	// First the files and the index, so that no modprobe finds them any more. One that is under way when its run is
	// killed gets the time of a depmod to load its module.
	left.Files = append(m.removeFiles(n, u), m.index(ctx, n, u)...)
	if !m.isBoot(n) {
		m.tellReloaded(n, u)
		return left
	}
	stay, failed := m.unload(ctx, n.Modules, u)
	left.Modules = stay
	u.Left = append(u.Left, failed...)
	return left
}

// addOthers adds the modules that were loaded since a note was made, because its modules have asked for them or because
// something else has. At the run's own end those that nobody uses go, as they do when the run comes to its end; later
// they are only named.
func (m Machine) addOthers(n note, own bool, u *Undone) note {
	now, err := m.loaded()
	if err != nil || n.Before == nil || !m.isBoot(n) {
		return n
	}
	for _, name := range n.Before {
		delete(now, name)
	}
	for _, mod := range n.Modules {
		delete(now, mod.Name)
	}
	names := slices.Sorted(maps.Keys(now))
	if !own {
		if len(names) > 0 {
			u.Kept = append(u.Kept, "loaded since that run began, by it or by something else: "+strings.Join(names, ", ")+
				": modprobe -r unloads what nobody uses")
		}
		return n
	}
	var others []Module
	for _, name := range names {
		others = append(others, Module{Name: name, Tree: true})
	}
	n.Modules = slices.Concat(others, n.Modules)
	return n
}

// isBoot reports whether the modules of a note may still be loaded. If that is unknown, they may.
func (m Machine) isBoot(n note) bool {
	boot, err := m.boot()
	return err != nil || boot == n.Boot
}

// removeFiles removes what was installed, and the folders that were made for it. It returns what it could not remove.
func (m Machine) removeFiles(n note, u *Undone) (left []file) {
	for _, f := range n.Files {
		target := filepath.Join(n.Tree, f.Path)
		err := os.Remove(target + partial)
		is, ours := state(target, f)
		if ours {
			err = os.Remove(target)
		}
		switch {
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			left = append(left, f)
			u.Left = append(u.Left, Left{target + " is installed", err.Error(), "remove it, then: " + Mend})
		case ours:
			u.Removed = append(u.Removed, target)
		case is:
			u.Kept = append(u.Kept, target+" has been replaced since, so it stays")
		}
	}
	for _, folder := range slices.Backward(n.Folders) {
		os.Remove(filepath.Join(n.Tree, folder)) // it stays if somebody else has put something into it
	}
	return left
}

// state reports whether a file is there, and whether it has the content that was noted.
func state(target string, f file) (is, ours bool) {
	fi, err := os.Lstat(target)
	if err != nil {
		return false, false
	}
	if !fi.Mode().IsRegular() {
		return true, false
	}
	data, err := os.ReadFile(target)
	sum := sha256.Sum256(data)
	return true, err == nil && hex.EncodeToString(sum[:]) == f.SHA256
}

// index has the machine's depmod write the index without the files. If it still names one, that file is returned, to
// be looked at again.
func (m Machine) index(ctx context.Context, n note, u *Undone) []file {
	if _, err := os.Stat(n.Tree); err != nil || len(n.Files) == 0 {
		return nil // the kernel was removed, and its index with it
	}
	err := m.Depmod(ctx, n.Release)
	stale := staleFiles(n)
	if len(stale) == 0 {
		return nil
	}
	why := ""
	if err != nil {
		why = err.Error()
	}
	u.Left = append(u.Left, Left{staleIndex(n), why, "depmod -a " + n.Release + ", then: " + Mend})
	return stale
}

// staleFiles returns the files that are gone and that modules.dep names.
func staleFiles(n note) []file {
	data, _ := os.ReadFile(filepath.Join(n.Tree, "modules.dep")) // none names nothing
	var list []file
	for _, f := range n.Files {
		is, _ := state(filepath.Join(n.Tree, f.Path), f)
		if !is && (bytes.HasPrefix(data, []byte(f.Path+":")) || bytes.Contains(data, []byte("\n"+f.Path+":"))) {
			list = append(list, f)
		}
	}
	return list
}

func staleIndex(n note) string {
	return "the index of the modules of " + n.Release + " names files that are gone"
}

// unload unloads what is loaded of a list, users first. It tries again for a while: whoever uses a module may end. It
// returns which stay, and why.
func (m Machine) unload(ctx context.Context, list []Module, u *Undone) (stay []Module, left []Left) {
	w := &unloading{machine: m, results: make(map[string]error), undone: u}
	for began := time.Now(); ; {
		now, err := m.loaded()
		if err != nil {
			return list, []Left{{"cannot tell which modules are loaded", err.Error(), "restart this machine"}}
		}
		w.now = now
		w.list = slices.DeleteFunc(slices.Clone(list), func(mod Module) bool { _, is := now[mod.Name]; return !is })
		limit := m.Patience
		if w.moving() {
			limit *= 5
		}
		if w.round(ctx) {
			continue
		}
		if !w.wanted() || ctx.Err() != nil || time.Since(began) > limit {
			return w.stays()
		}
		select {
		case <-time.After(m.Patience / 20):
		case <-ctx.Done():
		}
	}
}

// unloading is the work of unloading what is loaded of a list.
type unloading struct {
	machine Machine
	list    []Module
	now     map[string]kmod.LoadedModule
	results map[string]error // of the last try with each module
	undone  *Undone
}

// inUse reports whether a module is one of the kernel's own that has other users. It stays.
func (w *unloading) inUse(mod Module) bool { return mod.Tree && w.now[mod.Name].Refcnt > 0 }

// wanted reports whether some module should go.
func (w *unloading) wanted() bool {
	return slices.ContainsFunc(w.list, func(mod Module) bool { return !w.inUse(mod) })
}

// moving reports whether some module is just being loaded or unloaded.
func (w *unloading) moving() bool {
	return slices.ContainsFunc(w.list, func(mod Module) bool { return w.now[mod.Name].State != kmod.StateLive })
}

// round tries each module, and reports whether one went.
func (w *unloading) round(ctx context.Context) (progress bool) {
	for _, mod := range slices.Backward(w.list) {
		if err, tried := w.results[mod.Name]; tried && err == nil {
			w.results[mod.Name] = errors.New("it was unloaded, and something has loaded it again")
			continue
		}
		if w.inUse(mod) || w.now[mod.Name].State != kmod.StateLive {
			continue
		}
		w.machine.disablePatch(mod.Name)
		err := w.machine.Unload(ctx, mod.Name)
		if w.results[mod.Name] = err; err == nil {
			w.undone.Unloaded = append(w.undone.Unloaded, mod.Name)
			progress = true
		}
	}
	return progress
}

// stays says of the modules that are loaded why they are.
func (w *unloading) stays() (stay []Module, left []Left) {
	for _, mod := range w.list {
		if w.inUse(mod) {
			w.undone.Kept = append(w.undone.Kept,
				fmt.Sprintf("the kernel's own module %s stays loaded: it is in use", mod.Name))
			continue
		}
		l := Left{What: isLoaded(mod), Do: "restart this machine if it never does"}
		switch err := w.results[mod.Name]; w.now[mod.Name].State {
		case kmod.StateComing:
			l.Why = "its init function has not returned"
		case kmod.StateGoing:
			l.Why = "its exit function has not returned"
		default:
			l.Do = "stop whatever uses it, then: " + Mend + "; if it never goes, restart this machine"
			if err != nil {
				l.Why = err.Error()
			}
		}
		stay, left = append(stay, mod), append(left, l)
	}
	return stay, left
}

func isLoaded(mod Module) string { return "module " + mod.Name + " is loaded" }

// tellReloaded names modules that are loaded although the machine was restarted since. Which file they came from is not
// known, so they stay.
func (m Machine) tellReloaded(n note, u *Undone) {
	now, err := m.loaded()
	if err != nil {
		return // then nothing is claimed of them
	}
	for _, mod := range n.Modules {
		if _, is := now[mod.Name]; is && !mod.Tree {
			u.Kept = append(u.Kept, fmt.Sprintf("module %s was loaded after this machine restarted, so it stays: rmmod %s "+
				"if nobody needs it", mod.Name, mod.Name))
		}
	}
}
