// SPDX-License-Identifier: MIT

package lab

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
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

// lookLimit bounds one look, and the setup. It does not depend on the guest.
const lookLimit = 20 * time.Second

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
	layout, err := l.layout(ctx)
	if _, refused := errors.AsType[*wire.CallError](err); refused {
		l.outside.why = err.Error()
		return nil
	}
	if err != nil {
		return l.Failed("read the kernel's types", err)
	}
	l.outside.subject = witness.Subject{
		Symbols: l.variables(), Layout: layout, Tracepoints: l.tracepoints(), Name: l.namer(),
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
	for n := range looks {
		view, why, err := l.look(ctx, nil)
		if err != nil {
			return err
		}
		if l.outside.first, l.outside.why = view, why; view != nil && len(view.Hidden()) == 0 {
			break
		}
		if err := l.pause(ctx, n); err != nil {
			return err
		}
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
	for n := range looks {
		guest, err := account(ctx)
		if err != nil {
			return nil, err
		}
		view, why, err := l.look(ctx, l.outside.first)
		if err != nil {
			return nil, err
		}
		last = judged(l.outside.first, view, guest, why).lasting(last)
		if last.Last != nil && len(last.differences) == 0 && len(last.Last.Hooked) == 0 {
			break
		}
		if err := l.pause(ctx, n); err != nil {
			return nil, err
		}
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
	s.differences = slices.DeleteFunc(s.differences, func(d witness.Difference) bool {
		return !slices.ContainsFunc(before.differences, func(b witness.Difference) bool { return b.What == d.What })
	})
	s.Last.Hooked = slices.DeleteFunc(s.Last.Hooked, func(f string) bool {
		return !slices.Contains(before.Last.Hooked, f)
	})
	return s
}

func (s sight) witness() *evidence.Witness {
	w := s.Witness
	for _, d := range s.differences {
		w.Differences = append(w.Differences, d.Text)
	}
	return &w
}

// What lasts through all looks is told. The pauses are in milliseconds.
const looks = 5

var pauses = [looks]time.Duration{30, 100, 300, 1000, 0}

// pause waits between two looks.
func (l *Lab) pause(ctx context.Context, n int) error {
	select {
	case <-time.After(pauses[n] * time.Millisecond):
		return nil
	case <-ctx.Done():
		return l.notSeen(context.Cause(ctx))
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
	thaw, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookLimit)
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
func (l *Lab) layout(ctx context.Context) (witness.Layout, error) {
	members := sha256.Sum256([]byte(strings.Join(witness.Members, " ")))
	path := filepath.Join(l.CacheDir, "layouts", fmt.Sprintf("%s-%x", l.Kernel.ID, members[:4]))
	var layout witness.Layout
	if data, err := os.ReadFile(path); err == nil && json.Unmarshal(data, &layout) == nil && len(layout) > 0 {
		return layout, nil
	}
	if err := l.Call(ctx, wire.OpLayout, wire.LayoutArgs{Members: witness.Members}, &layout); err != nil {
		return nil, err
	}
	data, err := json.Marshal(layout)
	if err == nil && len(layout) > 0 {
		l.keepFile(path, data)
	}
	return layout, err
}

// variables are the addresses of all of the kernel's symbols that a witness asks for.
func (l *Lab) variables() witness.Symbols {
	known := make(map[string]uint64)
	for addr, name := range l.allSymbols() {
		if witness.Asks(name) {
			known[name] = addr
		}
	}
	return func(name string) uint64 { return known[name] }
}

// allSymbols are the kernel's functions, variables and constants, by address as far as the file is sorted.
func (l *Lab) allSymbols() iter.Seq2[uint64, string] {
	data, _ := os.ReadFile(l.symbolsFile())
	return func(yield func(uint64, string) bool) {
		for line := range bytes.Lines(data) {
			fields := bytes.Fields(line)
			if len(fields) != 3 {
				continue
			}
			addr, err := strconv.ParseUint(string(fields[0]), 16, 64)
			if err == nil && !yield(addr, string(fields[2])) {
				return
			}
		}
	}
}

// namer names addresses of the kernel. It reads the symbols when it is first asked, which is seldom.
func (l *Lab) namer() witness.Namer {
	type symbol struct {
		at   uint64
		name string
	}
	list := sync.OnceValue(func() (list []symbol) {
		for at, name := range l.allSymbols() {
			list = append(list, symbol{at, name})
		}
		slices.SortStableFunc(list, func(a, b symbol) int { return cmp.Compare(a.at, b.at) })
		return list
	})
	return func(addr uint64) (string, uint64) {
		all := list()
		i := sort.Search(len(all), func(i int) bool { return all[i].at > addr }) - 1
		if i < 0 {
			return "", 0
		}
		return all[i].name, addr - all[i].at
	}
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
