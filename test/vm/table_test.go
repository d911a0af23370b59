// SPDX-License-Identifier: MIT

package vm

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/kmodlab/kmodlab/internal/testlab/needs"
	"github.com/kmodlab/kmodlab/result"
)

// onKernels tests on two kernels if the environment has the variable all, else on one; only is the variable that names
// one kernel instead.
func onKernels(t *testing.T, all, only string, test func(t *testing.T, kernel string, all bool)) {
	t.Helper()
	needs.VM(t)
	kernels := []string{"debian:bookworm"}
	every := os.Getenv(all) != ""
	if every {
		kernels = append(kernels, newestKernel)
	}
	if only := os.Getenv(only); only != "" {
		kernels = []string{only}
	}
	for _, kernel := range kernels {
		t.Run(strings.ReplaceAll(kernel, ":", "-"), func(t *testing.T) { test(t, kernel, every) })
	}
}

// verdicts is a table of cases and the verdict that each got.
type verdicts struct {
	text       strings.Builder
	w          *tabwriter.Writer
	right, ran int
}

func newVerdicts() *verdicts {
	v := new(verdicts)
	v.w = tabwriter.NewWriter(&v.text, 0, 0, 2, ' ', 0)
	fmt.Fprintln(v.w, "case\texpected\tgot\tseconds\tmessage")
	return v
}

// run runs a case, and adds what it got.
func (v *verdicts) run(t *testing.T, name string, want result.Class, test func(t *testing.T) result.Verdict) {
	t.Run(name, func(t *testing.T) {
		start := time.Now()
		got := test(t)
		seconds := time.Since(start).Seconds()
		t.Logf("%s: %s in %.1f s: %s", name, got.Class, seconds, got.Message)
		v.ran++
		if !t.Failed() {
			v.right++
		}
		fmt.Fprintf(v.w, "%s\t%s\t%s\t%.1f\t%.110s\n", name, want, got.Class, seconds, got.Message)
	})
}

// end prints the table.
func (v *verdicts) end(t *testing.T, kernel string) {
	t.Helper()
	v.w.Flush()
	t.Logf("%s: %d of %d right\n%s", kernel, v.right, v.ran, v.text.String())
	if v.ran == 0 {
		t.Error("no case was run")
	}
}
