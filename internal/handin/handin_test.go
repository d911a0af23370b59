// SPDX-License-Identifier: MIT

package handin

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func start() *Start {
	return &Start{Lab: "l", Level: 1, Files: map[string]string{"a.c": Sum(nil)}, Steps: []Step{
		{File: "a.c", Task: "TODO 1: loop", Level: 2, Text: []string{"one"}},
		{File: "a.c", Task: "TODO 2: start", Level: 2, Text: []string{"two"}},
		{File: "b.c", Task: "TODO 3: stop", Level: 2, Text: []string{"three"}},
		{File: "a.c", Task: "TODO 2: start", Level: 3, Lines: []string{"\tf();"}},
		{File: "a.c", Task: "TODO 20: more", Level: 3},
	}}
}

// TestNext asks for help until there is no more.
func TestNext(t *testing.T) {
	for name, c := range map[string]struct {
		about About
		want  string
	}{
		"a hint names a TODO": {About{Texts: []string{"It starts.", "Look at f() in TODO 2."}}, "2/2 2/3 1/2 3/2 20/3"},
		"the file":            {About{File: "b.c"}, "3/2 1/2 2/2 2/3 20/3"},
		"nothing is known":    {About{}, "1/2 2/2 3/2 2/3 20/3"},
		"two TODOs":           {About{Texts: []string{"TODO 3 and TODO 1"}, File: "a.c"}, "1/2 3/2 2/2 2/3 20/3"},
	} {
		s, state := start(), &State{}
		var got []string
		for left := len(s.Steps); ; left-- {
			if s.Left(state) != left {
				t.Errorf("%s: %d are left, want %d", name, s.Left(state), left)
			}
			step := s.Next(state, c.about)
			if step == nil {
				break
			}
			got = append(got, fmt.Sprintf("%s/%d", strings.TrimPrefix(todoOf(step.Task), "TODO "), step.Level))
			state.Ask(Asked{File: step.File, Task: step.Task, Level: step.Level})
		}
		if diff := cmp.Diff(c.want, strings.Join(got, " ")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestFirstFailed(t *testing.T) {
	s := &State{}
	if s.FirstFailed() != "" {
		t.Error("a check failed before the first check")
	}
	s.Checked = &Checked{Checks: []Status{{"builds", "passed"}, {"starts", "partial"}, {"stops", "skipped"}}}
	if got := s.FirstFailed(); got != "starts" {
		t.Error(got)
	}
	for range 3 * maxAsked {
		s.Ask(Asked{Check: "c"})
	}
	if len(s.Asked) != maxAsked {
		t.Errorf("%d requests are kept", len(s.Asked))
	}
}

// TestFiles: what is written is read as it was, and what is not ours is refused.
func TestFiles(t *testing.T) {
	s := start()
	data, err := s.JSON()
	if err != nil {
		t.Fatal(err)
	}
	back, err := ReadStart(data)
	if diff := cmp.Diff(s, back); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	if _, err := ReadState(data); err == nil || !strings.Contains(err.Error(), "kmodlab.labstate/1") {
		t.Errorf("another file is read: %v", err)
	}
	for _, text := range []string{
		"", "[]", "{", `{"schema": 1}`, strings.Repeat("[", 1000), strings.Repeat(" ", MaxFile+1),
	} {
		if _, err := ReadManifest([]byte(text)); err == nil {
			t.Errorf("%.20q is read", text)
		}
	}
}

// TestPack: the archive has what the manifest says, is the same each time, and says what differs.
func TestPack(t *testing.T) {
	files := map[string][]byte{"a.c": []byte("int a;\n"), "sub/b.c": nil}
	recordings := map[string][]byte{"life.kmlab": []byte("recorded")}
	m := &Manifest{Lab: "l", Student: "Ann", Asked: []Asked{
		{Check: "starts"}, {File: "a.c", Task: "TODO 2: x", Level: 2}, {File: "a.c", Task: "TODO 2: x", Level: 2},
	}}
	var one, two bytes.Buffer
	if err := errors.Join(Pack(&one, m, files, recordings), Pack(&two, m, files, recordings)); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(one.Bytes(), two.Bytes()) {
		t.Error("the same files make two archives")
	}
	zip, err := gzip.NewReader(&one)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	var manifest *Manifest
	in := tar.NewReader(zip)
	for {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		data, err2 := io.ReadAll(in)
		if err != nil || err2 != nil || !h.ModTime.IsZero() && h.ModTime.Unix() != 0 {
			t.Fatal(err, err2, h.ModTime)
		}
		names = append(names, h.Name)
		if strings.HasSuffix(h.Name, ManifestFile) {
			if manifest, err = ReadManifest(data); err != nil {
				t.Fatal(err)
			}
		}
	}
	want := []string{"l/a.c", "l/sub/b.c", "l/.kmodlab/manifest.json", "l/.kmodlab/life.kmlab"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Error(diff)
	}
	if manifest == nil || manifest.Help() != "TODO 2 (level 2)" || manifest.Differ(files) != nil {
		t.Errorf("%+v", manifest)
	}
	files["a.c"], files["new.c"] = nil, nil
	delete(files, "sub/b.c")
	if diff := cmp.Diff([]string{"a.c", "new.c", "sub/b.c"}, manifest.Differ(files)); diff != "" {
		t.Error(diff)
	}
	if err := Pack(brokenWriter{}, m, files, nil); err == nil || !strings.Contains(err.Error(), "pack the files: full") {
		t.Error(err)
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("full") }

func TestFileName(t *testing.T) {
	for student, want := range map[string]string{
		"Ann Lee": "ann-lee", "José Ñúñez": "josé-ñúñez", "../../etc": "etc", "": "student", "--x; rm": "x-rm",
		"李 雷": "李-雷", "a\x00b\xffc": "a-b-c", strings.Repeat("é", 100): strings.Repeat("é", maxName/2),
	} {
		if got := FileName(student); got != want {
			t.Errorf("%q: %q, want %q", student, got, want)
		}
	}
}

func FuzzRead(f *testing.F) {
	data, err := start().JSON()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte(`{"schema":"kmodlab.handin/1","asked":[{"file":"a","task":"TODO 1"}],"files":[{}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if m, err := ReadManifest(data); err == nil {
			m.Help()
			m.Differ(map[string][]byte{"a.c": data})
			if name := FileName(m.Student); strings.ContainsAny(name, "/\\ \x00") || name == "" || name[0] == '.' {
				t.Fatalf("%q", name)
			}
		}
		if s, err := ReadStart(data); err == nil {
			s.Next(&State{}, About{Texts: []string{"TODO 1"}})
		}
	})
}
