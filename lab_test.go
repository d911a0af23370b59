// SPDX-License-Identifier: MIT

package kmodlab

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kmodlab/kmodlab/result"
)

// TestHereRunsNoTests: what a folder's kmodlab.yaml says does not run as root on this machine, and nothing is left out
// in silence.
func TestHereRunsNoTests(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "kmodlab.yaml"), []byte("tests: [{run: t.sh}]\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	c, err := Run(t.Context(), Spec{Dir: dir, Lab: true, Machine: Machine{Here: true}})
	if err != nil {
		t.Fatal(err)
	}
	v := c.Verdict
	says := strings.Contains(v.Message, "kmodlab trace --here -- PROG") && v.Hint == "nothing was loaded"
	if v.Class != result.Host || !says {
		t.Errorf("%+v", v)
	}
}
