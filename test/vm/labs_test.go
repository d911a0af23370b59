// SPDX-License-Identifier: MIT

package vm

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kmodlab/kmodlab"
	"github.com/kmodlab/kmodlab/internal/course"
	"github.com/kmodlab/kmodlab/internal/grading"
	"github.com/kmodlab/kmodlab/internal/testlab"
	"github.com/kmodlab/kmodlab/internal/testlab/needs"
)

// labSample is what make test proves, on the default kernel.
var labSample = []string{"exports", "send-safely"}

// labTimes is how often the solution must pass in a row if all labs are proved.
const labTimes = 20

// TestLabs proves the labs of the course, as kmodlab lab verify does: all of them on all of their kernels if
// KMODLAB_TEST_ALL is set, else a sample. KMODLAB_LAB names one, and KMODLAB_LAB_KERNEL one kernel.
func TestLabs(t *testing.T) {
	needs.VM(t)
	all := os.Getenv("KMODLAB_TEST_ALL") != ""
	files, err := filepath.Glob("../../labs/*/" + course.Name)
	if err != nil || len(files) == 0 {
		t.Fatalf("no labs: %v", err)
	}
	for _, file := range files {
		dir := filepath.Dir(file)
		name := filepath.Base(dir)
		one := os.Getenv("KMODLAB_LAB")
		if one != "" && one != name || one == "" && !all && !slices.Contains(labSample, name) {
			continue
		}
		t.Run(name, func(t *testing.T) { proveLab(t, dir, all) })
	}
}

func proveLab(t *testing.T, dir string, all bool) {
	lab, err := grading.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	times := 1
	if all {
		times = labTimes
	}
	for _, name := range lab.Kernels {
		one := os.Getenv("KMODLAB_LAB_KERNEL")
		if one != "" && one != name || one == "" && !all && name != "debian:bookworm" {
			continue
		}
		t.Run(strings.TrimPrefix(name, "debian:"), func(t *testing.T) {
			g, err := grading.New(lab, grading.Options{
				Machine: kmodlab.Machine{Kernel: name}, Tools: kmodlab.Tools{Agent: testlab.Agent(t)},
			})
			if err != nil {
				t.Fatal(err)
			}
			err = g.Verify(t.Context(), times, func(trial grading.Trial) {
				t.Logf("%s, %d times, the last in %.1f s", trial.Name, trial.Times, trial.Grade.Seconds)
				for _, w := range trial.Wrong {
					t.Errorf("%s: %s", trial.Name, w)
				}
			})
			if err != nil {
				t.Fatal(err)
			}
		})
	}
}
