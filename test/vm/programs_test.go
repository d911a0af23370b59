// SPDX-License-Identifier: MIT

package vm

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmodlab/kmodlab/internal/testlab/machine"
	"github.com/kmodlab/kmodlab/internal/testlab/needs"
	"github.com/kmodlab/kmodlab/result"
)

// TestPrograms boots three times with one cache. The first guest makes the tracer's programs for its kernel. The
// second uses these programs. The third gets damaged programs and makes them again. The hooks are the same each time.
func TestPrograms(t *testing.T) {
	needs.VM(t)
	cache, _ := machines(t)
	spec := warmSpec(cache)
	spec.Cold = true
	kept := filepath.Join(cache, "programs", machine.Kernel(t, "").ID)
	hooks := func() []string {
		t.Helper()
		res := runVM(t, spec)
		if res.Verdict.Class != result.Pass {
			t.Fatalf("%+v", res.Verdict)
		}
		var list []string
		for _, h := range res.Hooks {
			list = append(list, h.Name+" "+h.Kind+" "+h.Target+" "+h.Note)
		}
		return list
	}
	if _, err := os.Stat(kept); err == nil {
		t.Fatalf("%s is there before the first run", kept)
	}
	made := hooks()
	data, err := os.ReadFile(kept)
	if err != nil {
		t.Fatal(err)
	}
	before, err := os.Stat(kept)
	if err != nil {
		t.Fatal(err)
	}

	if d := cmp.Diff(made, hooks()); d != "" {
		t.Errorf("with programs that were kept, hooks differ:\n%s", d)
	}
	if after, err := os.Stat(kept); err != nil || !os.SameFile(before, after) {
		t.Errorf("the programs were made anew: %v", err)
	}

	damaged := bytes.Clone(data)
	damaged[len(damaged)/2] ^= 1
	if err := os.WriteFile(kept, damaged, 0o644); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(made, hooks()); d != "" {
		t.Errorf("with damaged programs, hooks differ:\n%s", d)
	}
	if again, err := os.ReadFile(kept); err != nil || !bytes.Equal(again, data) {
		t.Errorf("the damaged programs were not made anew: %v", err)
	}
}
