// SPDX-License-Identifier: MIT

package kmodlab

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/internal/labfile"
	"github.com/kmodlab/kmodlab/result"
)

// TestExpectSlips: an expectation that is wrong is wrong usage, with its place and a picture.
func TestExpectSlips(t *testing.T) {
	for _, tt := range []struct {
		texts []string
		want  string
	}{
		{[]string{"clean()", "threads.size() == 2"}, ""},
		{[]string{"threads.all(t, t.stopps == 1)"}, "Expect: 1:17: a thread has no field stopps; did you mean stops?\n" +
			"    threads.all(t, t.stopps == 1)\n                    ^"},
		{[]string{"clean()", "clean() &&\n  cleen()"}, "Expect: expectation 2: 2:8: "},
		{slices.Repeat([]string{"clean()"}, evidence.MaxExpect+1), "101 expectations; a run has 100 at most"},
	} {
		spec := Spec{Dir: t.TempDir(), Expect: tt.texts}
		_, err := spec.complete()
		recording := &Recording{evidence: new(evidence.Evidence)}
		for _, err := range []error{err, recording.Expect(tt.texts...), Expect(new(result.Result), tt.texts...)} {
			if tt.want == "" && err == nil {
				continue
			}
			var usage *UsageError
			if !errors.As(err, &usage) || usage.Field != "Expect" || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%q: %v, want %q", tt.texts, err, tt.want)
			}
		}
		if got := len(recording.evidence.Expect); (got == 0) != (tt.want != "") {
			t.Errorf("%q: the recording has %d expectations", tt.texts, got)
		}
	}
	if err := new(Recording).Expect("clean()"); !errors.Is(err, errNothingRecorded) {
		t.Errorf("no recording: %v", err)
	}
}

// TestLabExpect: what kmodlab.yaml expects comes after what the caller does, and not with a command. The example is
// that of the page.
func TestLabExpect(t *testing.T) {
	page, err := os.ReadFile("docs/expectations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(page), "\nexpect:\n")
	example, _, _ = strings.Cut(example, "```")
	dir := t.TempDir()
	file := filepath.Join(dir, labfile.Name)
	if err := os.WriteFile(file, []byte("expect:\n"+example), 0o644); err != nil {
		t.Fatal(err)
	}
	spec, err := Spec{Dir: dir, Lab: true, Expect: []string{"true"}}.withLab()
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"true", "threads.all(t, t.stops == 1)", `!messages.exists(m, m.level == "err")`,
		"signals.size() == 2 &&\n  signals.all(s, s.outcome == \"consumed\")"}
	if diff := cmp.Diff(want, spec.Expect); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	spec, err = Spec{Dir: dir, Lab: true, Expect: []string{"true"}, Command: new(Command)}.withLab()
	if err != nil || len(spec.Expect) != 1 {
		t.Errorf("with a command: %q, %v", spec.Expect, err)
	}
	for text, want := range map[string]string{
		"expect:\n  - clean()\n  - threads.size(\n":        "kmodlab.yaml:3:",
		"expect:\n" + strings.Repeat("  - clean()\n", 100): "101 expectations, with those of kmodlab.yaml",
	} {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		_, err := Spec{Dir: dir, Lab: true, Expect: []string{"true"}}.withLab()
		var failed *evidence.Failure
		if !errors.As(err, &failed) || failed.Kind != evidence.Preflight || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: %v, want %q", text, err, want)
		}
	}
}
