// SPDX-License-Identifier: MIT

package pool

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestTurns has many runs share two turns, which they give up while they wait.
func TestTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := &Turns{free: 2}
		var working, most, done atomic.Int32
		work := func() {
			n := working.Add(1)
			most.Store(max(n, most.Load()))
			if n > 2 {
				t.Errorf("%d work at once", n)
			}
			time.Sleep(time.Second)
			working.Add(-1)
		}
		var waiting atomic.Int32
		var took atomic.Int64 // until the last was done
		take := func(begun bool) {
			waiting.Add(1)
			turns.Take(t.Context(), begun)
			waiting.Add(-1)
		}
		start := time.Now()
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				take(false)
				work()
				turns.Give()
				time.Sleep(time.Second) // aside
				take(true)
				work()
				turns.Give()
				took.Store(int64(time.Since(start)))
				done.Add(1)
			})
		}
		for time.Sleep(time.Second / 2); done.Load() < 20; time.Sleep(time.Second) {
			synctest.Wait()
			if n, idle := waiting.Load(), 2-working.Load(); n > 0 && idle > 0 {
				t.Errorf("after %s %d wait while %d turns are idle", time.Since(start), n, idle)
			}
		}
		all.Wait()
		// 40 s of work for two turns. While a run has not begun no turn is idle, so the last run
		// begins after 19 s at the latest, and takes 3 s; without Aside it would be 30 s in all.
		if took := time.Duration(took.Load()); done.Load() != 20 || most.Load() != 2 || took > 22*time.Second {
			t.Errorf("%d are done in %s, %d at once; want 20 in at most 22 s, 2 at once", done.Load(), took, most.Load())
		}
		if turns.free != 2 {
			t.Errorf("%d turns are left of 2", turns.free)
		}
	})
}

// TestTurnsOrder: a run that has begun comes first, and one that gave up takes no turn.
func TestTurnsOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := &Turns{free: 1}
		turns.Take(t.Context(), false)
		gone, cancel := context.WithCancel(t.Context())
		var order []string
		wait := func(ctx context.Context, name string, begun bool) {
			go func() {
				if err := turns.Take(ctx, begun); err != nil {
					order = append(order, name+" gave up")
					return
				}
				order = append(order, name)
				turns.Give()
			}()
			synctest.Wait()
		}
		wait(t.Context(), "new", false)
		wait(gone, "impatient", true)
		wait(t.Context(), "begun", true)
		cancel()
		synctest.Wait()
		turns.Give()
		synctest.Wait()
		if len(order) != 3 || order[0] != "impatient gave up" || order[1] != "begun" || order[2] != "new" || turns.free != 1 {
			t.Errorf("%q, %d free", order, turns.free)
		}
	})
}

// TestTurnsOwed: a run whose context ends while it waits aside comes back at once, without a turn, and in the end
// there are as many turns as before.
func TestTurnsOwed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := NewTurns(1)
		ctx, cancel := context.WithCancel(t.Context())
		turns.Take(ctx, false)
		back := turns.Aside(ctx, time.Second)
		turns.Take(t.Context(), false) // another run works meanwhile
		third := make(chan error)
		go func() { third <- turns.Take(t.Context(), false) }()
		synctest.Wait()
		cancel()
		back()
		turns.Give() // the run that was cut short
		synctest.Wait()
		select {
		case <-third:
			t.Error("two runs have the one turn")
		default:
		}
		turns.Give()
		if err := <-third; err != nil {
			t.Error(err)
		}
		turns.Give()
		if turns.free != 1 {
			t.Errorf("%d turns are left of 1", turns.free)
		}
	})
}
