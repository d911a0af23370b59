// SPDX-License-Identifier: MIT

package cli

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/kmodlab/kmodlab/internal/testlab"
	"github.com/kmodlab/kmodlab/internal/testlab/needs"
)

// TestTutorial does what docs/tutorial.md tells its readers to do, and compares what they are told to see with what
// there is. Times, pids and the breaks of lines differ; "…" stands for lines that are left out. "or:" before a command
// says what there may be instead on a slow machine.
func TestTutorial(t *testing.T) {
	needs.VM(t)
	text, err := os.ReadFile("../../docs/tutorial.md")
	if err != nil {
		t.Fatal(err)
	}
	program, err := testlab.BuildKmodlab()
	if err != nil {
		t.Fatal(err)
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	r := &reader{t: t, dir: root, folder: filepath.Join(t.TempDir(), "life"), program: program}
	r.read(string(text))
	if r.commands < 5 || r.edits < 4 {
		t.Errorf("the tutorial has %d commands and %d edits", r.commands, r.edits)
	}
}

// reader is somebody who works through the tutorial.
type reader struct {
	t               *testing.T
	dir, folder     string // where they are, and ~/life
	program         string
	edit            string // the place that the next code is for
	or              string // what the next command may say instead
	commands, edits int
}

func (r *reader) read(text string) {
	lines := strings.Split(text, "\n")
	for i := 0; i < len(lines); i++ {
		switch line := lines[i]; {
		case strings.HasPrefix(line, "<!-- life.c: include "):
			header := strings.TrimSuffix(strings.TrimPrefix(line, "<!-- life.c: include "), " -->")
			r.replace("#include", "#include "+header+"\n#include")
		case strings.HasPrefix(line, "<!-- or: "):
			r.or = strings.TrimSuffix(strings.TrimPrefix(line, "<!-- or: "), " -->")
		case strings.HasPrefix(line, "<!-- life.c: "):
			r.edit = strings.TrimSuffix(strings.TrimPrefix(line, "<!-- life.c: "), " -->")
		case strings.HasPrefix(line, "\t"):
			end := i
			for end < len(lines) && strings.HasPrefix(lines[end], "\t") {
				end++
			}
			r.write(strings.Join(lines[i:end], "\n"))
			i = end
		case strings.HasPrefix(line, "    $ "):
			end := i + 1
			for end < len(lines) && !strings.HasPrefix(lines[end], "    $ ") &&
				(strings.HasPrefix(lines[end], "    ") || lines[end] == "") {
				end++
			}
			r.run(strings.TrimPrefix(line, "    $ "), lines[i+1:end])
			i = end - 1
		}
	}
}

// write puts code in the place of a comment "TODO N", or of a statement.
func (r *reader) write(code string) {
	r.edits++
	if !strings.HasPrefix(r.edit, "TODO") {
		r.replace("\t\t"+r.edit, code)
		return
	}
	source := r.source()
	comment := regexp.MustCompile(`(?s)\t/\*\s+(?:\* )?` + r.edit + `:.*?\*/`).FindString(source)
	if comment == "" {
		r.t.Fatalf("life.c has no comment %s:\n%s", r.edit, source)
	}
	r.replace(comment, code)
	if r.edit == "TODO 2" { // the two lines below it
		r.replace("\tpr_info(\"nobody runs %ps() yet\\n\", live);\n\ttask = NULL;\n", "")
	}
}

func (r *reader) source() string {
	data, err := os.ReadFile(filepath.Join(r.folder, "life.c"))
	if err != nil {
		r.t.Fatal(err)
	}
	return string(data)
}

func (r *reader) replace(old, with string) {
	source := r.source()
	if !strings.Contains(source, old) {
		r.t.Fatalf("life.c lacks %q:\n%s", old, source)
	}
	source = strings.Replace(source, old, with, 1)
	if err := os.WriteFile(filepath.Join(r.folder, "life.c"), []byte(source), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

func (r *reader) run(command string, want []string) {
	command = strings.ReplaceAll(command, "~/life", r.folder)
	if to, ok := strings.CutPrefix(command, "cd "); ok {
		r.dir = to
		return
	}
	if strings.HasPrefix(command, "export PATH=") {
		return
	}
	r.commands++
	c := exec.CommandContext(r.t.Context(), "sh", "-c", command)
	c.Dir = r.dir
	c.Env = append(os.Environ(), "COLUMNS=118", fmt.Sprintf("PATH=%s:%s", filepath.Dir(r.program), os.Getenv("PATH")))
	var errors strings.Builder
	c.Stderr = &errors
	out, _ := c.Output() // a check that fails has a status of its own
	or := r.or
	r.or = ""
	if or != "" && strings.Contains(alike(string(out)), or) {
		return
	}
	got := alike(strings.ReplaceAll(string(out), r.folder, "~/life"))
	rest := got
	for part := range strings.SplitSeq(strings.Join(want, "\n"), "…") {
		part = alike(part)
		_, after, ok := strings.Cut(rest, part)
		if !ok {
			r.t.Errorf("$ %s\n%s%s\nlacks what docs/tutorial.md shows:\n%s", command, errors.String(), out, part)
			return
		}
		rest = after
	}
	if len(want) > 0 && strings.TrimSpace(rest) != "" {
		r.t.Errorf("$ %s\ndocs/tutorial.md ends before this:\n%s", command, rest)
	}
}

var (
	numbers = regexp.MustCompile(`0x[0-9a-f]+|[0-9]+(?:\.[0-9]+)?(?: (?:ns|µs|ms|s)\b)?`)
	spaces  = regexp.MustCompile(`\s+`)
)

// alike is a text without what differs from run to run.
func alike(text string) string {
	return strings.TrimSpace(spaces.ReplaceAllString(numbers.ReplaceAllString(text, "N"), " "))
}
