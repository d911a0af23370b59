// SPDX-License-Identifier: MIT

// Package scratch makes temporary folders that a killed run does not leave for ever: whoever makes the next one
// removes those whose maker is gone.
package scratch

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"

	"github.com/kmodlab/kmodlab/internal/beneath"
	"github.com/kmodlab/kmodlab/internal/filelock"
	"github.com/kmodlab/kmodlab/internal/private"
)

// Folder is a temporary folder of this process, until it is closed.
type Folder struct {
	Path string
	lock *os.File // held as long as the folder is used; the kernel releases it when the process ends
}

const suffix = ".lock"

// Make makes a folder below dir and removes what killed processes left there. If dir cannot be written to, as in a
// cache that is only to be read, a folder of this user's own among the temporary ones takes its place.
func Make(dir, name string) (*Folder, error) {
	folder, err := makeIn(dir, name)
	if err == nil {
		return folder, nil
	}
	if folder, elsewhere := MakeOutside(name); elsewhere == nil {
		return folder, nil
	}
	return nil, fmt.Errorf("make a temporary folder: %w", err)
}

// MakeOutside is Make for what has no place in a cache: this user's own folder among the temporary ones.
func MakeOutside(name string) (*Folder, error) {
	own := filepath.Join(os.TempDir(), fmt.Sprintf("kmodlab-%d", os.Geteuid()))
	if err := private.Make(own); err != nil {
		return nil, fmt.Errorf("make a temporary folder: %w", err)
	}
	folder, err := makeIn(own, name)
	if err != nil {
		return nil, fmt.Errorf("make a temporary folder: %w", err)
	}
	return folder, nil
}

func makeIn(dir, name string) (*Folder, error) {
	if err := private.Make(dir); err != nil { // else somebody else says what is swept, and sees what is made
		return nil, err
	}
	Sweep(dir)
	path, lock := "", (*os.File)(nil)
	for lock == nil {
		var err error
		path = filepath.Join(dir, name+"-"+rand.Text())
		// It may be taken for one that was left, by who sweeps at this moment.
		if lock, err = filelock.Try(path + suffix); err != nil && !errors.Is(err, filelock.ErrHeld) {
			return nil, err
		}
	}
	if err := os.Mkdir(path, 0o700); err != nil {
		return nil, errors.Join(err, os.Remove(lock.Name()), lock.Close())
	}
	return &Folder{Path: path, lock: lock}, nil
}

// Close removes the folder and what is in it. If something cannot be removed, whoever makes the next one tries again.
func (f *Folder) Close() error {
	err := beneath.RemoveAll(f.Path)
	if err == nil {
		err = os.Remove(f.lock.Name())
	}
	return errors.Join(err, f.lock.Close())
}

// own is the name of a folder that Make has made, or of its lock. Only those are removed.
var own = regexp.MustCompile(`^([^/]+-[A-Z2-7]{26})(` + regexp.QuoteMeta(suffix) + `)?$`)

// Sweep removes the folders in dir whose lock nobody holds, also those without a lock's file. dir must be this user's
// alone.
func Sweep(dir string) {
	left := make(map[string]bool)
	entries, _ := os.ReadDir(dir) // what can be read of it
	for _, e := range entries {
		if m := own.FindStringSubmatch(e.Name()); m != nil {
			left[filepath.Join(dir, m[1])] = true
		}
	}
	for path := range left {
		lock, err := filelock.Try(path + suffix)
		if err != nil {
			continue // somebody uses it, or somebody else removes it
		}
		if beneath.RemoveAll(path) == nil {
			os.Remove(path + suffix) // else the next one tries again
		}
		lock.Close()
	}
}
