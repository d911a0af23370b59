// SPDX-License-Identifier: MIT

package footprint

import (
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
	"strconv"

	"github.com/kmodlab/kmodlab/kmod"
)

// Claim is the right to change this machine's kernel; one run at a time has it. It belongs to one goroutine.
type Claim struct {
	machine Machine
	lock    *os.File
	notes   []note
	own     bool // the last note is of this run
}

// Claim takes the right, or fails soon: a *BusyError if another run has it.
func (m Machine) Claim() (*Claim, error) {
	if err := m.makeDir(); err != nil {
		return nil, err
	}
	lock, err := m.lock()
	if err != nil {
		return nil, err
	}
	list, err := m.read()
	if err != nil {
		lock.Close()
		return nil, err
	}
	if err := lock.Truncate(0); err == nil { // the number only serves the message of a *BusyError
		lock.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	return &Claim{machine: m, lock: lock, notes: list}, nil
}

// Release gives the right up. What was not undone stays in the notes.
func (c *Claim) Release() {
	c.lock.Truncate(0) // the number of a killed run stays, and is overwritten by the next
	c.lock.Close()
}

// Change is what a run wants to change.
type Change struct {
	Release, Tree string
	Files         []Source // to be installed
	Modules       []Module // that it may load, in load order
}

// Source is a file to be installed at a path below the module tree.
type Source struct{ From, Path string }

// content is a file that was read, with its place.
type content struct {
	target string
	data   []byte
}

// Make notes a change, and only then installs the files and writes the index. It never replaces a file. After an error
// as well, Undo undoes what was done.
func (c *Claim) Make(ctx context.Context, ch Change) error {
	n := note{Release: ch.Release, Tree: ch.Tree}
	var err error
	if n.Boot, err = c.machine.boot(); err != nil {
		return err
	}
	before, err := c.machine.loaded()
	if err != nil {
		return err
	}
	n.Before = slices.AppendSeq([]string{}, maps.Keys(before))
	slices.Sort(n.Before)
	for _, m := range ch.Modules {
		if _, is := before[m.Name]; !is { // else it is somebody else's
			n.Modules = append(n.Modules, m)
		}
	}
	var files []content
	for _, s := range ch.Files {
		data, err := kmod.ReadFile(s.From)
		if err != nil {
			return fmt.Errorf("install module: %w", err)
		}
		target := filepath.Join(ch.Tree, s.Path)
		if _, err := os.Lstat(target); err == nil {
			return exists(target)
		}
		files = append(files, content{target, data})
		sum := sha256.Sum256(data)
		n.Files = append(n.Files, file{s.Path, hex.EncodeToString(sum[:])})
		n.Folders = append(n.Folders, missing(ch.Tree, s.Path)...)
	}
	slices.Sort(n.Folders) // an outer one is shorter, so it comes first
	n.Folders = slices.Compact(n.Folders)
	if n.empty() {
		return nil
	}
	c.notes, c.own = append(c.notes, n), true
	if err := c.machine.write(c.notes); err != nil {
		c.notes, c.own = c.notes[:len(c.notes)-1], false // nothing has been changed yet
		return fmt.Errorf("%w: --here needs this to undo a run that was killed", err)
	}
	for i, f := range files {
		if err := install(f); err != nil {
			if errors.Is(err, fs.ErrExist) { // it came this moment, and is not ours
				c.forget(i)
				return exists(f.target)
			}
			return fmt.Errorf("install module: %w", err)
		}
	}
	if len(files) == 0 {
		return nil
	}
	return c.machine.Depmod(ctx, ch.Release)
}

func exists(target string) error {
	return fmt.Errorf("install %s: the file exists: remove it first, or run in a VM, without --here", target)
}

// forget strikes file i and those after it, which were not installed, out of the newest note. If that cannot be
// written, a later Undo still removes only files with our content.
func (c *Claim) forget(i int) {
	n := &c.notes[len(c.notes)-1]
	n.Files = n.Files[:i]
	c.machine.write(c.notes)
}

// missing returns the folders on the way to a file that are not there yet.
func missing(tree, path string) []string {
	var list []string
	for dir := filepath.Dir(path); dir != "."; dir = filepath.Dir(dir) {
		if _, err := os.Lstat(filepath.Join(tree, dir)); errors.Is(err, fs.ErrNotExist) {
			list = append(list, dir)
		}
	}
	return list
}

// partial ends the name of a file that is being written. depmod does not see it.
const partial = ".kmodlab"

// install writes a file under another name first, so that a file at its place is always whole.
func install(f content) error {
	if err := os.MkdirAll(filepath.Dir(f.target), 0o755); err != nil {
		return err
	}
	if err := writeSynced(f.target+partial, f.data); err != nil {
		return err
	}
	// Unlike a rename, a link never replaces a file.
	return errors.Join(os.Link(f.target+partial, f.target), os.Remove(f.target+partial))
}
