// SPDX-License-Identifier: MIT

package course

import (
	"strings"
	"testing"
	"testing/fstest"
)

// TestFresh: a new lab of any name is read without a complaint, and its module has the lab's name.
func TestFresh(t *testing.T) {
	for name, module := range map[string]string{"first": "first", "no-lost-signal": "no_lost_signal", "1-2": "1_2"} {
		files, err := Fresh(name)
		if err != nil {
			t.Error(err)
			continue
		}
		lab, problems := Load(fileSystem(files), options("labs/"+name))
		if len(problems) > 0 || lab.Student()[0] != module+".c" || len(lab.Broken) != 1 {
			t.Errorf("%s: %v", name, problems)
		}
	}
	for _, name := range []string{"", "Lab", "a b", "../x", "-x", ".", strings.Repeat("x", 65)} {
		if _, err := Fresh(name); err == nil || !strings.Contains(err.Error(), "cannot be a lab's name") {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// TestStories: a story is told at its place if it is wrong, and students get those of what they see.
func TestStories(t *testing.T) {
	files, err := Fresh("first")
	if err != nil {
		t.Fatal(err)
	}
	story := `{"schema": "kmodlab.result/1", "verdict": {"class": "pass", "message": ""}}`
	with := func(more map[string]string) fstest.MapFS {
		fsys := fileSystem(files)
		for name, text := range more {
			fsys[name] = &fstest.MapFile{Data: []byte(text)}
		}
		return fsys
	}
	for name, want := range map[string]string{
		"story/nosuch.json": `has no scenario "nosuch": remove the file`,
		"story/notes.txt":   "only stories are in story",
		"story/plain.json":  "lab verify --stories writes it anew",
	} {
		_, problems := Load(with(map[string]string{name: `{"schema": "x"}`}), options("labs/first"))
		if len(problems) != 1 || !strings.HasPrefix(problems[0].Error(), "labs/first/"+name+": ") ||
			!strings.Contains(problems[0].Text, want) {
			t.Errorf("%s: %v", name, problems)
		}
	}
	lab, problems := Load(with(map[string]string{"story/plain.json": story, "story/wrong.json": story}), options("first"))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	handed, err := lab.Hand(1)
	if err != nil {
		t.Fatal(err)
	}
	if string(handed["story/plain.json"].Data) != story || handed["story/wrong.json"].Data != nil {
		t.Error("students get the story of the hidden scenario, or not that of the visible one")
	}
	if _, is := lab.Sources["story/plain.json"]; is {
		t.Error("a story is built")
	}
}
