// SPDX-License-Identifier: MIT

package report

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kmodlab/kmodlab/internal/rundiff"
	"github.com/kmodlab/kmodlab/internal/testlab/foreign"
	"github.com/kmodlab/kmodlab/result"
)

// forgedTexts are texts that would begin a line with "forged", where a line of ours begins, if they came to stand there
// as they are, broken at their own line breaks, or wrapped at a space or at any byte.
func forgedTexts() []string {
	return []string{
		"forged: x", "forged:", "x\nforged: y\r\nforged: z", strings.Repeat("forged: ", 100),
		"x" + strings.Repeat(" forged: y", 100), strings.Repeat("forged:", 100), "\rforged: x\u2028forged: y",
	}
}

// checkBeginnings checks that no line begins with foreign text.
func checkBeginnings(t *testing.T, what, text string) {
	t.Helper()
	if strings.Count(text, "forged") == 0 {
		t.Errorf("%s: the text is not there", what)
	}
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimPrefix(line, "\x1b["+string(bold)+"m")
		for at := range "forged:" { // a word may be broken anywhere
			if part := "forged:"[at:]; at < 4 && strings.HasPrefix(line, part) {
				t.Errorf("%s: the line %.80q begins with foreign text", what, line)
			}
		}
	}
}

// TestForgedBeginnings: at any width, foreign text begins no line of a report, a diff or a command.
func TestForgedBeginnings(t *testing.T) {
	for _, file := range []string{"demo.json", "null_thread.json"} { // one that passed, and one that crashed
		data, err := os.ReadFile(filepath.Join("testdata/real", file))
		if err != nil {
			t.Fatal(err)
		}
		for i, text := range forgedTexts() {
			r, err := ReadJSON(bytes.NewReader(data))
			if err != nil {
				t.Fatal(err)
			}
			r.Dropped = result.Dropped{Total: 1, ByKind: map[string]uint64{text: 1}}
			r.Console, r.Warnings = "x", []result.Warning{{File: "x", Text: "x"}}
			r.Commands = []result.Command{{Argv: []string{"x"}, Output: "x", Exit: 1}}
			r.Witness = &result.Witness{Differences: []string{"x"}, Hooked: []string{"x"}}
			foreign.Fill(r, text, "Schema", "Class")
			for _, opt := range []TextOptions{{}, {Width: minWidth, Verbose: true}, {Width: 77, Color: true}} {
				checkText(t, fmt.Sprintf("%s, text %d, %+v", file, i, opt), r, opt)
			}
		}
	}
}

func checkText(t *testing.T, what string, r *result.Result, opt TextOptions) {
	t.Helper()
	checkBeginnings(t, what, string(text(t, r, opt)))
	machine := *r
	machine.Machine = result.Machine{Name: r.Machine.Name}
	checkBeginnings(t, what+", a name alone", string(text(t, &machine, opt)))
	machine.Machine = result.Machine{Accel: r.Machine.Accel}
	checkBeginnings(t, what+", an accelerator alone", string(text(t, &machine, opt)))
	checkBeginnings(t, what+", a command", CommandText(r.Commands[0]))
	d := &rundiff.Diff{
		Changes: []rundiff.Change{{Kind: "module", Name: r.Title}, {Kind: "order", Name: "order"}},
		Noise:   rundiff.Noise{Compared: true}, Notes: []string{"x"},
	}
	foreign.Fill(d, r.Title, "Kind", "Verdict")
	d.Changes[1].Name = d.Changes[1].Kind
	var b bytes.Buffer
	if err := Diff(&b, d, opt); err != nil {
		t.Fatal(err)
	}
	checkBeginnings(t, what+", a diff", b.String())
	b.Reset()
	if err := Again(&b, r, d, "12:00:00", opt); err != nil {
		t.Fatal(err)
	}
	checkBeginnings(t, what+", a run again", b.String())
}
