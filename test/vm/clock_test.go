// SPDX-License-Identifier: MIT

package vm

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kmodlab/kmodlab"
	"github.com/kmodlab/kmodlab/internal/boot"
	"github.com/kmodlab/kmodlab/internal/testlab"
	"github.com/kmodlab/kmodlab/internal/testlab/machine"
	"github.com/kmodlab/kmodlab/internal/testlab/needs"
	"github.com/kmodlab/kmodlab/internal/vm"
	"github.com/kmodlab/kmodlab/result"
)

// TestWrongClock boots a guest that is told a wrong frequency of its counter, as a busy host may make it measure one:
// its clock is found to be wrong, and that of another guest to be right.
func TestWrongClock(t *testing.T) {
	needs.VM(t)
	for append, wrong := range map[string]bool{"tsc_early_khz=600000": true, "loglevel=4": false} {
		g, err := boot.Start(t.Context(), boot.Options{
			Kernel: machine.Kernel(t, ""), Agent: testlab.Agent(t), Accel: vm.TCG, Append: []string{append},
			StateDir: machine.CacheDir(t),
		})
		if err != nil {
			t.Fatal(err)
		}
		defer g.Close()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		first, err := g.ReadClock(ctx)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		second, err := g.ReadClock(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if err := first.Compare(second); errors.Is(err, boot.ErrClock) != wrong {
			t.Errorf("%s: %v, want a wrong clock: %v", append, err, wrong)
		}
		g.Close()
	}
}

// TestStarved takes a snapshot while the host has no time for the guest. The machine that is restored later, on a quiet
// host, has a right clock: a second there is a second here.
func TestStarved(t *testing.T) {
	needs.VM(t)
	work := t.TempDir()
	machine.Kernel(t, "")
	cache := filepath.Join(work, "kmodlab")
	if err := os.Mkdir(cache, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(machine.CacheDir(t), "kernels"), filepath.Join(cache, "kernels")); err != nil {
		t.Fatal(err)
	}
	spec := kmodlab.Spec{Dir: "../../modules/truth/ok_timer", For: 2 * time.Second}
	spec.CacheDir = cache
	stop := starve(4 * runtime.NumCPU())
	first := runVM(t, spec)
	stop()
	if first.Verdict.Class != result.Pass {
		t.Errorf("on a busy host: %s: %s", first.Verdict.Class, first.Verdict.Message)
	}
	res := runVM(t, spec)
	if res.Verdict.Class != result.Pass {
		t.Errorf("afterwards: %s: %s", res.Verdict.Class, res.Verdict.Message)
	}
	guest := res.Commands[len(res.Commands)-1]
	m := res.Modules[len(res.Modules)-1]
	if m.LoadedNS == nil || m.FreedNS == nil {
		t.Fatalf("the module's times are not known: %+v", m)
	}
	lived := time.Duration(*m.FreedNS - *m.LoadedNS)
	host := 0.0
	for _, p := range res.Phases {
		if p.Name == "load" || p.Name == "run" || p.Name == "unload" {
			host += p.MS
		}
	}
	t.Logf("the module lived %v there, the steps took %.0f ms here, the last %v: %.0f ms", lived, host, guest.Argv, guest.MS)
	if most := time.Duration(host*1.2) * time.Millisecond; lived > most || lived < 2*time.Second*8/10 {
		t.Errorf("the module lived %v in the guest and at most %v here", lived, most)
	}
}

// starve keeps processors busy until stop is called.
func starve(n int) (stop func()) {
	var end atomic.Bool
	for range n {
		go func() {
			for !end.Load() {
				for range 1 << 20 { // of nothing
				}
			}
		}()
	}
	return func() { end.Store(true) }
}
