// SPDX-License-Identifier: MIT

package kmodlab

import (
	"path/filepath"
	"strings"
	"time"

	"github.com/kmodlab/kmodlab/internal/evidence"
)

// about is what a report says a run was: its title, the folder of its sources, its date.
type about struct{ title, folder, date string }

// about describes a run that begins now.
func (s Spec) about(now time.Time) about {
	a := about{title: s.Title, folder: folderName(s.Dir), date: now.UTC().Format(time.RFC3339)}
	switch {
	case a.title != "":
	case s.Dir != "":
		a.title = filepath.Base(a.folder)
	default:
		var names []string
		for _, f := range s.Files {
			names = append(names, filepath.Base(f))
		}
		if s.Command != nil && len(names) == 0 {
			names = s.Load // those of the kernel's own tree, if any
		}
		a.title = strings.Join(names, ", ")
	}
	if a.title == "" && s.Command != nil {
		a.title = s.Command.name()
	}
	return a
}

// about describes a trace that begins now. The command is what a trace is about, if there is one.
func (s TraceSpec) about(now time.Time) about {
	spec := s.spec()
	if spec.Title == "" && len(s.Argv) > 0 {
		spec.Title = strings.Join(s.Argv, " ")
	}
	a := spec.about(now)
	if a.title == "" {
		a.title = "trace"
	}
	return a
}

// note writes down what the run was, so that a recording of it says the same.
func (a about) note(e *evidence.Evidence) { e.Title, e.Folder, e.Date = a.title, a.folder, a.date }

// folderName is a folder as it was named. Where that leads out of the working folder, the path would say more about the
// machine than about the run, and the folder's own name stands for it.
func folderName(dir string) string {
	if dir == "" {
		return ""
	}
	if dir = filepath.Clean(dir); dir != "." && filepath.IsLocal(dir) {
		return dir
	}
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	return filepath.Base(dir)
}
