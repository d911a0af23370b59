// SPDX-License-Identifier: MIT

package kbuild

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Entry is a build in the cache.
type Entry struct {
	ID      string
	Release string   // of the kernel that it is for
	Sources string   // the folder that they were in
	Modules []string // their names
	Bytes   int64    // of its files
	Built   time.Time
}

// List lists the builds in a cache, the oldest first. Builds in progress and what is no complete entry are left out.
func List(dir string) ([]Entry, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list builds: %w", err)
	}
	var list []Entry
	for _, e := range entries {
		path := filepath.Join(dir, e.Name(), "build.json")
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		var m meta
		st, err := os.Stat(path)
		if err != nil || json.Unmarshal(text, &m) != nil || m.Schema != metaSchema || m.ID != e.Name() {
			continue
		}
		entry := Entry{ID: m.ID, Release: m.Release, Sources: m.Sources, Bytes: int64(len(text)), Built: st.ModTime()}
		for _, f := range m.Files {
			entry.Bytes += f.Size
		}
		for _, b := range m.build(filepath.Join(dir, m.ID)).Modules {
			entry.Modules = append(entry.Modules, b.Name)
		}
		list = append(list, entry)
	}
	slices.SortFunc(list, func(a, b Entry) int {
		if d := a.Built.Compare(b.Built); d != 0 {
			return d
		}
		return strings.Compare(a.ID, b.ID)
	})
	return list, nil
}
