// SPDX-License-Identifier: MIT

package kmodlab

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/kmodlab/kmodlab/result"
)

// TestPoolTurns: whatever a run ends in, its turn and its machine are given back; waiting ends with the context.
func TestPoolTurns(t *testing.T) {
	const n = 2
	p := NewPool(n)
	spec := Spec{
		Dir: "modules/signals", Tools: Tools{Agent: "/nosuch/kmodlab", QEMU: "/nosuch/qemu", CacheDir: t.TempDir()},
	}
	var all sync.WaitGroup
	for range 4 * n {
		all.Go(func() {
			c, err := p.Run(t.Context(), spec)
			if err != nil || c.Verdict.Class != result.Host {
				t.Errorf("%+v, %v; want verdict host", c, err)
			}
		})
	}
	all.Wait()
	var usage *UsageError
	if _, err := p.Run(t.Context(), Spec{Dir: "nosuch"}); !errors.As(err, &usage) {
		t.Errorf("a Spec that makes no sense: %v", err)
	}
	if _, err := p.Run(t.Context(), Spec{Dir: "modules/signals", Machine: Machine{Here: true}}); !errors.As(err, &usage) ||
		usage.Field != "Here" {
		t.Errorf("on this machine itself: %v", err)
	}
	enough := errors.New("enough")
	ended, cancel := context.WithCancelCause(t.Context())
	cancel(enough)
	for i := range n {
		if err := p.turns.Take(ended, false); err != nil {
			t.Errorf("%d of %d turns are left", i, n)
		}
	}
	if err := p.turns.Take(ended, false); err == nil {
		t.Errorf("there are more than %d turns", n)
	}
	if _, err := p.Run(ended, spec); !errors.Is(err, enough) {
		t.Errorf("waiting without a turn: %v, want the context's cause", err)
	}
}
