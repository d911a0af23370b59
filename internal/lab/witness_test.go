// SPDX-License-Identifier: MIT

package lab

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/internal/notify"
	"github.com/kmodlab/kmodlab/internal/witness"
)

var errQMP = errors.New("pmemsave: the file is full")

// unreadable is a machine whose memory QEMU does not give.
type unreadable struct{ thawed *bool }

func (unreadable) ReadPhysical(uint64, int) ([]byte, error) { return nil, errQMP }

func (u unreadable) Thaw(ctx context.Context) error {
	_, bounded := ctx.Deadline()
	*u.thawed = bounded && ctx.Err() == nil
	return nil
}

// TestNotSeen: what QEMU does not do is never said of the guest, and the processors run again in any case.
func TestNotSeen(t *testing.T) {
	kept := &StallError{Text: "QEMU was stopped"}
	gone := errors.New("the guest powered off")
	for name, tt := range map[string]struct {
		stalled, ended error
		cancel         bool
		host           bool
	}{
		"an error of QEMU's": {host: true},
		"a QEMU that ended":  {ended: gone},
		"QEMU was stopped":   {stalled: kept},
		"it took too long":   {cancel: true, host: true},
	} {
		thawed := false
		ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
		l := &Lab{machine: machine{
			Scale: 1, stalled: func() error { return tt.stalled }, ended: func() error { return tt.ended },
			freeze: func(context.Context) (frozen, error) {
				if tt.stalled != nil || tt.cancel {
					return nil, context.DeadlineExceeded
				}
				return unreadable{&thawed}, nil
			},
		}}
		l.journal = notify.New(notify.Watcher{})
		symbols := func(name string) uint64 { return 0xffffffff81000000 }
		l.outside = &outside{subject: witness.Subject{Symbols: symbols, Layout: witness.Layout{"a.b": 1}}}
		err := l.LookFirst(ctx)
		cancel()
		var failure *evidence.Failure
		if host := errors.As(err, &failure) && failure.Kind == evidence.Host; err == nil || host != tt.host {
			t.Errorf("%s: %v, host %t", name, err, host)
		}
		if tt.stalled == nil && !tt.cancel && !thawed {
			t.Errorf("%s: the processors stand", name)
		}
	}
}

// TestLasting: only what is there in each look is told.
func TestLasting(t *testing.T) {
	look := func(differences ...string) *evidence.Witness {
		return &evidence.Witness{Last: &witness.View{}, Differences: differences}
	}
	w := lasting(lasting(lasting(nil, look("a", "b", "c")), look("b", "c", "d")), look("c", "a", "d"))
	if !slices.Equal(w.Differences, []string{"c"}) {
		t.Errorf("%q", w.Differences)
	}
	if w = lasting(&evidence.Witness{Why: "a list is endless"}, look("a")); !slices.Equal(w.Differences, []string{"a"}) {
		t.Errorf("after a look that saw nothing: %q", w.Differences)
	}
}
