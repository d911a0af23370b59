// SPDX-License-Identifier: MIT

package kmod

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// deadCheck is how often the thread of a long call is checked.
	deadCheck = 100 * time.Millisecond
	// deadGrace is for a call that returned just when its thread was checked.
	deadGrace = 200 * time.Millisecond
)

// watchCall makes a system call that runs a module's own code. When that code oopses, the
// kernel kills the thread that made the call, and only that: a process with more threads,
// as every Go program is, would wait for ever. So the call gets a thread of its own, whose
// death is ErrCrashed. Go's runtime must not interrupt it: since Linux 6.5 a load that
// waits for another process to load the same module returns EINTR then, and is not tried
// again (idempotent_wait_for_completion in kernel/module/main.c).
func watchCall(call func() error) error {
	thread := make(chan int, 1)
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		// Only SIGURG is restored: if a module's init changes the mask, that stays.
		var before unix.Sigset_t
		preempt := unix.Sigset_t{Val: [16]uint64{1 << (unix.SIGURG - 1)}}
		if unix.PthreadSigmask(unix.SIG_BLOCK, &preempt, &before) == nil && before.Val[0]&preempt.Val[0] == 0 {
			defer unix.PthreadSigmask(unix.SIG_UNBLOCK, &preempt, nil)
		}
		thread <- unix.Gettid()
		done <- call()
	}()
	tid := <-thread
	tick := time.NewTicker(deadCheck)
	defer tick.Stop()
	for {
		select {
		case err := <-done:
			return err
		case <-tick.C:
			if !dead(tid) {
				continue
			}
			select {
			case err := <-done:
				return err
			case <-time.After(deadGrace):
				return ErrCrashed
			}
		}
	}
}

// dead reports whether a thread of this process is gone. The first thread remains as a
// zombie while others live.
func dead(tid int) bool {
	stat, err := slurp(filepath.Join("/proc/self/task", strconv.Itoa(tid), "stat"))
	if err != nil {
		return os.IsNotExist(err) && hasProc()
	}
	// "pid (comm) state …", and a comm may hold anything
	i := bytes.LastIndexByte(stat, ')')
	return i > 0 && i+2 < len(stat) && (stat[i+2] == 'Z' || stat[i+2] == 'X')
}

// hasProc reports whether /proc is mounted; without it nothing is known of a thread.
func hasProc() bool {
	_, err := os.Stat("/proc/self/task")
	return err == nil
}

// crashed is the error of a call whose thread the kernel killed.
func crashed(op, module, path string, kmsg []string) *LoadError {
	function, verb := "init", "load"
	if op == opDelete {
		function, verb = "exit", "unload"
	}
	return &LoadError{
		Op: op, Module: module, Path: path, Kind: ErrCrashed, Kmsg: crashLines(kmsg),
		Cause: "the kernel killed the thread that ran the module's " + function + " function",
		Hint: "the call trace in the kernel's log shows where;" +
			" the kernel is damaged, so restart the machine before the next " + verb,
	}
}

// crashLines keeps the lines that say what kind of crash it was, not its registers.
func crashLines(kmsg []string) []string {
	var lines []string
	for _, line := range kmsg {
		for _, sign := range []string{"BUG:", "kernel BUG at", "Oops:", "general protection fault", "RIP:"} {
			if strings.Contains(line, sign) && len(lines) < 4 {
				lines = append(lines, line)
				break
			}
		}
	}
	return lines
}
