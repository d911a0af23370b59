// SPDX-License-Identifier: MIT

package srcline

import (
	"path/filepath"
	"slices"
	"testing"
)

func TestFiles(t *testing.T) {
	m, err := Open(compile(t, "-g", "-ffile-prefix-map="+abs(t, "testdata")+"="+SourceDir))
	if err != nil {
		t.Fatal(err)
	}
	if files := m.Files(); !slices.Contains(files, SourceDir+"/parts.c") || len(files) > 3 {
		t.Errorf("%q, want %s/parts.c and little else", files, SourceDir)
	}
	four, err := Open(compile(t, "-gdwarf-4"))
	if err != nil {
		t.Fatal(err)
	}
	if files := four.Files(); !slices.ContainsFunc(files, func(f string) bool { return filepath.Base(f) == "parts.c" }) {
		t.Errorf("DWARF 4: %q, want parts.c", files)
	}
	if len(m.units) != 1 || len(four.units) != 1 {
		t.Errorf("%d and %d units, want 1 each", len(m.units), len(four.units))
	}
}

func abs(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(name)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func TestName(t *testing.T) {
	for file, want := range map[string]struct {
		name   string
		header bool
	}{
		"/build/src/a.c":         {"a.c", false},
		"/build/src/sub/../b.c":  {"b.c", false},
		"/build/src/../secret.c": {"/build/secret.c", false},
		"C:\\work\\a.c":          {"C:/work/a.c", false},
		"/usr/src/linux-headers-6.1.0-56-common/include/linux/list.h": {"include/linux/list.h", true},
		"": {"", false},
	} {
		if name, header := Name(file), Header(file); name != want.name || header != want.header {
			t.Errorf("%q: %q, header %v; want %+v", file, name, header, want)
		}
	}
}
