// SPDX-License-Identifier: MIT

package leaks

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/kmodlab/kmodlab/internal/testlab/needs"
)

// TestPairsInKernels compares the table with what real kernels export: where a module can give a thing back, it can
// take it, and the other way round. A function that the kernel renames is found this way.
func TestPairsInKernels(t *testing.T) {
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(cache + "/kmodlab/kernels/*/root/usr/src/*/Module.symvers")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		needs.Missing(t, "no kernel in the cache; type: kmodlab kernel fetch debian:bookworm")
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		exported := make(map[string]bool)
		for line := range bytes.Lines(data) {
			if fields := bytes.Fields(line); len(fields) > 1 {
				exported[trimmed(string(fields[1]))] = true
			}
		}
		has := func(f function) bool { return exported[f.name] }
		take, give := make(map[string]bool), make(map[string]bool) // by what is taken: several rows may have it
		for i := range Pairs {
			p := &Pairs[i]
			take[p.Many] = take[p.Many] || slices.ContainsFunc(p.takes(), has)
			give[p.Many] = give[p.Many] || slices.ContainsFunc(append(p.gives(), functions(p.Undo)...), has)
		}
		for many := range take {
			if take[many] != give[many] {
				t.Errorf("%s, %s: the kernel has a way to take them: %t, and to give them back: %t",
					filepath.Base(filepath.Dir(file)), many, take[many], give[many])
			}
		}
	}
}
