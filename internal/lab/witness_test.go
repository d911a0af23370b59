// SPDX-License-Identifier: MIT

package lab

import (
	"context"
	"errors"
	"slices"
	"strings"
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

// TestLasting: only what is there in each look is told, by what it is, and not by what it says.
func TestLasting(t *testing.T) {
	look := func(hooked string, differences ...string) sight {
		s := sight{Witness: evidence.Witness{Last: &witness.View{Hooked: strings.Fields(hooked)}}}
		for _, d := range differences {
			what, _, _ := strings.Cut(d, ":")
			s.differences = append(s.differences, witness.Difference{What: what, Text: d})
		}
		return s
	}
	var last sight
	for _, s := range []sight{look("f g", "a", "b", "c:1"), look("g", "b", "c:2", "d"), look("f g", "c:3", "a", "d")} {
		last = s.lasting(last)
	}
	if w := last.witness(); !slices.Equal(w.Differences, []string{"c:3"}) || !slices.Equal(w.Last.Hooked, []string{"g"}) {
		t.Errorf("%q, hooked %q", w.Differences, w.Last.Hooked)
	}
	blind := sight{Witness: evidence.Witness{Why: "a list is endless"}}
	w := look("f", "a").lasting(blind).witness()
	if !slices.Equal(w.Differences, []string{"a"}) || len(w.Last.Hooked) != 1 {
		t.Errorf("after a look that saw nothing: %q", w.Differences)
	}
	var huge sight
	huge.Guest.Modules = make([]string, 2*witness.MaxModules)
	for range 2 * witness.MaxDifferences {
		huge.differences = append(huge.differences, witness.Difference{Text: "module m is in memory"})
	}
	if w := huge.witness(); !w.Bounded() || w.Differences[len(w.Differences)-1] != "there are 1001 more differences" {
		t.Errorf("%d differences, the last is %q", len(w.Differences), w.Differences[len(w.Differences)-1])
	}
	if w := blind.lasting(look("f", "a")).witness(); w.Why == "" || w.Last != nil {
		t.Errorf("nothing is seen any more: %+v", w)
	}
}
