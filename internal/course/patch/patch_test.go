// SPDX-License-Identifier: MIT

package patch

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const source = "one\ntwo\nthree\nfour\nfive\nsix\nseven\neight\nnine\nten\n"

// TestApply compares with what diff writes and what patch makes of it.
func TestApply(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("a", source)
	for name, after := range map[string]string{
		"a change":     strings.Replace(source, "two", "2", 1),
		"two hunks":    strings.NewReplacer("one", "1", "ten", "10").Replace(source),
		"a line more":  source + "eleven\n",
		"a line less":  strings.Replace(source, "five\n", "", 1),
		"the last end": strings.TrimSuffix(source, "\n"),
		"all":          "x\n",
	} {
		write("b", after)
		cmd := exec.Command("diff", "-u", "--label", "a/f.c", "--label", "b/f.c", "a", "b")
		cmd.Dir = dir
		text, err := cmd.Output()
		if len(text) == 0 {
			t.Fatalf("diff: %v", err)
		}
		got, problems := Apply(text, map[string][]byte{"f.c": []byte(source), "g.c": nil})
		if len(problems) > 0 || len(got) != 1 || string(got["f.c"]) != after {
			t.Errorf("%s: %v, %q\n%s", name, problems, got, text)
		}
	}
}

const (
	header = "--- a/f.c\n+++ b/f.c\n"
	first  = "@@ -1,2 +1,2 @@\n-one\n+1\n two\n"
	second = "@@ -9,2 +9,2 @@\n nine\n-ten\n+10\n"
)

func TestForms(t *testing.T) {
	want := map[string][]byte{"f.c": []byte(strings.NewReplacer("one", "1", "ten", "10").Replace(source))}
	for name, text := range map[string]string{
		"plain":      header + first + second,
		"git":        "Why.\n\ndiff --git a/f.c b/f.c\nindex 5d2c9c1..7f8a2b3 100644\n" + header + first + second,
		"mail":       "From 0\nSubject: x\n\nWhy.\n---\n f.c | 2 +-\n\n" + header + first + second + "-- \n2.39.5\n\n",
		"no prefix":  "--- f.c\n+++ f.c\n" + first + second,
		"with dates": "--- f.c\t2026-01-01 00:00:00\n+++ f.c\t2026-01-01 00:00:00\n" + first + second,
	} {
		got, problems := Apply([]byte(text), map[string][]byte{"f.c": []byte(source)})
		if diff := cmp.Diff(want, got); diff != "" || problems != nil {
			t.Errorf("%s: %v\n%s", name, problems, diff)
		}
	}
}

func TestProblems(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"empty", "", "1: this is no unified diff: write it with diff -u or git diff"},
		{"no diff", "hello\n", "1: this is no unified diff: write it with diff -u or git diff"},
		{"another line", header + first + "@@ -9,2 +9,2 @@\n nine\n-eleven\n+10\n",
			`7: no longer applies: hunk 2 at line 10 of the solution's f.c: the patch has "eleven" there, the file "ten"`},
		{"moved", header + "@@ -3,2 +3,2 @@\n-one\n+1\n two\n", `3: no longer applies: hunk 1 at line 3 of the ` +
			`solution's f.c: the patch has "one" there, the file "three"; it would fit at line 1: make the patch anew`},
		{"beyond the end", header + "@@ -90,2 +90,2 @@\n nine\n-ten\n+10\n", "3: no longer applies: hunk 1 at line 90 of " +
			"the solution's f.c: src has fewer lines than required by fragment; it would fit at line 9: make the patch anew"},
		{"another file", strings.ReplaceAll(header, "f.c", "g.c") + first,
			`1: it changes "g.c", which the solution does not have`},
		{"out of the folder", "--- a/../f.c\n+++ b/../f.c\n" + first, `1: it changes "../f.c", which the solution does not have`},
		{"new", "--- /dev/null\n+++ b/h.c\n@@ -0,0 +1 @@\n+x\n",
			"1: it makes, removes, renames or replaces a file: a variant changes lines of the solution's files only"},
		{"removed", "--- a/f.c\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n",
			"1: it makes, removes, renames or replaces a file: a variant changes lines of the solution's files only"},
		{"short", header + "@@ -1,3 +1,3 @@\n-one\n+1\n two\n", "6: the last hunk is shorter than its header says"},
		{"short before a file", header + "@@ -1,3 +1,3 @@\n-one\n+1\n two\ndiff --git\n",
			"7: the hunk is shorter than its header says"},
		{"long", header + "@@ -1 +1 @@\n-one\n+1\n+2\n",
			"6: the line is in no hunk: the header of the one before says that it is shorter"},
		{"longer", header + "@@ -1 +1,2 @@\n-one\n-two\n", "5: the hunk is longer than its header says"},
		{"no file", first, "1: the hunk has no file: lines with --- and +++ and the file's name come first"},
		{"nothing", header + "@@ -1 +1 @@\n-one\n+one\n", "1: it changes nothing"},
		{"twice", header + first + header + second, "7: it changes f.c a second time: put all its hunks under one header"},
		{"order", header + second + first, "7: the hunks are not in the order of their lines"},
		{"huge", header + "@@ -1,99999999999999999999 +1 @@\n x\n", "4: the last hunk is shorter than its header says"},
	} {
		got, problems := Apply([]byte(c.text), map[string][]byte{"f.c": []byte(source)})
		var said []string
		for _, p := range problems {
			said = append(said, fmt.Sprintf("%d: %s", p.Line, p.Text))
		}
		if got != nil || strings.Join(said, "\n") != c.want {
			t.Errorf("%s: %q, %q\nwant %s", c.name, got, said, c.want)
		}
	}
}

func FuzzApply(f *testing.F) {
	f.Add(header+first+second, source)
	f.Add("diff --git a/f.c b/f.c\nindex 5d2c9c1..7f8a2b3 100644\n"+header+first+second, source)
	f.Fuzz(func(t *testing.T, text, source string) {
		if len(text)+len(source) > 1<<16 {
			return
		}
		files := map[string][]byte{"f.c": []byte(source)}
		got, problems := Apply([]byte(text), files)
		if (got == nil) == (problems == nil) {
			t.Fatalf("%q and %v", got, problems)
		}
		for name, data := range got {
			if name != "f.c" || string(data) == source {
				t.Fatalf("changed %q", name)
			}
		}
		for _, p := range problems {
			if p.Line < 1 || strings.Contains(p.Text, "\n") {
				t.Fatalf("problem %+v", p)
			}
		}
	})
}
