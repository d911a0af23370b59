// SPDX-License-Identifier: MIT

package vm

import (
	"slices"
	"testing"

	"github.com/kmodlab/kmodlab/result"
)

// forgerySample is what make test runs.
var forgerySample = []string{"forge_replies", "forge_hidden"}

// TestForgeries runs modules that lie about themselves on two kernels if KMODLAB_TEST_FORGERIES is set (make
// test-hostile), else a sample on one. None may pass.
func TestForgeries(t *testing.T) {
	onKernels(t, "KMODLAB_TEST_FORGERIES", "KMODLAB_FORGERIES_KERNEL", testForgeries)
}

func testForgeries(t *testing.T, kernel string, all bool) {
	table := newVerdicts()
	for _, c := range readTruths(t, "../../modules/forgeries/*.json") {
		if !all && !slices.Contains(forgerySample, c.name) {
			continue
		}
		want := c.on(kernel)
		table.run(t, c.name, want.Verdict, func(t *testing.T) result.Verdict {
			spec := c.spec(t, kernel)
			spec.Witness = true
			res := runVM(t, spec)
			want.compare(t, &c, res)
			return res.Verdict
		})
	}
	table.end(t, kernel)
}
