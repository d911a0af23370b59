// SPDX-License-Identifier: MIT

package vm

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/kmodlab/kmodlab"
	"github.com/kmodlab/kmodlab/internal/testlab"
	"github.com/kmodlab/kmodlab/internal/testlab/needs"
	"github.com/kmodlab/kmodlab/result"
)

// poolMix are faults of many kinds. Some end the guest, some end only their process, and some pass.
var poolMix = []string{
	"init_enodev", "kmalloc_leak", "restart", "kmalloc_leak_fixed", "div_zero", "proc_left", "panic_call", "warn",
	"proc_left_fixed", "null_exit",
}

// TestPoolVerdicts runs a mix of faults, four at a time, and begins without a snapshot. Each run gets its own verdict,
// whatever happens to the runs beside it. All runs together save one snapshot.
func TestPoolVerdicts(t *testing.T) {
	cache, store := machines(t)
	const kernel = "debian:bookworm"
	var specs []kmodlab.Spec
	var want []func(*result.Result)
	add := func(spec kmodlab.Spec, check func(*result.Result)) {
		spec.Machine = kmodlab.Machine{Kernel: kernel, Accel: kmodlab.TCG}
		spec.CacheDir, spec.Agent = cache, testlab.Agent(t)
		spec.For = 100 * time.Millisecond
		specs, want = append(specs, spec), append(want, check)
	}
	for _, f := range readFaults(t) {
		if slices.Contains(poolMix, f.name) {
			check := func(res *result.Result) { f.on(kernel).compare(t, kernel, res) }
			add(kmodlab.Spec{Dir: f.dir, Load: f.Load, Params: f.Params}, check)
		}
	}
	if len(specs) != len(poolMix) {
		t.Fatalf("found %d of the %d faults", len(specs), len(poolMix))
	}
	class := func(c result.Class) func(*result.Result) {
		return func(res *result.Result) {
			if res.Verdict.Class != c {
				t.Errorf("%+v, want %s", res.Verdict, c)
			}
		}
	}
	add(kmodlab.Spec{Dir: "testdata/warm"}, class(result.Pass))
	add(kmodlab.Spec{Dir: brokenModule(t)}, class(result.Build))
	add(kmodlab.Spec{Dir: "testdata/warm", Tools: kmodlab.Tools{QEMU: filepath.Join(cache, "nosuch")}}, class(result.Host))
	got := runAll(t, t.Context(), specs, 4)
	for i, check := range want {
		if got[i] == nil {
			t.Errorf("run %d of %s did not end", i, specs[i].Dir)
			continue
		}
		check(got[i])
		if m := got[i].Machine; m.Accel != "" && !m.Warm {
			t.Errorf("%s ran on a machine that was booted for it", specs[i].Dir)
		}
	}
	if images, err := store.Images(); err != nil || len(images) != 1 {
		t.Errorf("%d machines are saved (%v), want one", len(images), err)
	}
	if left := testlab.Children(os.Getpid()); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// runAll returns the results by index. The result of a run that did not end is nil.
func runAll(t *testing.T, ctx context.Context, specs []kmodlab.Spec, n int) []*result.Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	got := make([]*result.Result, len(specs))
	busy := false
	err := kmodlab.RunAll(ctx, specs, n, func(i int, end *kmodlab.Conclusion, err error) {
		if busy || got[i] != nil || err != nil {
			t.Errorf("run %d ended with %v, at the same time %t, before %t", i, err, busy, got[i] != nil)
		}
		busy = true
		if err == nil {
			got[i] = end.Result
		}
		time.Sleep(time.Millisecond)
		busy = false
	})
	if err != nil && ctx.Err() == nil {
		t.Error(err)
	}
	return got
}

func brokenModule(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"Kbuild":   "obj-m := broken.o\n",
		"broken.c": "#include <linux/module.h>\nint x = nothing_of_that_name;\nMODULE_LICENSE(\"GPL\");\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestPoolUsage checks that RunAll finds a Spec that makes no sense before anything runs.
func TestPoolUsage(t *testing.T) {
	var usage *kmodlab.UsageError
	never := func(i int, _ *kmodlab.Conclusion, _ error) { t.Errorf("run %d ended", i) }
	err := kmodlab.RunAll(t.Context(), []kmodlab.Spec{{Dir: "testdata/warm"}, {Dir: "nosuch"}}, 0, never)
	if !errors.As(err, &usage) {
		t.Errorf("%v, want a usage error", err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	enough := errors.New("enough")
	cancel(enough)
	if err := kmodlab.RunAll(ctx, []kmodlab.Spec{{Dir: "testdata/warm"}}, 0, never); !errors.Is(err, enough) {
		t.Errorf("%v, want the context's cause", err)
	}
	if err := kmodlab.RunAll(t.Context(), nil, 0, never); err != nil {
		t.Errorf("no runs: %v", err)
	}
}

// TestPoolCancel cancels a pool in the middle. Some runs have ended, some are running, some will never run.
func TestPoolCancel(t *testing.T) {
	needs.VM(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	enough := errors.New("enough")
	long := kmodlab.Spec{Dir: "testdata/warm", For: time.Hour}
	long.Accel, long.Agent = kmodlab.TCG, testlab.Agent(t)
	short := long
	short.For = time.Millisecond
	specs := append(slices.Repeat([]kmodlab.Spec{short}, 2), slices.Repeat([]kmodlab.Spec{long}, 20)...)
	ended := 0
	err := kmodlab.RunAll(ctx, specs, 2, func(i int, end *kmodlab.Conclusion, err error) {
		if ended++; ended == 2 {
			time.AfterFunc(2*time.Second, func() { cancel(enough) })
		}
		if i > 1 || err != nil || end.Verdict.Class != result.Pass {
			t.Errorf("run %d: %v", i, err)
		}
	})
	if !errors.Is(err, enough) || ended != 2 {
		t.Errorf("%v after %d runs", err, ended)
	}
	if left := testlab.Children(os.Getpid()); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestPoolOneByOne: runs come one by one, each with a context of its own. One that is cut short while it waits takes
// nothing from the others.
func TestPoolOneByOne(t *testing.T) {
	needs.VM(t)
	pool := kmodlab.NewPool(1)
	spec := kmodlab.Spec{Dir: "testdata/warm", For: time.Millisecond}
	spec.Accel, spec.Agent = kmodlab.TCG, testlab.Agent(t)
	long := spec
	long.For = time.Hour
	waits := make(chan bool)
	long.Watch.Phase = func(p kmodlab.Progress) {
		if p.Phase == "run" {
			close(waits)
		}
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	enough := errors.New("enough")
	cut := make(chan error)
	go func() {
		_, err := pool.Run(ctx, long)
		cut <- err
	}()
	<-waits
	run := func() {
		end, err := pool.Run(t.Context(), spec)
		if err != nil || end.Verdict.Class != result.Pass {
			t.Errorf("%+v, %v", end, err)
		}
	}
	run() // while the long one waits
	cancel(enough)
	if err := <-cut; !errors.Is(err, enough) {
		t.Errorf("%v, want the context's cause", err)
	}
	var all sync.WaitGroup
	for range 3 {
		all.Go(run)
	}
	all.Wait()
	if left := testlab.Children(os.Getpid()); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
