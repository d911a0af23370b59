// SPDX-License-Identifier: MIT

package vm

import (
	"testing"
	"time"

	"github.com/kmodlab/kmodlab"
	"github.com/kmodlab/kmodlab/internal/testlab"
	"github.com/kmodlab/kmodlab/internal/testlab/needs"
	"github.com/kmodlab/kmodlab/kmodlabtest"
	"github.com/kmodlab/kmodlab/result"
	"github.com/kmodlab/kmodlab/tracer/timeline"
)

// TestLab requires of real runs what the tests of this package want to see: lives, requests, signals, messages, and
// the place of a fault. Its labs run beside each other, and are restored from one snapshot.
func TestLab(t *testing.T) {
	needs.VM(t)
	own := kmodlabtest.Spec(func(s *kmodlab.Spec) { s.Agent = testlab.Agent(t); s.Accel = kmodlab.TCG })
	t.Run("labs", func(t *testing.T) { // which ends when all have ended
		t.Run("signals", func(t *testing.T) {
			t.Parallel()
			lab := kmodlabtest.Run(t, "../../modules/signals", own, kmodlabtest.Load("signal_handling"),
				kmodlabtest.Params("signal_handling.period_ms=100"), kmodlabtest.For(3*time.Second))
			lab.Require(
				kmodlabtest.Loaded("signal_handling", "send_signal"),
				kmodlabtest.Unloaded("signal_handling", "send_signal"),
				kmodlabtest.Thread("K1", timeline.EndStopped),
				kmodlabtest.Thread("K2", timeline.EndStopped),
				kmodlabtest.Requested("send_signal"),
				kmodlabtest.Signal("SIGUSR1", "K1", result.Consumed),
				kmodlabtest.Printed("K1: received signal 10"),
				kmodlabtest.NoLeaks(),
				kmodlabtest.NothingLost())
			lab.Each(func(t testing.TB, r *result.Result) {
				if !r.Machine.Warm {
					t.Errorf("the machine was booted for this lab alone: %+v", r.Machine)
				}
			})
		})
		t.Run("oops", func(t *testing.T) {
			t.Parallel()
			lab := kmodlabtest.Run(t, "../../modules/faults/null_init", own)
			lab.Require(kmodlabtest.Class(result.Oops, "NULL pointer dereference", "null_init.c:"))
			lab.Each(func(t testing.TB, r *result.Result) {
				for name, q := range map[string]kmodlabtest.Requirement{
					"pass": kmodlabtest.Pass(), "leaks": kmodlabtest.NoLeaks(), "loaded": kmodlabtest.Loaded("null_init"),
				} {
					if q.Check(r) == nil {
						t.Errorf("%s: an oops in init is as required", name)
					}
				}
			})
		})
		t.Run("leak", func(t *testing.T) {
			t.Parallel()
			lab := kmodlabtest.Run(t, "../../modules/faults/kmalloc_leak", own)
			lab.Require(kmodlabtest.Class(result.Leak, "kmalloc_leak.c:"))
			lab.Each(func(t testing.TB, r *result.Result) {
				if kmodlabtest.NoLeaks().Check(r) == nil {
					t.Error("a leak is none")
				}
			})
		})
	})
}
