// SPDX-License-Identifier: MIT

package kbuild

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kmodlab/kmodlab/internal/kernel"
	"github.com/kmodlab/kmodlab/internal/vm"
)

// descriptors leaves this process so many free ones, until it is called again; a negative number is as many as there
// were.
func descriptors(t *testing.T) func(free int) {
	t.Helper()
	var before unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	var taken []int
	release := func() {
		for _, fd := range taken {
			unix.Close(fd)
		}
		taken = nil
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &before); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(release)
	return func(free int) {
		release()
		if free < 0 {
			return
		}
		low := before
		low.Cur = 64
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &low); err != nil {
			t.Fatal(err)
		}
		for {
			fd, err := unix.Open("/", unix.O_PATH|unix.O_CLOEXEC, 0)
			if err != nil {
				break
			}
			taken = append(taken, fd)
		}
		for range free {
			unix.Close(taken[len(taken)-1])
			taken = taken[:len(taken)-1]
		}
	}
}

// making is a runner that makes one module.
type making struct{ during func(at string) }

func (making) Name() Where { return Sandbox }

func (m making) Run(_ context.Context, job Job) ([]Step, error) {
	m.during("begin")
	defer m.during("end")
	dir := filepath.Join(job.Work, "out/lib/modules", job.Kernel.Release, "extra")
	if err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, "a.ko"), nil, 0o644)); err != nil {
		return nil, err
	}
	return []Step{{Argv: []string{"make"}}}, nil
}

// TestNoDescriptors: wherever this machine runs out of descriptors, the sources are not to blame.
func TestNoDescriptors(t *testing.T) {
	leave := descriptors(t)
	k := &kernel.Kernel{ID: "x", Release: "6.1", Root: t.TempDir()}
	dir := tree(t, map[string]string{"Kbuild": "obj-m := a.o\n", "a.c": source("a"), "sub/b.h": "", "sub/sub/c.h": ""})
	for free := 0; ; free++ {
		cache := t.TempDir()
		leave(free)
		_, err := Run(t.Context(), Request{Kernel: k, Sources: dir, CacheDir: cache, Runner: making{func(at string) {
			leave(map[string]int{"begin": -1, "end": free}[at])
		}}})
		leave(-1)
		if err == nil && free > 2 {
			return
		}
		var e *Error
		if !errors.As(err, &e) || !e.Host() || !errors.Is(err, syscall.EMFILE) || !strings.Contains(e.Hint, "ulimit -n") {
			t.Fatalf("%d free: %v, want ErrHost", free, err)
		}
		if free > 20 {
			t.Fatal("it never works")
		}
	}
}

// TestBlame: the same words are about the sources or about the machine, by what the system said.
func TestBlame(t *testing.T) {
	path := func(err error) error { return &fs.PathError{Op: "read", Path: "a.c", Err: err} }
	for _, errno := range []error{
		syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.EIO, syscall.ESTALE, syscall.ENOSPC, syscall.EROFS,
		syscall.EACCES, syscall.ENAMETOOLONG, syscall.ELOOP,
	} {
		host := !errors.Is(errno, syscall.EACCES) && !errors.Is(errno, syscall.ENAMETOOLONG) &&
			!errors.Is(errno, syscall.ELOOP)
		for what, err := range map[string]error{
			"reading": sourceError("a.c", path(errno)), "reading again": changed("a.c", path(errno)),
			"taking": hostile("read %s: %w", "a.ko", path(errno)),
		} {
			var e *Error
			if !errors.As(blame(err), &e) || e.Host() != host || !strings.Contains(e.Message, errno.Error()) && host {
				t.Errorf("%s, %v: %v, a fault of the host: %v", what, errno, err, e.Host())
			}
			if strings.Contains(e.Hint, "chmod") && host {
				t.Errorf("%s, %v: the hint is about the sources: %s", what, errno, e.Hint)
			}
		}
	}
	if other := fmt.Errorf("x: %w", context.Canceled); blame(other) != other || blame(nil) != nil {
		t.Error("an error of another kind is changed")
	}
}

// TestLimitError: a log's words count only if the limit is too low for an ordinary build.
func TestLimitError(t *testing.T) {
	of := func(limits map[int]uint64) func(int) uint64 {
		return func(resource int) uint64 {
			if limit, ok := limits[resource]; ok {
				return limit
			}
			return unix.RLIM_INFINITY
		}
	}
	for _, c := range []struct {
		raw      string
		resource int
		limit    uint64
		says     string // "" if the sources are to blame
	}{
		{"make: /bin/sh: Too many open files\n", unix.RLIMIT_NOFILE, 8, "ulimit -n 8"},
		{"make: /bin/sh: Too many open files\n", unix.RLIMIT_NOFILE, 1024, ""},
		{"cc1: out of memory allocating 65536 bytes\n", unix.RLIMIT_AS, 400000 << 10, "ulimit -v 400000"},
		{"cc1: out of memory allocating 65536 bytes\n", unix.RLIMIT_NOFILE, 8, ""},
		{"sh: 0: Cannot fork\n", unix.RLIMIT_NPROC, 20, "ulimit -u 20"},
		{"a.c:1: error: expected identifier\n", unix.RLIMIT_NPROC, 20, ""},
	} {
		err := limitError(c.raw, of(map[int]uint64{c.resource: c.limit}))
		if (err != nil) != (c.says != "") || err != nil && (!err.Host() || !strings.Contains(err.Message, c.says)) {
			t.Errorf("%q with %d: %v, want %q", c.raw, c.limit, err, c.says)
		}
	}
	if err := limitError("Too many open files", hardLimit); err != nil {
		t.Errorf("this machine's own limits: %v", err)
	}
}

// TestLateError: a build in a VM that was kept from running did not take too long.
func TestLateError(t *testing.T) {
	late := timeoutError(Job{Timeout: time.Minute})
	kept := func() error { return &vm.StallError{Text: "QEMU was stopped", Hint: "let it run"} }
	var e *Error
	if err := lateError(late, kept); !errors.As(err, &e) || !e.Host() || e.Hint != "let it run" {
		t.Errorf("a QEMU that was stopped: %v", err)
	}
	for name, err := range map[string]error{
		"one that ran": lateError(late, func() error { return nil }),
		"another":      lateError(&Error{Kind: ErrLost}, kept), "none": lateError(nil, kept),
	} {
		if want := map[string]error{"one that ran": ErrTimeout, "another": ErrLost}[name]; !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
	}
}
