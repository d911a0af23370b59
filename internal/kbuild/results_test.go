// SPDX-License-Identifier: MIT

package kbuild

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestTake: a build whose results cannot be taken is stopped, with the reason, and one that has ended is not.
func TestTake(t *testing.T) {
	end := make([]byte, 10<<10) // two blocks of zeros, and tar's padding
	whole := append(archive(t, tar.Header{Name: "a", Size: 3}), end...)
	for _, c := range []struct {
		name    string
		sent    []byte
		endless bool
		says    string // of the error
	}{
		{"whole", whole, false, ""},
		{"cut", archive(t, tar.Header{Name: "a", Size: 1 << 20}), false, "is cut short"},
		{"a name that leads out, at the end", append(archive(t, tar.Header{Name: "../a"}), end...), false, "names"},
		{"a name that leads out, and more", archive(t, tar.Header{Name: "../a"}), true, "names"},
		{"more than an archive", whole, true, "does not end"},
	} {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		shell := make(chan error, 1)
		go func() {
			_, err := w.Write(c.sent)
			for rest := make([]byte, 4096); err == nil && c.endless; {
				_, err = w.Write(rest)
			}
			shell <- errors.Join(err, w.Close())
		}()
		ctx, stop := context.WithCancelCause(t.Context())
		context.AfterFunc(ctx, func() { r.Close() }) // as the shell's death does
		late := time.AfterFunc(20*time.Second, func() { stop(errors.New("it hung")) })
		err = newSandboxed(Job{Work: t.TempDir()}).take(r, stop)
		late.Stop()
		cause := context.Cause(ctx)
		if (err != nil) != (c.says != "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", c.name, err, c.says)
		}
		if (cause != nil) != c.endless || cause != nil && !errors.Is(cause, ErrHostile) {
			t.Errorf("%s: the build was stopped: %v", c.name, cause)
		}
		stop(nil)
		if err := <-shell; (err != nil) != c.endless {
			t.Errorf("%s: the shell: %v", c.name, err)
		}
	}
}

// TestLargeResults: what may be stored arrives.
func TestLargeResults(t *testing.T) {
	job := testJob(t, "truncate -s 150M /build/out/a /build/out/b")
	job.Results = []string{"out"}
	if steps, err := (SandboxRunner{}).Run(t.Context(), job); err != nil || steps[0].Exit != 0 {
		t.Fatalf("Run = %v, %v", steps, err)
	}
	for _, name := range []string{"a", "b"} {
		if fi, err := os.Stat(filepath.Join(job.Work, "out", name)); err != nil || fi.Size() != 150<<20 {
			t.Errorf("%s: %v, %v", name, fi, err)
		}
	}
}

// TestFull: a build that fills its file system and ends by itself is told at once what it did, in the words of libc. It
// is the sources that are to blame.
func TestFull(t *testing.T) {
	job := testJob(t, "head -c 30000000 /dev/zero > /build/out/x")
	job.MaxBytes = 20 << 20
	steps, err := SandboxRunner{}.Run(t.Context(), job)
	if len(steps) != 1 || steps[0].Exit != 1 || !strings.Contains(steps[0].Raw, "No space left on device") {
		t.Fatalf("Run = %+v, %v; want one that failed by itself", steps, err)
	}
	var e *Error
	err = judge(t.Context(), job, &sourceFolder{}, steps, err)
	if !errors.As(err, &e) || e.Kind != ErrDisk || e.Host() || len(e.Steps) != 1 ||
		!strings.Contains(e.Error(), "more room than it may have: 20 MiB and 200000 files; see what its Makefile writes") {
		t.Errorf("%v, want ErrDisk", err)
	}
}

// TestKilledWhilePacking: a build is no success if its shell or its tar is killed after the last command, and nothing
// that is cut is left.
func TestKilledWhilePacking(t *testing.T) {
	for victim, pid := range map[string]string{"the shell": "$PPID", "tar": "${d#/proc/}"} {
		job := testJob(t, `head -c 200000000 /dev/zero > /build/out/a.ko
			(while :; do for d in /proc/[0-9]*; do
				read -r name <$d/comm && [ "$name" = tar ] && kill -9 `+pid+`
			done; done) >/dev/null 2>&1 & exit 0`)
		job.Results = []string{"out"}
		steps, err := SandboxRunner{}.Run(t.Context(), job)
		var e *Error
		if !errors.As(err, &e) || e.Kind != ErrHost || len(steps) != 1 || steps[0].Exit != 0 ||
			!strings.HasPrefix(e.Message, "move the build's files: ") {
			t.Errorf("%s is killed: %v, %v", victim, steps, err)
		}
		if _, err := os.Stat(filepath.Join(job.Work, "out/a.ko")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is killed: a cut module is left: %v", victim, err)
		}
	}
}

// TestForgedMark: a build that says itself that its commands have passed, and then fails, has failed.
func TestForgedMark(t *testing.T) {
	job := testJob(t, `mark=$(tr '\0' '\n' </proc/$PPID/cmdline | sed -n "s/^ended() { printf '\(.*\)%d.*/\1/p")
		printf '%s0\n' "$mark"; echo a.c: error; exit 3`)
	steps, err := SandboxRunner{}.Run(t.Context(), job)
	if err != nil || len(steps) != 1 || steps[0].Exit != 3 || steps[0].Raw != "a.c: error\n" {
		t.Errorf("%+v, %v; want one command with exit status 3", steps, err)
	}
}

// TestJudgeSandboxed: who is to blame for a shell's end.
func TestJudgeSandboxed(t *testing.T) {
	const noRoom = "tar: a.c: Wrote only 512 of 10240 bytes: No space left on device\n"
	full := hostError("unpack the build", unix.ENOSPC)
	cut := hostile("file %q is cut short: %w", "a.ko", errors.New("x"))
	ended := hostile("read the archive: %w", io.ErrUnexpectedEOF)
	for name, c := range map[string]struct {
		exit  int
		steps []Step
		raw   string
		moved error
		want  error  // nil, or the kind
		says  string // in the error
	}{
		"all passed":                 {0, []Step{{}, {}}, "", nil, nil, ""},
		"passed, but not taken":      {0, []Step{{}, {}}, "", full, ErrHost, "free some space"},
		"failed":                     {2, []Step{{}, {Exit: 2}}, "", nil, nil, ""},
		"failed with our own status": {97, []Step{{Exit: 97}}, "", nil, nil, ""},
		"failed on a full disk":      {2, []Step{{Exit: 2, Raw: noRoom}}, "", nil, ErrDisk, "2048 MiB"},
		"sources too large":          {97, nil, noRoom, nil, ErrDisk, "2048 MiB"},
		"killed at the end":          {137, []Step{{}, {}}, "", nil, ErrHost, "killed (exit status 137); run it again"},
		"killed, and taken in part":  {137, []Step{{}, {}}, "", ended, ErrHost, "killed (exit status 137); run it again"},
		"killed after such words":    {137, []Step{{Raw: "no space left on device"}, {}}, "", nil, ErrHost, "137"},
		"tar's own words":            {97, []Step{{}, {}}, "tar: a: Cannot open\n", ended, ErrHost, "tar: a: Cannot open"},
		"no words":                   {97, []Step{{}, {}}, "", nil, ErrHost, "tar failed"},
		"our disk is full":           {97, []Step{{}, {}}, "tar: write error\n", full, ErrHost, "free some space"},
		"a hostile archive":          {97, []Step{{}, {}}, "", cut, ErrHostile, "is cut short"},
	} {
		s := newSandboxed(Job{Commands: make([]Command, 2)})
		s.steps.done = c.steps
		err := s.judge(c.exit, c.raw, c.moved)
		if !errors.Is(err, c.want) || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %v, %q", name, err, c.want, c.says)
		}
	}
}

// TestSaysNoSpace: a program says it, or a compiler quotes it.
func TestSaysNoSpace(t *testing.T) {
	for log, want := range map[string]bool{
		"cp: error writing '/build/out/a': No space left on device\n":                             true,
		"a.c:9:1: fatal error: error writing to /build/tmp/cc.s: No space left on device\nmake\n": true,
		"open /build/tmp/x: no space left on device":                                              true,
		"\x1b[1mas\x1b[0m: BFD: a.o: \x1b[31mNo space left on device\x1b[0m\n":                    true,
		"   12 |         pr_err(\"No space left on device\\n\")\n":                                false,
		"a.c:12:1: error: expected ';'\n   12 | int n // ENOSPC: No space left on device\n":       false,
		"      |     : No space left on device\n":                                                 false,
		"": false,
	} {
		if got := saysNoSpace(log); got != want {
			t.Errorf("%q: %t", log, got)
		}
	}
}
