// SPDX-License-Identifier: MIT

package kmodlabtest

import (
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/kmodlab/kmodlab/internal/report/page"
)

// keep writes what was seen into a folder, or into that of go test's -artifacts.
func (l *Lab) keep(dir string) {
	l.t.Helper()
	switch f := flag.Lookup("test.artifacts"); {
	case dir != "":
		dir = filepath.Join(dir, fileName(l.t.Name()))
	case f != nil && f.Value.String() == "true":
		dir = l.t.ArtifactDir()
	default:
		l.t.Log("go test -artifacts keeps the recording, the report and the console")
		return
	}
	for _, r := range l.runs {
		if r.end == nil {
			continue
		}
		to := filepath.Join(dir, fileName(r.name()))
		if err := r.write(to); err != nil {
			l.t.Errorf("keep what was seen: %v", err)
			continue
		}
		l.t.Logf("kept: %s", filepath.Join(to, "{report.html,run.kmlab,console.txt}"))
	}
}

func (r *run) name() string {
	if r.kernel == "" {
		return r.end.Machine.Name
	}
	return r.kernel
}

// fileName is a name of a test or a kernel as part of a path.
func fileName(name string) string {
	name = strings.Map(func(c rune) rune {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.ContainsRune("-_.", c):
			return c
		}
		return '-'
	}, name)
	if strings.Trim(name, ".") == "" {
		return "run"
	}
	return name
}

// write writes the files of a run.
func (r *run) write(dir string) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	return errors.Join(
		writeFile(filepath.Join(dir, "run.kmlab"), func(w io.Writer) error {
			_, err := r.end.Recording.WriteTo(w)
			return err
		}),
		writeFile(filepath.Join(dir, "report.html"), func(w io.Writer) error { return page.HTML(w, r.end.Result) }),
		os.WriteFile(filepath.Join(dir, "console.txt"), []byte(r.end.Console), 0o666),
	)
}

func writeFile(name string, write func(io.Writer) error) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	return errors.Join(write(f), f.Close())
}
