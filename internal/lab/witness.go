// SPDX-License-Identifier: MIT

package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/internal/vm"
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
		Symbols: l.variables(), Layout: layout, Tracepoints: l.tracepoints(), Name: l.Function,
	}
	return nil
}

// LookFirst looks at the guest from outside before its first foreign module is loaded.
func (l *Lab) LookFirst(ctx context.Context) (err error) {
	if l.outside == nil || l.outside.subject.Layout == nil {
		return nil
	}
	done := l.journal.Phase("witness")
	ctx, cancel := context.WithTimeout(ctx, lookLimit*l.Scale)
	defer cancel()
	l.outside.first, err = l.look(ctx, nil)
	done("", false)
	return err
}

// LookLast looks at the guest again, and compares it with what it says of itself. nil means that the run has no
// witness.
func (l *Lab) LookLast(ctx context.Context, guest witness.Account) (*evidence.Witness, error) {
	switch {
	case l.outside == nil:
		return nil, nil
	case l.outside.first == nil:
		return &evidence.Witness{Why: l.outside.why}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, lookLimit*l.Scale)
	defer cancel()
	last, err := l.look(ctx, l.outside.first)
	if err != nil {
		return nil, err
	}
	w := &evidence.Witness{Guest: guest, First: l.outside.first, Last: last}
	if last == nil { // it was understood before
		w.Differences = []string{"its memory makes no sense any more: " + l.outside.why}
		return w, nil
	}
	w.Differences = witness.Compare(w.First, last, guest)
	return w, nil
}

// A task that is just being born, or that ends, is known to the kernel in one way only for a moment.
const (
	looks     = 4
	lookAgain = 30 * time.Millisecond
)

// look takes a view. The error is that QEMU does not answer; a guest that cannot be understood is noted in why.
func (l *Lab) look(ctx context.Context, first *witness.View) (view *witness.View, err error) {
	for range looks {
		frozen, err := l.freeze(ctx)
		if err != nil {
			return nil, l.Failed("look at the guest from outside", err)
		}
		subject := l.outside.subject
		subject.Memory = frozen
		seen, unclear := witness.Take(subject, first)
		if err := frozen.Thaw(context.WithoutCancel(ctx)); err != nil {
			return nil, l.Failed("look at the guest from outside", err)
		}
		if view, l.outside.why = seen, ""; unclear != nil {
			view, l.outside.why = nil, unclear.Error()
		}
		if view != nil && len(view.Hidden()) == 0 {
			break
		}
		select {
		case <-time.After(lookAgain):
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	return view, nil
}

// layout returns where the members of the kernel's structures are. The first guest with a kernel tells it, before
// anything foreign is in it.
func (l *Lab) layout(ctx context.Context) (witness.Layout, error) {
	path := filepath.Join(l.CacheDir, "layouts", l.Kernel.ID)
	var layout witness.Layout
	if data, err := os.ReadFile(path); err == nil && json.Unmarshal(data, &layout) == nil {
		return layout, nil
	}
	if err := l.Call(ctx, wire.OpLayout, wire.LayoutArgs{Members: witness.Members}, &layout); err != nil {
		return nil, err
	}
	data, err := json.Marshal(layout)
	if err == nil {
		l.keepFile(path, data)
	}
	return layout, err
}

// variables are the addresses of all of the kernel's symbols that a witness asks for.
func (l *Lab) variables() witness.Symbols {
	known := make(map[string]uint64)
	data, _ := os.ReadFile(l.symbolsFile())
	for line := range bytes.Lines(data) {
		fields := bytes.Fields(line)
		if len(fields) != 3 || !witness.Asks(string(fields[2])) {
			continue
		}
		if addr, err := strconv.ParseUint(string(fields[0]), 16, 64); err == nil {
			known[string(fields[2])] = addr
		}
	}
	return func(name string) uint64 { return known[name] }
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

// freezer stops a machine's processors.
type freezer func(context.Context) (*vm.Frozen, error)
