// SPDX-License-Identifier: MIT

package vm

import (
	"context"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kmodlab/kmodlab"
	"github.com/kmodlab/kmodlab/internal/testlab"
	"github.com/kmodlab/kmodlab/internal/testlab/agree"
	"github.com/kmodlab/kmodlab/internal/testlab/machine"
	"github.com/kmodlab/kmodlab/internal/testlab/needs"
	"github.com/kmodlab/kmodlab/result"
)

// TestInTree runs modules of the kernel's own tree, chosen at random, each by itself, and fails for each verdict that
// accuses a module of what the kernel itself does not report. Nobody here wrote these modules, they are used every day,
// and most have no hardware to drive here. Start it with: make test-intree COUNT=300 SEED=1
func TestInTree(t *testing.T) {
	count, err := strconv.Atoi(os.Getenv("KMODLAB_INTREE"))
	if err != nil || count < 1 {
		t.Skip("SKIPPED: KMODLAB_INTREE is not set: make test-intree runs modules of the kernel's own tree")
	}
	needs.VM(t)
	seed, err := strconv.ParseUint(os.Getenv("KMODLAB_SEED"), 10, 64)
	if err != nil {
		seed = uint64(time.Now().UnixNano())
	}
	k := machine.Kernel(t, os.Getenv("KMODLAB_INTREE_KERNEL"))
	files := inTreeModules(t, k.ModuleDir(), count, seed)
	t.Logf("SEED=%d, %d modules of %s", seed, len(files), k.Name)

	var specs []kmodlab.Spec
	for _, file := range files {
		spec := kmodlab.Spec{Files: []string{file}, Machine: kmodlab.Machine{Kernel: k.Name}}
		spec.Agent = testlab.Agent(t)
		specs = append(specs, spec)
	}
	classes, accused := make(map[result.Class]int), 0
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Hour)
	defer cancel()
	err = kmodlab.RunAll(ctx, specs, 2, func(i int, c *kmodlab.Conclusion, err error) {
		name := strings.TrimPrefix(files[i], k.ModuleDir()+"/")
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		v := c.Verdict
		classes[v.Class]++
		if v.Class != result.Pass {
			t.Logf("%s: %s: %s", name, v.Class, v.Message)
		}
		for _, a := range append([]result.Verdict{v}, v.Also...) {
			if why := accuses(a, c.Result); why != "" {
				accused++
				t.Errorf("%s is accused: %s: %s (%s)", name, a.Class, a.Message, why)
			}
		}
		for _, contradiction := range agree.Contradictions(c.Result) {
			t.Errorf("%s: the result contradicts itself: %s", name, contradiction)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d modules, %d false accusations; verdicts: %v", len(files), accused, classes)
}

// inTreeModules chooses modules of a kernel's own tree.
func inTreeModules(t *testing.T, dir string, count int, seed uint64) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(filepath.Join(dir, "kernel"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && strings.Contains(d.Name(), ".ko") {
			files = append(files, path)
		}
		return err
	})
	if err != nil || len(files) == 0 {
		t.Fatalf("no modules in %s: %v", dir, err)
	}
	slices.Sort(files)
	rand.New(rand.NewPCG(seed, 0)).Shuffle(len(files), func(i, j int) { files[i], files[j] = files[j], files[i] })
	return files[:min(count, len(files))]
}

// trueLeaks are what modules of the kernel's own tree do leave behind, read from their code.
var trueLeaks = []struct{ module, left, why string }{
	{"dccp", "a slab cache (dccp_bind2_bucket)",
		"in 6.1 dccp_init() makes it, and dccp_fini() destroys only dccp_bind_bucket: its code has one kmem_cache_destroy"},
}

// leaks reports whether all that a verdict says is left is known to be.
func leaks(v result.Verdict, r *result.Result) bool {
	for _, known := range trueLeaks {
		named := slices.ContainsFunc(r.Modules, func(m result.Module) bool { return m.Name == known.module })
		if named && len(r.Leaks) == 1 && strings.Contains(v.Message, known.left) {
			return true
		}
	}
	return false
}

// accuses says why a verdict is an accusation that the kernel does not make itself, "" if it is none.
func accuses(v result.Verdict, r *result.Result) string {
	refused := slices.ContainsFunc(r.Commands, func(c result.Command) bool {
		return c.Argv[0] == "modprobe" && c.Exit != 0
	})
	tainted := slices.ContainsFunc(r.Taint, func(w string) bool {
		return strings.HasPrefix(w, "earlier ") || w == "bad page"
	})
	// A kernel that panics ends before anybody could read its taint mask.
	panicked := slices.ContainsFunc(r.Crashes, func(c result.Crash) bool { return c.Class == result.Panic })
	switch v.Class {
	case result.Pass:
		return ""
	case result.Leak:
		if leaks(v, r) {
			return ""
		}
	case result.Load:
		if refused {
			return ""
		}
		return "no command failed"
	case result.Oops, result.Panic, result.Lockup:
		if tainted || panicked {
			return "" // by the kernel itself
		}
		return "the kernel is not tainted"
	}
	return "modules of the kernel's own tree are in use everywhere"
}
