// SPDX-License-Identifier: MIT

package cli

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kmodlab/kmodlab/internal/testlab"
)

const smallLab = "../bench/testdata/one"

// TestBadLabs: whatever is wrong in a lab is told in one line, with the file and the line.
func TestBadLabs(t *testing.T) {
	patch := "--- a/count.c\n+++ b/count.c\n@@ -9,3 +9,2 @@\n {\n-\tif (count <= 0)\n \t\treturn -EINVAL;\n"
	variant := func(name string) string {
		return "broken:\n  " + name + ": {title: T, fails: {loads: x}, why: W}\nchecks:"
	}
	for name, c := range map[string]struct{ old, with, want string }{
		"an unknown field":    {"title: One", "titel: One", `lab.yaml:2:1: unknown field "titel": did you mean title?`},
		"a wrong member":      {"m.loaded", "m.loadet", "lab.yaml:12:28: a module has no field loadet; did you mean"},
		"a wrong type":        {"m.init_ret == 0", "m.init_ret == '0'", "lab.yaml:12:50: == cannot be used between"},
		"points":              {"points: 2\n", "points: 5\n", "lab.yaml:5: the lab has 5 points, and its checks add up to 2"},
		"a parameter":         {"count.count=1", "count=1", `lab.yaml:7: "count=1" is not a parameter: write`},
		"no YAML":             {"checks:", "checks: [", "lab.yaml:13:5: ',' or ']' must be specified"},
		"a scenario":          {"    points: 1\n", "    points: 1\n    scenarios: b\n", `lab.yaml:14: `},
		"a patch":             {"checks:", variant("old"), "broken/old.patch:3: no longer applies: "},
		"a variant, no patch": {"checks:", variant("new"), "lab.yaml:9: there is no broken/new.patch"},
	} {
		dir := filepath.Join(t.TempDir(), "lab")
		if err := os.CopyFS(dir, os.DirFS(smallLab)); err != nil {
			t.Fatal(err)
		}
		if name == "a patch" {
			write(t, filepath.Join(dir, "broken/old.patch"), []byte(patch))
		}
		text, err := os.ReadFile(filepath.Join(dir, "lab.yaml"))
		if err != nil || !bytes.Contains(text, []byte(c.old)) {
			t.Fatalf("%s: lab.yaml lacks %q (%v)", name, c.old, err)
		}
		write(t, filepath.Join(dir, "lab.yaml"), bytes.Replace(text, []byte(c.old), []byte(c.with), 1))
		out, err := exec.Command(testlab.Kmodlab(t), "lab", "check", dir).CombinedOutput()
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		if err == nil || len(lines) != 1 || !strings.HasPrefix(lines[0], dir+"/"+c.want) {
			t.Errorf("%s: %v, want %s/%s\n%s", name, err, dir, c.want, out)
		}
	}
}

// TestBadSubmissions: one that is none has one line that says why, and stops nobody.
func TestBadSubmissions(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	write(t, in("text.zip"), []byte("no archive"))
	write(t, in("empty.zip"), nil)
	write(t, in("bomb.zip"), zipped(t, map[string]int{"count.c": 64 << 20}))
	write(t, in("up.zip"), zipped(t, map[string]int{"../../count.c": 1}))
	many := make(map[string]int)
	for i := range 10_000 {
		many[fmt.Sprintf("f%d.c", i)] = 0
	}
	write(t, in("many.zip"), zipped(t, many))
	write(t, in("notes.zip"), zipped(t, map[string]int{"notes.txt": 5}))
	write(t, in("link.tar.gz"), linked(t))
	found, err := filepath.Glob(in("*"))
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(testlab.Kmodlab(t), append([]string{"grade", smallLab, "-o", in("grades")}, found...)...).
		CombinedOutput()
	if err == nil || err.Error() != "exit status 3" {
		t.Errorf("%v, want exit status 3", err)
	}
	for name, want := range map[string]string{
		"text": "it is no archive: hand in a folder, a .zip or a .tar.gz", "empty": "it is empty: ",
		"bomb": "count.c is larger than 1024 KiB: hand in the sources only", "many": "it has more than 1000 files: ",
		"up": "the name ../../count.c leads out of it: ", "link": "there are no sources in it: ", "notes": "0 of 2",
	} {
		lines := 0
		for line := range strings.Lines(string(out)) {
			_, line, _ = strings.Cut(line, "  ")
			if student, said, _ := strings.Cut(strings.TrimSpace(line), " "); student == name && strings.Contains(said, want) {
				lines++
			}
		}
		if lines != 1 {
			t.Errorf("%s: %d lines say %q\n%s", name, lines, want, out)
		}
	}
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// zipped is an archive of files with as many zeros.
func zipped(t *testing.T, files map[string]int) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, n := range files {
		w, err := z.Create(name)
		if err == nil {
			_, err = w.Write(make([]byte, n))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// linked is an archive whose source is a link to a file of this machine.
func linked(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	g := gzip.NewWriter(&b)
	w := tar.NewWriter(g)
	err := w.WriteHeader(&tar.Header{Name: "count.c", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"})
	if err == nil {
		err = w.Close()
	}
	if err == nil {
		err = g.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
