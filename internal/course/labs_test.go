// SPDX-License-Identifier: MIT

package course

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/kmodlab/kmodlab/internal/course/cut"
	"github.com/kmodlab/kmodlab/internal/kernel"
	"github.com/kmodlab/kmodlab/internal/story"
)

// compile stands for the language: brackets must match, and stopps is no name.
func compile(text string) *Slip {
	line, column, open := 1, 0, 0
	for i, r := range text {
		column++
		switch r {
		case '\n':
			line, column = line+1, 0
		case '(':
			open++
		case ')':
			open--
		}
		if open < 0 {
			return &Slip{line, column, "there is no ( for this )"}
		}
		if strings.HasPrefix(text[i:], "stopps") {
			return &Slip{line, column, "a thread has no field stopps; did you mean stops?"}
		}
	}
	if open > 0 {
		return &Slip{line, column, "a ) is missing"}
	}
	return nil
}

func options(dir string) Options {
	return Options{
		Dir: dir, Compile: compile, CheckKernel: kernel.CheckName, Kernels: kernel.Tested(),
		CheckStory: func(data []byte) error { _, err := story.Read(data); return err },
	}
}

// TestLabs loads each lab of the repository, and what students get of it.
func TestLabs(t *testing.T) {
	dirs, err := filepath.Glob("../../labs/*/" + Name)
	if err != nil || len(dirs) == 0 {
		t.Fatalf("found no lab: %v", err)
	}
	for _, file := range dirs {
		dir := filepath.Dir(file)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			lab, problems := Load(os.DirFS(dir), options(dir))
			for _, p := range problems {
				t.Error(p)
			}
			if lab == nil {
				return
			}
			if len(lab.Broken) < 5 {
				t.Errorf("it has only %d broken variants", len(lab.Broken))
			}
			checkVariants(t, lab)
			for level := cut.MinLevel; level <= cut.MaxLevel; level++ {
				checkHand(t, lab, level)
			}
		})
	}
}

// checkVariants wants each variant to be another one.
func checkVariants(t *testing.T, lab *Lab) {
	t.Helper()
	seen := map[string]string{}
	all := func(files map[string]File) string {
		var b strings.Builder
		for _, name := range slices.Sorted(maps.Keys(files)) {
			fmt.Fprintf(&b, "%s\n%s\n", name, files[name].Data)
		}
		return b.String()
	}
	seen[all(lab.Solution())] = "the solution"
	for _, v := range lab.Broken {
		files, err := lab.Variant(v.Name)
		if err != nil {
			t.Error(err)
		}
		if other := seen[all(files)]; other != "" {
			t.Errorf("variant %s is the same as %s", v.Name, other)
		}
		seen[all(files)] = v.Name
	}
}

// checkHand loads what students get, and looks in it for what they must not get.
func checkHand(t *testing.T, lab *Lab, level int) {
	t.Helper()
	files, err := lab.Hand(level)
	if err != nil {
		t.Fatal(err)
	}
	public, problems := Load(fileSystem(files), options("handed/"+lab.Name))
	for _, p := range problems {
		t.Errorf("level %d: %v\n%s", level, p, files[Name].Data)
	}
	if public == nil {
		return
	}
	if diff := cmp.Diff(lab.Student(), public.Student()); diff != "" {
		t.Errorf("level %d: other files are the student's:\n%s", level, diff)
	}
	var everything bytes.Buffer
	for _, f := range files {
		everything.Write(f.Data)
	}
	for _, secret := range secrets(lab, level) {
		if strings.Contains(everything.String(), secret) {
			t.Errorf("level %d: students get %q", level, secret)
		}
	}
	help := fmt.Sprint(lab.Further(level))
	for _, secret := range secrets(lab, cut.MaxLevel) {
		if strings.Contains(help, secret) {
			t.Errorf("level %d: further help has %q", level, secret)
		}
	}
	for i, c := range public.Checks {
		if c.Visibility != Visible {
			t.Errorf("level %d: students get check %d, %s", level, i, c.ID)
		}
	}
}

// secrets are what students must not find in anything that they get at a level.
func secrets(lab *Lab, level int) []string {
	var list []string
	for _, v := range lab.Broken {
		list = append(list, v.Title, v.Why)
	}
	for _, c := range lab.Checks {
		if c.Visibility != Visible {
			list = append(list, "id: "+c.ID, c.Title)
			if c.Hint != "" {
				list = append(list, c.Hint)
			}
		}
	}
	for name, f := range lab.Sources {
		starter := map[string]bool{}
		for line := range strings.Lines(string(lab.sources[name].Starter(level))) {
			starter[strings.TrimSpace(line)] = true
		}
		for line := range strings.Lines(string(f.Data)) {
			text := strings.TrimSpace(line)
			if note, ok := strings.CutPrefix(text, "//! "); ok {
				list = append(list, note)
			} else if !starter[text] && !strings.HasPrefix(text, "//") && len(text) > 12 {
				list = append(list, text)
			}
		}
	}
	return list
}

func fileSystem(files map[string]File) fstest.MapFS {
	fsys := fstest.MapFS{}
	for name, f := range files {
		mode := os.FileMode(0o644)
		if f.Executable {
			mode = 0o755
		}
		fsys[name] = &fstest.MapFile{Data: f.Data, Mode: mode}
	}
	return fsys
}
