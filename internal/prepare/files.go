// SPDX-License-Identifier: MIT

package prepare

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/kmod"
)

// Files reads each module's file once. It is safe for concurrent use; the zero value has
// no files.
type Files struct {
	paths map[string]string // by the module's name
	read  Memo[evidence.File]
}

func newFiles(list []kmod.PlannedModule) *Files {
	f := &Files{paths: make(map[string]string)}
	for _, m := range list {
		if f.paths[m.Name] == "" {
			f.paths[m.Name] = m.Path
		}
	}
	return f
}

// Get reads the file of a module, uncompressed. Err says why there is no Data.
func (f *Files) Get(name string) evidence.File {
	path, ok := f.paths[name]
	if !ok {
		return evidence.File{Err: "this run has no file of the module"}
	}
	file, _ := f.read.Get(path, func() (evidence.File, error) {
		file := evidence.File{Name: filepath.Base(path)}
		var err error
		if file.Data, err = kmod.ReadModule(path); err != nil {
			file.Err = err.Error()
		}
		return file, nil
	})
	return file
}

// All reads every file.
func (f *Files) All() map[string]evidence.File {
	all := make(map[string]evidence.File, len(f.paths))
	for name := range f.paths {
		all[name] = f.Get(name)
	}
	return all
}

var errOutside = errors.New("not inside")

// below returns the slash-separated path of a file relative to a folder that contains it.
func below(dir, file string) (string, error) {
	rel, err := filepath.Rel(dir, file)
	if err != nil || !filepath.IsLocal(rel) {
		return "", fmt.Errorf("place %s below %s: %w", file, dir, errOutside)
	}
	return filepath.ToSlash(rel), nil
}
