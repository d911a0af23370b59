// SPDX-License-Identifier: MIT

package cli

import (
	"context"
	"errors"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kmodlab/kmodlab/internal/footprint"
)

// signalSelf sends this process a signal that has been delivered when it returns. One that nobody has asked for ends
// the test.
func signalSelf(t *testing.T, sig syscall.Signal) {
	t.Helper()
	runtime.LockOSThread() // a thread that signals itself has been signalled when the call returns
	defer runtime.UnlockOSThread()
	if err := unix.Tgkill(os.Getpid(), unix.Gettid(), sig); err != nil {
		t.Fatal(err)
	}
}

// TestHoldOn: a lost terminal, sudo and a supervisor may send a signal each; the later ones end nothing halfway. A
// person is told within a second what is waited for, and a second Ctrl-C ends the command with what it leaves.
func TestHoldOn(t *testing.T) {
	site := killedRun(t, new(error))
	claim, err := site.Claim() // the run is still at work
	if err != nil {
		t.Fatal(err)
	}
	defer claim.Release()
	said, status := make(chan string, 8), make(chan int, 8)
	ctx, stop := interruptible()
	defer stop()
	h := &hold{site, func(line string) { said <- line }, func(n int) { status <- n }}
	defer h.on(ctx)()
	for _, sig := range []syscall.Signal{syscall.SIGHUP, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGTERM} {
		signalSelf(t, sig)
		<-ctx.Done()
	}
	if cause := context.Cause(ctx); !errors.Is(cause, errInterrupted) {
		t.Errorf("the context ended by %v", cause)
	}
	got := <-said
	if !strings.Contains(got, "still to be undone on this machine: module m is loaded, ") ||
		!strings.Contains(got, "m.ko is installed; Ctrl-C again") {
		t.Errorf("said %q", got)
	}
	signalSelf(t, syscall.SIGINT)
	got = <-said
	if n := <-status; n != exitInterrupted || !strings.HasPrefix(got, "ended at once; left on this machine: module m ") ||
		!strings.HasSuffix(got, "m.ko is installed; "+footprint.Mend+" undoes it") {
		t.Errorf("exit status %d, said %q", n, got)
	}
}

// TestHoldUnknown: nobody who ends at once says that nothing is left without having looked.
func TestHoldUnknown(t *testing.T) {
	site := killedRun(t, new(error))
	h := &hold{site: site}
	if err := os.WriteFile(site.Dir+"/here.json", []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got := h.leaves(); !strings.Contains(got, "cannot tell what is left on this machine: ") {
		t.Errorf("said %q", got)
	}
	if err := os.Remove(site.Dir + "/here.json"); err != nil {
		t.Fatal(err)
	}
	if got := h.leaves(); !strings.Contains(got, "found nothing that is left") {
		t.Errorf("said %q", got)
	}
	if got := h.waits(); !strings.Contains(got, "waiting for steps that are still running; ") {
		t.Errorf("said %q", got)
	}
}
