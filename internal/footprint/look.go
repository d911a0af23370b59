// SPDX-License-Identifier: MIT

package footprint

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Look finds what runs have left, and changes nothing. Besides a *BusyError while a run is at work it may fail because
// something cannot be read; then nothing is known.
func (m Machine) Look() ([]Left, error) {
	// With the lock nothing changes meanwhile. Who may not have it can look all the same.
	lock, err := m.lock()
	switch {
	case err == nil:
		defer lock.Close()
	case !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission):
		return nil, err
	}
	return m.Peek()
}

// Peek is Look while a run of this process is at work: what it finds may change meanwhile.
func (m Machine) Peek() ([]Left, error) {
	list, err := m.read()
	if err != nil || len(list) == 0 {
		return nil, err
	}
	now, err := m.loaded()
	if err != nil {
		return nil, err
	}
	var left []Left
	for _, n := range list {
		if m.isBoot(n) {
			for _, mod := range n.Modules {
				if _, is := now[mod.Name]; is {
					left = append(left, Left{What: isLoaded(mod), Do: Mend})
				}
			}
		}
		left = append(left, n.installed()...)
	}
	return left, nil
}

// Remains says what runs have left, a sentence each, for a run that was cut short. While another run is at work it says
// nothing: that one undoes what there is as well if need be, and what is there is in its notes.
func (m Machine) Remains() []string {
	left, err := m.Look()
	if _, busy := errors.AsType[*BusyError](err); busy {
		return nil
	}
	if err != nil {
		return []string{fmt.Sprintf("what is left is unknown: %v", err)}
	}
	var list []string
	for _, l := range left {
		list = append(list, l.String())
	}
	return list
}

// installed returns which files of a note are there.
func (n note) installed() []Left {
	var left []Left
	for _, f := range n.Files {
		target := filepath.Join(n.Tree, f.Path)
		if _, ours := state(target, f); ours {
			left = append(left, Left{What: target + " is installed", Do: Mend})
		}
		if _, err := os.Lstat(target + partial); err == nil {
			left = append(left, Left{What: target + partial + " is there", Do: Mend})
		}
	}
	if len(staleFiles(n)) > 0 {
		left = append(left, Left{What: staleIndex(n), Do: Mend})
	}
	return left
}
