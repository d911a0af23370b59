// SPDX-License-Identifier: MIT

// Package footprint keeps what a run changes on this machine's own kernel (--here): the files that it installs and the
// modules that it loads. They are written down before anything changes, and undone at the end. If the run is killed,
// the next one finds the notes and undoes it. What is left is always looked up, never assumed.
package footprint

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
)

// note is what one run is about to change. Paths are below Tree.
type note struct {
	Boot    string   `json:"boot"`    // of the kernel that loads the modules: they do not outlive it
	Release string   `json:"release"` // for depmod
	Tree    string   `json:"tree"`    // the module tree
	Folders []string `json:"folders"` // that are made for the files, the outermost first
	Files   []file   `json:"files"`
	Modules []Module `json:"modules"` // that are not loaded yet, in load order
	// Before are the modules that were loaded already: what is new besides may be the run's, too. It is nil once that
	// was told.
	Before []string `json:"before"`
}

// file is a file that is installed. Its content tells it from one that took its place later.
type file struct {
	Path   string `json:"path"`
	SHA256 string `json:"sha256"`
}

// Module is a module that may be loaded. One of the kernel's own tree may have other users than the run.
type Module struct {
	Name string `json:"name"`
	Tree bool   `json:"tree"`
}

const (
	schema = "kmodlab.here/1"
	// maxNotes bounds the file of notes, in bytes.
	maxNotes = 4 << 20
	maxName  = 63 // of a module in the kernel
)

// notes is the file of notes.
type notes struct {
	Schema string `json:"schema"`
	Runs   []note `json:"runs"`
}

// encode returns notes as they lie on the disk.
func encode(list []note) ([]byte, error) {
	for _, n := range list {
		if err := n.check(); err != nil {
			return nil, err
		}
	}
	data, err := json.MarshalIndent(notes{schema, list}, "", "\t")
	if err != nil {
		return nil, fmt.Errorf("encode notes: %w", err)
	}
	return append(data, '\n'), nil
}

// decode reads notes. It accepts no path that leads out of a module tree, and no name that a command would take for an
// option: what a note names is removed and unloaded by root.
func decode(data []byte) ([]note, error) {
	if len(data) > maxNotes {
		return nil, fmt.Errorf("decode notes: more than %d bytes", maxNotes)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	var n notes
	if err := d.Decode(&n); err != nil {
		return nil, fmt.Errorf("decode notes: %w", err)
	}
	if d.More() {
		return nil, errors.New("decode notes: something follows them")
	}
	if n.Schema != schema {
		return nil, fmt.Errorf("decode notes: they are of %.40q, this program reads %q", n.Schema, schema)
	}
	for _, run := range n.Runs {
		if err := run.check(); err != nil {
			return nil, fmt.Errorf("decode notes: %w", err)
		}
	}
	return n.Runs, nil
}

func (n note) check() error {
	if !plain(n.Release) || n.Release == "." || n.Release == ".." {
		return fmt.Errorf("%.80q is not a kernel's release", n.Release)
	}
	if !filepath.IsAbs(n.Tree) || filepath.Clean(n.Tree) != n.Tree || n.Tree == "/" {
		return fmt.Errorf("%.80q is not a module tree", n.Tree)
	}
	for _, folder := range n.Folders {
		if !below(folder) {
			return fmt.Errorf("%.80q is not a folder of a module tree", folder)
		}
	}
	for _, f := range n.Files {
		if !below(f.Path) || !isModule(f.Path) {
			return fmt.Errorf("%.80q is not a module's file", f.Path)
		}
		if sum, err := hex.DecodeString(f.SHA256); err != nil || len(sum) != 32 {
			return fmt.Errorf("%.80q is not a SHA-256", f.SHA256)
		}
	}
	names := slices.Clone(n.Before)
	for _, m := range n.Modules {
		names = append(names, m.Name)
	}
	for _, name := range names {
		if !plain(name) || len(name) > maxName {
			return fmt.Errorf("%.80q is not a module's name", name)
		}
	}
	return nil
}

// below reports whether a path stays below the folder that it belongs to.
func below(path string) bool {
	return filepath.IsLocal(path) && filepath.Clean(path) == path && path != "." && !strings.ContainsRune(path, 0)
}

func isModule(path string) bool {
	for _, ending := range []string{".ko", ".ko.gz", ".ko.xz", ".ko.zst"} {
		if name, ok := strings.CutSuffix(filepath.Base(path), ending); ok && name != "" {
			return true
		}
	}
	return false
}

// plain reports whether a name is one word, and no option.
func plain(name string) bool {
	odd := func(r rune) bool {
		return r == '/' || r == unicode.ReplacementChar || !unicode.IsGraphic(r) || unicode.IsSpace(r)
	}
	return name != "" && name[0] != '-' && !strings.ContainsFunc(name, odd)
}

// empty reports whether nothing is left of what the note names.
func (n note) empty() bool { return len(n.Files) == 0 && len(n.Modules) == 0 }
