// SPDX-License-Identifier: MIT

package lab

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/internal/wire"
	"github.com/kmodlab/kmodlab/internal/witness"
)

// outside is what the host knows for looking at a guest from outside.
type outside struct {
	subject witness.Subject
	first   *witness.View
	why     string // the guest cannot be looked at
}

// lookLimit bounds the looks at one time, and the setup, before it is stretched for TCG. endLimit is how long the
// processors may take to run again when the run is stopped meanwhile.
const (
	lookLimit = 20 * time.Second
	endLimit  = time.Second
)

// readLayout prepares the looks of a run that has a witness. The guest is asked where its structures have what, if no
// earlier guest with its kernel has said so.
func (l *Lab) readLayout(ctx context.Context) error {
	if !l.options.Witness {
		return nil
	}
	l.outside = &outside{}
	if l.freeze == nil {
		l.outside.why = "this machine's own kernel cannot be looked at from outside"
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, lookLimit*l.Scale)
	defer cancel()
	layout, err := l.layout(ctx, witness.Members)
	if _, refused := errors.AsType[*wire.CallError](err); refused {
		l.outside.why = err.Error()
		return nil
	}
	if err != nil {
		return l.Failed("read the kernel's types", err)
	}
	l.outside.subject = witness.Subject{
		Symbols: l.Variable, Layout: layout, Tracepoints: l.tracepoints(), Name: l.table().name,
	}
	return nil
}

// LookFirst looks at the guest from outside before its first foreign module is loaded.
func (l *Lab) LookFirst(ctx context.Context) error {
	if l.outside == nil || l.outside.subject.Layout == nil {
		return nil
	}
	done := l.journal.Phase("witness")
	ctx, cancel := context.WithTimeout(ctx, lookLimit*l.Scale)
	defer cancel()
	err := l.repeat(ctx, func() (clear bool, err error) {
		l.outside.first, l.outside.why, err = l.look(ctx, nil)
		return l.outside.first != nil && len(l.outside.first.Hidden()) == 0, err
	})
	if err != nil {
		return err
	}
	done("", false)
	return nil
}

// LookLast looks at the guest again, and compares it with what it says of itself, for which account asks it. nil means
// that the run has no witness.
func (l *Lab) LookLast(
	ctx context.Context, account func(context.Context) (witness.Account, error),
) (*evidence.Witness, error) {
	switch {
	case l.outside == nil:
		return nil, nil
	case l.outside.first == nil:
		return &evidence.Witness{Why: l.outside.why}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, lookLimit*l.Scale)
	defer cancel()
	var last sight
	err := l.repeat(ctx, func() (clear bool, err error) {
		guest, err := account(ctx)
		if err != nil {
			return false, err
		}
		view, why, err := l.look(ctx, l.outside.first)
		if err != nil {
			return false, err
		}
		last = judged(l.outside.first, view, guest, why).lasting(last)
		return last.Last != nil && len(last.differences) == 0 && len(last.Last.Hooked) == 0, nil
	})
	if err != nil {
		return nil, err
	}
	return last.witness(), nil
}

// sight is what one look has shown.
type sight struct {
	evidence.Witness
	differences []witness.Difference
}

// judged compares a view with what the guest says, and with the first.
func judged(first, last *witness.View, guest witness.Account, why string) sight {
	s := sight{Witness: evidence.Witness{Guest: guest, First: first, Last: last, Why: why}}
	if last != nil {
		s.differences = witness.Compare(first, last, guest)
	}
	return s
}

// lasting leaves only what the look before has shown, too. A task that is being born or that ends is known to the
// kernel in one way only for a moment, a module that is being loaded is not yet told, and code is being patched.
func (s sight) lasting(before sight) sight {
	if before.Last == nil || s.Last == nil {
		return s
	}
	known := make(map[string]bool)
	for _, d := range before.differences {
		known[d.What] = true
	}
	s.differences = slices.DeleteFunc(s.differences, func(d witness.Difference) bool { return !known[d.What] })
	s.Last.Hooked = slices.DeleteFunc(s.Last.Hooked, func(f string) bool {
		return !slices.Contains(before.Last.Hooked, f)
	})
	return s
}

// witness is what is kept of the last look, within the bounds of a recording.
func (s sight) witness() *evidence.Witness {
	w := s.Witness
	w.Guest.Modules = w.Guest.Modules[:min(len(w.Guest.Modules), witness.MaxModules)]
	for i, d := range s.differences {
		if left := len(s.differences) - i; left > 1 && i == witness.MaxDifferences-1 {
			w.Differences = append(w.Differences, fmt.Sprintf("there are %d more differences", left))
			break
		}
		w.Differences = append(w.Differences, d.Text)
	}
	return &w
}

// pauses lie between the looks. What lasts through all looks is told.
var pauses = []time.Duration{
	30 * time.Millisecond, 100 * time.Millisecond, 300 * time.Millisecond, time.Second,
}

// repeat looks until nothing is unclear.
func (l *Lab) repeat(ctx context.Context, look func() (clear bool, err error)) error {
	for n := 0; ; n++ {
		if clear, err := look(); err != nil || clear || n == len(pauses) {
			return err
		}
		select {
		case <-time.After(pauses[n]):
		case <-ctx.Done():
			return l.notSeen(context.Cause(ctx))
		}
	}
}

// notSeen is about a look that failed. The guest takes no part in one: it is this machine's fault, unless QEMU has
// ended or was kept from running, or the run is stopped.
func (l *Lab) notSeen(err error) error {
	failed := l.Failed("look at the guest from outside", err)
	var stalled *StallError
	if errors.As(failed, &stalled) || errors.Is(err, context.Canceled) || l.ended() != nil {
		return failed
	}
	return &evidence.Failure{
		Kind: evidence.Host, Message: failed.Error(), Hint: "run it again; without --witness the guest is not looked at",
	}
}

// look takes a view. why says that the guest cannot be understood; the error is that QEMU does not answer.
func (l *Lab) look(ctx context.Context, first *witness.View) (view *witness.View, why string, err error) {
	frozen, err := l.freeze(ctx)
	if err != nil {
		return nil, "", l.notSeen(err)
	}
	subject := l.outside.subject
	subject.Memory = frozen
	view, unclear := witness.Take(subject, first)
	limit := lookLimit
	if ctx.Err() != nil {
		limit = endLimit
	}
	thaw, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	if err := frozen.Thaw(thaw); err != nil {
		return nil, "", l.notSeen(err)
	}
	if broken, ok := errors.AsType[*witness.MemoryError](unclear); ok {
		return nil, "", l.notSeen(broken)
	}
	if unclear != nil {
		return nil, unclear.Error(), nil
	}
	return view, "", nil
}

// layout returns where the members of the kernel's structures are. The first guest with a kernel tells it, before
// anything foreign is in it. It is kept for those that ask for the same members.
func (l *Lab) layout(ctx context.Context, members []string) (witness.Layout, error) {
	sum := sha256.Sum256([]byte(strings.Join(members, " ")))
	path := filepath.Join(l.CacheDir, "layouts", fmt.Sprintf("%s-%x", l.Kernel.ID, sum[:4]))
	var layout witness.Layout
	if data, err := os.ReadFile(path); err == nil && json.Unmarshal(data, &layout) == nil && len(layout) > 0 {
		return layout, nil
	}
	if err := l.Call(ctx, wire.OpLayout, wire.LayoutArgs{Members: members}, &layout); err != nil {
		return nil, err
	}
	data, err := json.Marshal(layout)
	if err == nil && len(layout) > 0 {
		l.keepFile(path, data)
	}
	return layout, err
}

// tracepoints are those that the tracer uses.
func (l *Lab) tracepoints() []string {
	var names []string
	for _, h := range l.Tracer.State.Hooks {
		if h.Attached && (h.Kind == "tp_btf" || h.Kind == "tracepoint") {
			names = append(names, h.Target[strings.LastIndexByte(h.Target, '/')+1:])
		}
	}
	return names
}

// frozen is a machine whose processors stand.
type frozen interface {
	witness.Physical
	Thaw(context.Context) error
}

// freezer stops a machine's processors.
type freezer func(context.Context) (frozen, error)
