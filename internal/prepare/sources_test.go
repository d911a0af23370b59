// SPDX-License-Identifier: MIT

package prepare

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kmodlab/kmodlab/internal/beneath"
)

func sources(t *testing.T, files map[string]string) []*beneath.Folder {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "lab"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		path := filepath.Join(dir, "lab", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "secret.c"), []byte("password\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../secret.c", filepath.Join(dir, "lab/link.c")); err != nil {
		t.Fatal(err)
	}
	root, err := beneath.Open(filepath.Join(dir, "lab"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	return []*beneath.Folder{root}
}

func TestFindSource(t *testing.T) {
	roots := sources(t, map[string]string{
		"a.c": "1\n2\n3\n", "sub/b.c": "b1\nb2\r\n", "wide.c": strings.Repeat("x", 5000) + "\n\xff\xfe\n",
	})
	for _, tt := range []struct{ file, name, lines string }{
		{"/build/src/a.c", "a.c", "1 2 3"},
		{"a.c", "a.c", "1 2 3"},
		{"/home/somebody/work/sub/b.c", "sub/b.c", "b1 b2"},
		{"/build/src/gone.c", "", ""},
		{"/etc/passwd", "", ""},
		{"/build/src/../secret.c", "", ""},
		{"../secret.c", "", ""},
		{"/build/src/link.c", "", ""},
		{"/build/src/sub", "", ""},
		{"", "", ""},
	} {
		s, ok := findSource(roots, tt.file)
		if got := strings.Join(s.Lines, " "); ok != (tt.name != "") || s.Name != tt.name || got != tt.lines {
			t.Errorf("%s: %v %s %q, want %s %q", tt.file, ok, s.Name, got, tt.name, tt.lines)
		}
	}
	s, _ := findSource(roots, "wide.c")
	if len(s.Lines) != 2 || len(s.Lines[0]) > maxSourceRow+4 || s.Lines[1] != "\ufffd" {
		t.Errorf("a wide line and bytes that are not text: %d lines", len(s.Lines))
	}
}
