// SPDX-License-Identifier: MIT

package session

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/kmodlab/kmodlab/internal/boot"
	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/internal/kernel"
	"github.com/kmodlab/kmodlab/internal/lab"
	"github.com/kmodlab/kmodlab/internal/notify"
	"github.com/kmodlab/kmodlab/internal/prepare"
	"github.com/kmodlab/kmodlab/internal/snapshot"
	"github.com/kmodlab/kmodlab/internal/wire"
	"github.com/kmodlab/kmodlab/result"
)

func TestClassify(t *testing.T) {
	call := func(err, ended error) error { return &lab.CallError{What: "modprobe m", Err: err, Ended: ended} }
	start := func(err error, console string) error {
		return &lab.StartError{Console: []byte(console), Err: &boot.Error{Console: []byte(console), Err: err}}
	}
	for name, tt := range map[string]struct {
		err     error
		kind    evidence.Kind
		message string // a part of it
		hint    string
	}{
		"a failure as such": {
			fmt.Errorf("x: %w", &evidence.Failure{Kind: evidence.Build, Message: "a.c:1"}), evidence.Build, "a.c:1", "",
		},
		"the agent refused": {
			call(&wire.CallError{Op: "exec", Text: "no such file"}, nil), evidence.Host, "modprobe m: no such file", "",
		},
		"no answer": {
			call(context.DeadlineExceeded, nil), evidence.Timeout, "modprobe m: the guest did not answer in time", "",
		},
		"garbage": {call(wire.ErrGarbled, nil), evidence.Lost, wire.ErrGarbled.Error(), ""},
		"QEMU was killed": {
			call(wire.ErrClosed, &lab.QEMUError{Err: errors.New("QEMU was killed")}), evidence.Host, "QEMU was killed",
			killedHint,
		},
		"the guest went away": {
			call(wire.ErrClosed, &lab.WentAway{Off: true}), evidence.Lost, "modprobe m: the guest powered off by itself", "",
		},
		"closed, and nobody knows": {call(wire.ErrClosed, nil), evidence.Lost, wire.ErrClosed.Error(), ""},
		"silent from the start": {
			start(boot.ErrSilent, ""), evidence.Timeout, boot.ErrSilent.Error(),
			"its console stayed empty; run it again, or try another --kernel",
		},
		"silent after some words": {start(boot.ErrSilent, "Linux version"), evidence.Timeout, boot.ErrSilent.Error(), ""},
		"garbage at its boot":     {start(wire.ErrGarbled, "x"), evidence.Lost, wire.ErrGarbled.Error(), ""},
		"QEMU died at its boot":   {start(errors.New("out of memory"), "x"), evidence.Host, "out of memory", killedHint},
		"no machine for a snapshot": {
			fmt.Errorf("%w: %w", snapshot.ErrUnready, &lab.StartError{Err: call(context.DeadlineExceeded, nil)}),
			evidence.Timeout, "did not answer", "",
		},
		"no descriptor at its boot": {
			&lab.StartError{Err: &os.PathError{Op: "open", Path: "x", Err: syscall.EMFILE}}, evidence.Host,
			"too many open files", "raise the limit on open files (ulimit -n), or run fewer at a time (-j)",
		},
		"a full disk": {
			fmt.Errorf("x: %w", syscall.ENOSPC), evidence.Host, "no space left on device", "free some space on that disk",
		},
		"anything else": {errors.New("no space left"), evidence.Host, "no space left", ""},
	} {
		f := classify(tt.err)
		if f.Kind != tt.kind || !strings.Contains(f.Message, tt.message) || f.Hint != tt.hint {
			t.Errorf("%s: %+v, want %s, %q, hint %q", name, *f, tt.kind, tt.message, tt.hint)
		}
	}
}

// TestClassifyStalled: a machine that was kept from running is this machine's fault, at every stage.
func TestClassifyStalled(t *testing.T) {
	kept := &lab.StallError{Text: "QEMU was stopped", Hint: "let it run"}
	for name, err := range map[string]error{
		"before its boot": &lab.StartError{Err: fmt.Errorf("start machine: %w", kept)},
		"at its boot":     &lab.StartError{Err: &boot.Error{Err: errors.Join(kept, boot.ErrSilent)}},
		"in a step":       &lab.CallError{What: "modprobe m", Err: kept},
	} {
		f := classify(err)
		if f.Kind != evidence.Host || !strings.Contains(f.Message, kept.Text) || f.Hint != kept.Hint {
			t.Errorf("%s: %+v", name, *f)
		}
	}
}

// TestFailed: the console of a machine that did not start is in the evidence.
func TestFailed(t *testing.T) {
	j := notify.New(notify.Watcher{})
	j.Phase("kernel")("", false)
	away := &lab.CallError{What: "attach the tracer", Err: wire.ErrClosed, Ended: &lab.WentAway{At: []uint64{7}}}
	start := &lab.StartError{Machine: result.Machine{Kernel: "6.1"}, Console: []byte("last words"), Err: away}
	e := Failed(start, nil, nil, j)
	if e.Console != "last words" || e.Machine.Kernel != "6.1" || !slices.Equal(e.EndedAt, []uint64{7}) ||
		len(e.Phases) != 1 {
		t.Errorf("%+v", e)
	}
	if f := e.Failed(evidence.Lost); f == nil || e.Finished {
		t.Errorf("%+v", e.Failures)
	}
}

// TestFailedBuild: of sources that do not build the evidence has the kernel that they
// were built for.
func TestFailedBuild(t *testing.T) {
	host := &prepare.Host{Kernel: &kernel.Kernel{ID: "linux-image 6.1"}}
	e := Failed(&evidence.Failure{Kind: evidence.Build, Message: "a.c:1"}, host, nil, notify.New(notify.Watcher{}))
	if e.KernelID != "linux-image 6.1" || e.Failed(evidence.Build) == nil {
		t.Errorf("%+v", e)
	}
}
