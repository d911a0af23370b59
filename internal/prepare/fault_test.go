// SPDX-License-Identifier: MIT

package prepare

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/internal/kbuild"
	"github.com/kmodlab/kmodlab/internal/kernel"
	"github.com/kmodlab/kmodlab/internal/notify"
)

// runner builds nothing: it answers what it is told to.
type runner func(kbuild.Job) ([]kbuild.Step, error)

func (runner) Name() kbuild.Where { return kbuild.Sandbox }

func (r runner) Run(_ context.Context, job kbuild.Job) ([]kbuild.Step, error) { return r(job) }

// building is a host whose builds are r's.
func building(t *testing.T, r runner) *Host {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "Kbuild"), []byte("obj-m := a.o\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	return &Host{
		Options: Options{Dir: dir, CacheDir: t.TempDir()}, runner: r, journal: notify.New(notify.Watcher{}),
		Kernel: &kernel.Kernel{ID: "x", Release: "6.1", Root: t.TempDir()},
	}
}

// TestBuildTimeout: the caller's limit is the build's.
func TestBuildTimeout(t *testing.T) {
	for limit, want := range map[time.Duration]time.Duration{0: kbuild.DefaultTimeout, time.Hour: time.Hour} {
		var got time.Duration
		h := building(t, func(job kbuild.Job) ([]kbuild.Step, error) {
			got = job.Timeout
			return []kbuild.Step{{Exit: 2}}, nil
		})
		h.BuildTimeout = limit
		_, err := h.Compile(t.Context())
		var failed *evidence.Failure
		if !errors.As(err, &failed) || failed.Kind != evidence.Build || got != want {
			t.Errorf("limit %s: the build has %s, want %s; %v", limit, got, want, err)
		}
	}
}

// TestHostFaults: what this machine cannot read is not the sources' fault, nor the module's.
func TestHostFaults(t *testing.T) {
	h := building(t, func(kbuild.Job) ([]kbuild.Step, error) {
		return nil, &kbuild.Error{Kind: kbuild.ErrSources, Message: "read sources", Cause: syscall.EIO}
	})
	_, err := h.Compile(t.Context())
	var failed *evidence.Failure
	if !errors.As(err, &failed) || failed.Kind != evidence.Host || !strings.Contains(failed.Hint, "dmesg") {
		t.Errorf("sources on a disk that fails: %+v", failed)
	}
	unread := &os.PathError{Op: "open", Path: "m.ko", Err: syscall.EMFILE}
	err = unplanned(errors.Join(errors.New("m needs symbol s"), unread))
	if !errors.As(err, &failed) || failed.Kind != evidence.Host || !strings.Contains(failed.Hint, "ulimit -n") {
		t.Errorf("a module file without a free descriptor: %+v", failed)
	}
	if err = unplanned(errors.New("m needs symbol s")); !errors.As(err, &failed) || failed.Kind != evidence.Preflight {
		t.Errorf("a module that does not fit: %+v", failed)
	}
}
