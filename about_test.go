// SPDX-License-Identifier: MIT

package kmodlab

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/internal/verdict"
)

// TestAbout: a report names the run, and never a path of this machine.
func TestAbout(t *testing.T) {
	at := time.Date(2026, 11, 29, 18, 30, 5, 999, time.FixedZone("", 7200))
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	const date = "2026-11-29T16:30:05Z"
	for _, c := range []struct {
		name string
		got  about
		want about
	}{
		{"a folder", Spec{Dir: "labs/one/"}.about(at), about{"one", "labs/one", date}},
		{"this folder", Spec{Dir: "."}.about(at), about{filepath.Base(here), filepath.Base(here), date}},
		{"the one above", Spec{Dir: ".."}.about(at), about{filepath.Base(filepath.Dir(here)),
			filepath.Base(filepath.Dir(here)), date}},
		{"another one above", Spec{Dir: "../other"}.about(at), about{"other", "other", date}},
		{"an absolute path", Spec{Dir: "/home/me/labs/one"}.about(at), about{"one", "one", date}},
		{"files", Spec{Files: []string{"/tmp/a.ko", "b.ko.xz"}}.about(at), about{"a.ko, b.ko.xz", "", date}},
		{"a title", Spec{Dir: "/tmp/x/signals", Observe: Observe{Title: "demo"}}.about(at),
			about{"demo", "signals", date}},
		{"a command", TraceSpec{Argv: []string{"modprobe", "loop"}, Dir: "labs"}.about(at),
			about{"modprobe loop", "labs", date}},
		{"a trace without one", TraceSpec{}.about(at), about{"trace", "", date}},
		{"a trace with a title", TraceSpec{Argv: []string{"lsmod"}, Observe: Observe{Title: "mine"}}.about(at),
			about{"mine", "", date}},
	} {
		if c.got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, c.got, c.want)
		}
	}
}

// TestAboutInResult: what a run was is part of the evidence, so that a recording's result says the same.
func TestAboutInResult(t *testing.T) {
	e := &evidence.Evidence{}
	about{"one", "labs/one", "2026-11-29T16:30:05Z"}.note(e)
	res := verdict.Of(e)
	if res.Title != "one" || res.Folder != "labs/one" || res.Date != "2026-11-29T16:30:05Z" {
		t.Errorf("title %q, folder %q, date %q", res.Title, res.Folder, res.Date)
	}
}
