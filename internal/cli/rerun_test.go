// SPDX-License-Identifier: MIT

package cli

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestDiffering(t *testing.T) {
	before := map[string]string{"a.c": "1", "b.c": "2", "sub": "d", "sub/c.h": "3"}
	for name, c := range map[string]struct {
		after map[string]string
		want  string
	}{
		"nothing":         {map[string]string{"a.c": "1", "b.c": "2", "sub": "d", "sub/c.h": "3"}, ""},
		"one":             {map[string]string{"a.c": "1", "b.c": "x", "sub": "d", "sub/c.h": "3"}, "b.c"},
		"gone and new":    {map[string]string{"a.c": "1", "n.c": "2", "sub": "d", "sub/c.h": "3"}, "b.c n.c"},
		"a folder":        {map[string]string{"a.c": "1", "b.c": "2"}, "sub sub/c.h"},
		"cannot be read":  {map[string]string{".": "why"}, ". a.c b.c sub sub/c.h"},
		"an empty folder": {nil, "a.c b.c sub sub/c.h"},
	} {
		if got := strings.Join(differing(before, c.after), " "); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	if got := differing(map[string]string{".": "why"}, map[string]string{".": "why"}); got != nil {
		t.Errorf("still unreadable: %q", got)
	}
}

func TestSavedText(t *testing.T) {
	for files, want := range map[string]string{
		"a.c": "a.c changed", "a.c b.c c.c": "a.c, b.c, c.c changed", "a b c d e": "a, b, c and 2 more changed",
		"a\x1b[1m.c": `a\x1b[1m.c changed`,
	} {
		if got := savedText(strings.Fields(files)); got != want {
			t.Errorf("%q: %q, want %q", files, got, want)
		}
	}
}

// TestSources: the files that a run writes are no sources, whatever links lead to them.
func TestSources(t *testing.T) {
	real := filepath.Join(t.TempDir(), "real")
	if err := os.CopyFS(filepath.Join(real, "m"), os.DirFS("../../modules/probe")); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(real, link); err != nil {
		t.Fatal(err)
	}
	t.Chdir(link)
	o := &options{outputs: outputs{files: []string{"m/story.txt", filepath.Join(link, "m/out/all.json")}}}
	mine, err := o.outputs.paths()
	if err != nil {
		t.Fatal(err)
	}
	watched := &saves{dir: "m", mine: mine}
	before := watched.sources(t.Context())
	if len(before) == 0 || before["."] != "" {
		t.Fatalf("sources are %q", before)
	}
	for _, name := range []string{"story.txt", "out/all.json"} {
		path := filepath.Join(real, "m", name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, nil, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	if d := differing(before, watched.sources(t.Context())); d != nil {
		t.Errorf("%q is a change", d)
	}
}

// TestOurs: what we write ourselves is no change, whatever else is in its folder.
func TestOurs(t *testing.T) {
	files := []string{"/m/r.html", "/m/out/all.json"}
	for path, want := range map[string]bool{
		"/m/r.html": true, "/m/r.htm": false, "/m/r.html.c": false, "/m/.r.html.kmodlab-ABC": true, "/m/out": true,
		"/m/out/all.json": true, "/m/out/a.c": false, "/m/out/.all.json.kmodlab-": true, "/m/o": false, "/m/a.c": false,
	} {
		if got := ours(files, path); got != want {
			t.Errorf("%s: %v", path, got)
		}
	}
}
