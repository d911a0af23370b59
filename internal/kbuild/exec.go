// SPDX-License-Identifier: MIT

package kbuild

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

// Bounds of what a build may have in its work folder while it runs.
const (
	maxWorkBytes = 2 << 30
	maxWorkFiles = 200_000
)

// logBuffer keeps the beginning and the end of a log that may be endless.
type logBuffer struct {
	head, tail []byte
	dropped    int64
}

const (
	logHead = MaxLog / 4 * 3
	logTail = MaxLog - logHead
)

func (l *logBuffer) Write(p []byte) (int, error) {
	n := len(p)
	if room := logHead - len(l.head); room > 0 {
		k := min(room, len(p))
		l.head = append(l.head, p[:k]...)
		p = p[k:]
	}
	l.tail = append(l.tail, p...)
	if extra := len(l.tail) - logTail; extra > logTail { // trim rarely, not at each write
		l.dropped += int64(extra)
		l.tail = append(l.tail[:0], l.tail[extra:]...)
	}
	return n, nil
}

func (l *logBuffer) String() string {
	tail, dropped := l.tail, l.dropped
	if extra := len(tail) - logTail; extra > 0 {
		tail, dropped = tail[extra:], dropped+int64(extra)
	}
	if dropped == 0 {
		return string(l.head) + string(tail)
	}
	return fmt.Sprintf("%s\n[%d bytes not shown]\n%s", l.head, dropped, tail)
}

// runLocal runs a job's commands as processes of this machine. process returns the one for a command.
func runLocal(ctx context.Context, job Job, process func(Command) (*exec.Cmd, error)) ([]Step, error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	timer := time.AfterFunc(job.Timeout, func() { stop(timeoutError(job)) })
	defer timer.Stop()
	go watchDisk(ctx, job, stop)
	var steps []Step
	for _, c := range job.Commands {
		cmd, err := process(c)
		if err != nil {
			return steps, err
		}
		s, err := runStep(ctx, job, c, cmd)
		steps = append(steps, s)
		if cause := context.Cause(ctx); cause != nil {
			return steps, cause
		}
		if err != nil || s.Exit != 0 {
			return steps, err
		}
	}
	return steps, nil
}

// runStep runs one command to its end.
func runStep(ctx context.Context, job Job, c Command, cmd *exec.Cmd) (Step, error) {
	runtime.LockOSThread() // the kernel sends Pdeathsig when the thread that forked ends, not the process
	defer runtime.UnlockOSThread()
	s := Step{Argv: c.Shown}
	var log logBuffer
	out := io.Writer(&log)
	if job.Output != nil {
		out = io.MultiWriter(&log, job.Output)
	}
	var err error
	began := time.Now()
	s.Exit, err = runProcess(ctx, cmd, out, (*exec.Cmd).Start)
	s.MS = milliseconds(time.Since(began))
	s.Raw = log.String()
	return s, err
}

// runProcess runs one process group to its end.
func runProcess(ctx context.Context, cmd *exec.Cmd, out io.Writer, begin func(*exec.Cmd) error) (exit int, _ error) {
	name := cmd.Args[0]
	cmd.Stdout, cmd.Stderr = out, out // one pipe, so the lines stay in order
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if err := begin(cmd); err != nil {
		return 0, hostError("start "+name, err)
	}
	pid := cmd.Process.Pid
	over := context.AfterFunc(ctx, func() { syscall.Kill(-pid, syscall.SIGKILL) })
	cmd.WaitDelay = 2 * time.Second // some process of the group may hold the pipe open
	err := cmd.Wait()
	over()
	syscall.Kill(-pid, syscall.SIGKILL) // whatever a recipe left running in the background
	var failed *exec.ExitError
	switch {
	case errors.As(err, &failed):
		exit = failed.ExitCode()
		if ws, ok := failed.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
			exit = 128 + int(ws.Signal())
		}
	case err != nil && !errors.Is(err, exec.ErrWaitDelay):
		return exit, hostError("run "+name, err)
	}
	return exit, nil
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func timeoutError(job Job) *Error {
	return &Error{Kind: ErrTimeout, Message: fmt.Sprintf("the build was stopped: it took longer than %v", job.Timeout),
		Hint: "if it just needs more time, raise --build-timeout"}
}

// watchDisk stops a build that fills the disk: limits on file size do not limit the number of files.
func watchDisk(ctx context.Context, job Job, stop context.CancelCauseFunc) {
	limit := maxBytes(job)
	t := time.NewTicker(time.Second)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		if files, size := usage(job.Work, limit); files > maxWorkFiles || size > limit {
			stop(diskError(job))
			return
		}
	}
}

// usage sums a tree's disk blocks in bytes until a bound is exceeded. Files that vanish meanwhile do not count.
func usage(dir string, limit int64) (files int, size int64) {
	filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil
		}
		if fi, err := d.Info(); err == nil {
			if st, ok := fi.Sys().(*syscall.Stat_t); ok {
				size += st.Blocks * 512
			}
		}
		if files++; files > maxWorkFiles || size > limit {
			return fs.SkipAll
		}
		return nil
	})
	return files, size
}

// lastLine is the last line of a log that is not blank.
func lastLine(log string) string {
	b := bytes.TrimSpace([]byte(log))
	if i := bytes.LastIndexByte(b, '\n'); i >= 0 {
		b = b[i+1:]
	}
	return stripCodes(string(b))
}
