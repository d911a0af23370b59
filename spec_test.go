// SPDX-License-Identifier: MIT

package kmodlab

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kmodlab/kmodlab/internal/vm"
)

// TestUsage: a Spec that makes no sense is refused before anything is looked for, and the error names the field.
func TestUsage(t *testing.T) {
	dir, full := t.TempDir(), t.TempDir()
	fresh := filepath.Join(dir, "new")
	if err := os.WriteFile(filepath.Join(full, "f"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	script := func(s Step) Spec { return Spec{Dir: dir, Script: []Step{{Argv: []string{"lsmod"}}, s}} }
	for name, test := range map[string]struct {
		spec  Spec
		field string
	}{
		"nothing to run":      {Spec{}, ""},
		"two sources":         {Spec{Dir: dir, Files: []string{"a.ko"}}, ""},
		"negative time":       {Spec{Dir: dir, For: -time.Second}, "For"},
		"negative limit":      {Spec{Dir: dir, StepTimeout: -time.Second}, "StepTimeout"},
		"a negative build":    {Spec{Dir: dir, BuildTimeout: -1}, "BuildTimeout"},
		"a place to build":    {Spec{Dir: dir, Build: "cloud"}, "Build"},
		"CPUs":                {Spec{Dir: dir, Machine: Machine{CPUs: 256}}, "CPUs"},
		"memory":              {Spec{Dir: dir, Machine: Machine{MemoryMiB: -1}}, "MemoryMiB"},
		"accelerator":         {Spec{Dir: dir, Machine: Machine{Accel: "hvf"}}, "Accel"},
		"another kernel here": {Spec{Dir: dir, Machine: Machine{Here: true, Kernel: "debian:bookworm"}}, "Here"},
		"parameter":           {Spec{Dir: dir, Params: []string{"period=1"}}, "Params"},
		"no command":          {script(Step{}), "Script"},
		"an empty command":    {script(Step{Argv: []string{""}}), "Script"},
		"a negative wait":     {script(Step{Argv: []string{"lsmod"}, Wait: -1}), "Script"},
		"artifacts, nowhere":  {Spec{Dir: dir, Artifacts: []string{"log"}}, "Artifacts"},
		"a wrong pattern":     {Spec{Dir: dir, Artifacts: []string{"[a"}, ArtifactsDir: fresh}, "Artifacts"},
		"no pattern":          {Spec{Dir: dir, Artifacts: []string{""}, ArtifactsDir: fresh}, "Artifacts"},
		"artifacts, full":     {Spec{Dir: dir, Artifacts: []string{"log"}, ArtifactsDir: full}, "ArtifactsDir"},
		"artifacts, a file":   {Spec{Dir: dir, ArtifactsDir: filepath.Join(full, "f")}, "ArtifactsDir"},
		"a cable, here":       {Spec{Dir: dir, NIC: true, Machine: Machine{Here: true}}, "NIC"},
		"artifacts, here": {
			Spec{Dir: dir, Artifacts: []string{"a"}, ArtifactsDir: t.TempDir(), Machine: Machine{Here: true}}, "ArtifactsDir",
		},
		"an unknown role": {script(Step{Argv: []string{"lsmod"}, Role: RoleRefused + 1}), "Script"},
	} {
		_, err := Run(t.Context(), test.spec)
		var usage *UsageError
		if !errors.As(err, &usage) || usage.Field != test.field {
			t.Errorf("%s: %v, want a UsageError of field %q", name, err, test.field)
		}
		err = RunAll(t.Context(), []Spec{test.spec}, 1, func(int, *Conclusion, error) { t.Errorf("%s: was run", name) })
		if !errors.As(err, &usage) || usage.Field != test.field {
			t.Errorf("%s: RunAll: %v, want a UsageError of field %q", name, err, test.field)
		}
	}
}

// TestTraceUsage: so is a TraceSpec; of several fields the first is named, each time.
func TestTraceUsage(t *testing.T) {
	long := strings.Repeat("x", 64)
	for range 20 { // as many as tell an order from chance
		for name, test := range map[string]struct {
			spec  TraceSpec
			field string
		}{
			"four names":      {TraceSpec{Filter: Filter{Thread: long, From: long, To: long, Module: long}}, "Filter.Thread"},
			"two names":       {TraceSpec{Filter: Filter{To: "a\x00", Module: long}}, "Filter.To"},
			"signal":          {TraceSpec{Filter: Filter{Signals: []syscall.Signal{65}}}, "Filter.Signals"},
			"negative time":   {TraceSpec{For: -time.Second}, "For"},
			"modules here":    {TraceSpec{Files: []string{"a.ko"}, Machine: Machine{Here: true}}, "Here"},
			"a foreign word":  {TraceSpec{Argv: []string{"sh"}}, ""},
			"an empty word":   {TraceSpec{Argv: []string{""}}, ""},
			"a missing file":  {TraceSpec{Files: []string{"/nonexistent/a.ko"}}, ""},
			"negative build":  {TraceSpec{BuildTimeout: -1}, "BuildTimeout"},
			"a place to make": {TraceSpec{Build: "cloud"}, "Build"},
		} {
			_, err := Trace(t.Context(), test.spec)
			var usage *UsageError
			if !errors.As(err, &usage) || usage.Field != test.field {
				t.Fatalf("%s: %v, want a UsageError of field %q", name, err, test.field)
			}
		}
	}
}

// TestLongestStep: who wants no limit gives the longest time there is, which must not turn into one that is over.
func TestLongestStep(t *testing.T) {
	spec, err := Spec{Dir: t.TempDir(), StepTimeout: math.MaxInt64}.complete()
	if stretched := spec.StepTimeout * time.Duration(vm.DeadlineScale(vm.TCG)); err != nil || stretched < maxStep {
		t.Errorf("%s under TCG, %v", stretched, err)
	}
	trace, err := TraceSpec{StepTimeout: math.MaxInt64}.complete()
	if stretched := trace.StepTimeout * time.Duration(vm.DeadlineScale(vm.TCG)); err != nil || stretched < maxStep {
		t.Errorf("a trace: %s under TCG, %v", stretched, err)
	}
}

// TestBuildTimeout: the limit of the build reaches what is prepared, for a run and for a trace.
func TestBuildTimeout(t *testing.T) {
	for limit, want := range map[time.Duration]time.Duration{time.Hour: time.Hour, math.MaxInt64: maxStep} {
		spec, err := Spec{Dir: t.TempDir(), BuildTimeout: limit}.complete()
		if got := prepareOptions(spec).BuildTimeout; err != nil || got != want {
			t.Errorf("a run: %v, %v", got, err)
		}
		trace, err := TraceSpec{BuildTimeout: limit}.complete()
		if got := prepareOptions(trace.spec()).BuildTimeout; err != nil || got != want {
			t.Errorf("a trace: %v, %v", got, err)
		}
	}
}
