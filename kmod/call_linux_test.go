// SPDX-License-Identifier: MIT

package kmod

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestWatchCallDeadThread ends the calling thread as an oops does: the system
// call never returns, and the process lives on.
func TestWatchCallDeadThread(t *testing.T) {
	start := time.Now()
	err := watchCall(func() error {
		unix.Syscall(unix.SYS_EXIT, 0, 0, 0) // this thread alone
		return nil
	})
	if !errors.Is(err, ErrCrashed) {
		t.Fatalf("got %v, want ErrCrashed", err)
	}
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("noticed after %s", took)
	}
}

func TestWatchCallReturns(t *testing.T) {
	if err := watchCall(func() error { return syscall.ENODEV }); err != syscall.ENODEV {
		t.Errorf("got %v", err)
	}
	// longer than a look at it takes
	if err := watchCall(func() error { time.Sleep(3 * deadCheck); return nil }); err != nil {
		t.Errorf("a long call: %v", err)
	}
}

// TestWatchCallUninterrupted sends the signal by which Go's runtime preempts: a call
// that waits returns EINTR for it where it is not kept away.
func TestWatchCallUninterrupted(t *testing.T) {
	wait := func() error {
		tid := unix.Gettid()
		go func() {
			time.Sleep(20 * time.Millisecond)
			unix.Tgkill(unix.Getpid(), tid, unix.SIGURG)
		}()
		return unix.Nanosleep(&unix.Timespec{Nsec: 200e6}, nil)
	}
	if err := watchCall(wait); err != nil {
		t.Errorf("the call was interrupted: %v", err)
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := wait(); err != unix.EINTR {
		t.Errorf("elsewhere: %v, want EINTR, or this test shows nothing", err)
	}
}

// TestWatchCallMask: what a call changes of the thread's mask stays, as after a plain
// system call, and SIGURG comes through again.
func TestWatchCallMask(t *testing.T) {
	var tid int
	block := unix.Sigset_t{Val: [16]uint64{1 << (unix.SIGUSR1 - 1)}}
	if err := watchCall(func() error {
		tid = unix.Gettid()
		return unix.PthreadSigmask(unix.SIG_BLOCK, &block, nil)
	}); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(10 * time.Second)
	for {
		blocked := blockedSignals(t, tid)
		if blocked&block.Val[0] == 0 {
			t.Fatalf("SIGUSR1 is not blocked any more: %#x", blocked)
		}
		if blocked&(1<<(unix.SIGURG-1)) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("SIGURG is still blocked: %#x", blocked)
		}
		time.Sleep(time.Millisecond)
	}
}

func blockedSignals(t *testing.T, tid int) uint64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/self/task/%d/status", tid))
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(status), "\nSigBlk:\t")
	mask, err := strconv.ParseUint(after[:16], 16, 64)
	if err != nil {
		t.Fatal(err)
	}
	return mask
}

func TestCrashedWords(t *testing.T) {
	err := crashed(opFinit, "bad", "/x/bad.ko",
		[]string{"bad: hello", "BUG: kernel NULL pointer dereference, address: 0", "#PF: supervisor read",
			"Oops: 0000 [#1]", "RAX: 1", "RIP: 0010:bad_init+0x5"})
	want := "load module bad: finit_module: the kernel killed the thread that ran the module's init function; the call trace in the kernel's log shows where; the kernel is damaged, so restart the machine before the next load"
	if err.Error() != want {
		t.Errorf("got %s", err)
	}
	if len(err.Kmsg) != 3 || Kind(err) != ErrCrashed {
		t.Errorf("got %q, %v", err.Kmsg, Kind(err))
	}
}
