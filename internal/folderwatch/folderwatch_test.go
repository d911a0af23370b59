// SPDX-License-Identifier: MIT

package folderwatch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsnotify/fsnotify"
	"golang.org/x/sys/unix"
)

// long is a deadline for what comes; never is how long a test waits for what must not come.
const (
	long  = 20 * time.Second
	never = 4 * quiet
)

func watch(t *testing.T, dir string) *Watcher {
	t.Helper()
	w, err := Open(dir, func(name string) bool { return name == ".git" })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

// next reports whether a change is told in time.
func next(t *testing.T, w *Watcher, limit time.Duration) bool {
	t.Helper()
	over := errors.New("over")
	ctx, cancel := context.WithTimeoutCause(t.Context(), limit, over)
	defer cancel()
	err := w.Next(ctx)
	if err != nil && !errors.Is(err, over) {
		t.Fatal(err)
	}
	return err == nil
}

func write(t *testing.T, path string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(time.Now().String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

func check(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// TestSaves: whatever an editor does to save a file is told once.
func TestSaves(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "a.c")
	write(t, file)
	check(t, os.MkdirAll(filepath.Join(dir, "sub/.git"), 0o755))
	w := watch(t, dir)
	if next(t, w, never) {
		t.Error("a change without one")
	}
	for _, save := range []struct {
		name string
		do   func()
	}{
		{"in place", func() { write(t, file) }},
		{"renamed over", func() {
			write(t, file+".tmp")
			check(t, os.Rename(file+".tmp", file))
		}},
		{"vim", func() { // backupcopy=no
			write(t, filepath.Join(dir, ".a.c.swp"))
			write(t, filepath.Join(dir, "4913"))
			check(t, os.Remove(filepath.Join(dir, "4913")), os.Rename(file, file+"~"))
			write(t, file)
			check(t, os.Remove(file+"~"), os.Remove(filepath.Join(dir, ".a.c.swp")))
		}},
		{"many", func() {
			for i := range 50 {
				write(t, filepath.Join(dir, fmt.Sprint("sub/m", i, ".c")))
			}
		}},
		{"removed", func() { check(t, os.Remove(filepath.Join(dir, "sub/m1.c"))) }},
		{"made executable", func() { check(t, os.Chmod(filepath.Join(dir, "sub/m2.c"), 0o755)) }},
		{"a folder is full", func() { check(t, os.CopyFS(filepath.Join(dir, "new"), os.DirFS(filepath.Join(dir, "sub")))) }},
	} {
		save.do()
		if !next(t, w, long) {
			t.Errorf("%s is not told", save.name)
		}
		for next(t, w, never) { // on a busy machine its steps may be far apart
		}
	}
	write(t, filepath.Join(dir, "new/m3.c"))
	if !next(t, w, long) {
		t.Error("a file in a new folder is not told")
	}
	write(t, filepath.Join(dir, "sub/.git/index"))
	if next(t, w, never) {
		t.Error("a skipped folder is told")
	}
	check(t, os.Rename(filepath.Join(dir, "new"), filepath.Join(dir, "moved")))
	if !next(t, w, long) {
		t.Error("a folder that was renamed is not told")
	}
	write(t, filepath.Join(dir, "moved/m3.c"))
	if !next(t, w, long) {
		t.Error("a file in a renamed folder is not told")
	}
}

// TestGathered: what comes together is told once, when it is over, or now and then where it never is.
func TestGathered(t *testing.T) {
	for _, c := range []struct {
		name  string
		every time.Duration
		n     int
		want  []time.Duration // since the beginning
	}{
		{"one", time.Second, 1, []time.Duration{quiet}},
		{"a burst", quiet / 2, 5, []time.Duration{2*quiet + quiet}},
		{"two", quiet * 2, 2, []time.Duration{quiet, 3 * quiet}},
		{"a log", quiet / 2, 50, []time.Duration{longest, 49*quiet/2 + quiet}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				events := make(chan fsnotify.Event)
				var told []time.Duration
				begin := time.Now()
				w := &Watcher{failed: make(chan error, 1)}
				go w.loop(events, nil, func() { told = append(told, time.Since(begin)) })
				for range c.n {
					events <- fsnotify.Event{}
					time.Sleep(c.every)
				}
				time.Sleep(time.Minute)
				close(events)
				synctest.Wait()
				if !slices.Equal(told, c.want) {
					t.Errorf("told after %v, want %v", told, c.want)
				}
			})
		})
	}
}

// TestGone: a folder that another one replaces is watched again; one that is gone ends it.
func TestGone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "d")
	check(t, os.Mkdir(dir, 0o755))
	w := watch(t, dir)
	check(t, os.Rename(dir, dir+".old"), os.Mkdir(dir, 0o755))
	if !next(t, w, long) {
		t.Error("a replaced folder is not told")
	}
	write(t, filepath.Join(dir, "a.c"))
	if !next(t, w, long) {
		t.Error("the new folder is not watched")
	}
	check(t, os.RemoveAll(dir))
	ctx, cancel := context.WithTimeout(t.Context(), long)
	defer cancel()
	for {
		if err := w.Next(ctx); err != nil {
			if !errors.Is(err, ErrGone) {
				t.Error(err)
			}
			return
		}
	}
}

func TestNone(t *testing.T) {
	if _, err := Open(filepath.Join(t.TempDir(), "none"), nil); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

const limitEnv = "FOLDERWATCH_TEST_LIMIT"

// TestLimits runs this program in a user namespace with a limit of its own.
func TestLimits(t *testing.T) {
	if dir := os.Getenv(limitEnv); dir != "" {
		_, err := Open(dir, func(string) bool { return false })
		fmt.Println(err)
		var limit *LimitError
		if !errors.As(err, &limit) {
			t.Error("no LimitError")
		}
		return
	}
	dir := t.TempDir()
	check(t, os.MkdirAll(filepath.Join(dir, "a/b/c"), 0o755))
	for sysctl, says := range map[string]string{
		"max_inotify_watches":   "(fs.inotify.max_user_watches): close what else watches folders, such as editors, or raise the limit as root: sysctl -w fs.inotify.max_user_watches=524288",
		"max_inotify_instances": "sysctl -w fs.inotify.max_user_instances=1024",
	} {
		file := "/proc/sys/user/" + sysctl
		if err := unix.Access(file, unix.F_OK); err != nil {
			t.Skipf("NOT TESTED: this kernel has no limits per user namespace: %v", err)
		}
		limit := "2"
		if strings.Contains(sysctl, "instances") {
			limit = "0"
		}
		cmd := exec.Command("unshare", "-r", "sh", "-c", `echo "$1" >"$2" && exec "$3" -test.run '^TestLimits$'`, "sh",
			limit, file, os.Args[0])
		cmd.Env = append(os.Environ(), limitEnv+"="+dir)
		out, err := cmd.CombinedOutput()
		if err != nil && (strings.HasPrefix(string(out), "unshare: ") || strings.Contains(string(out), "ermission denied")) {
			t.Skipf("NOT TESTED: user namespaces are missing: %s", out)
		}
		if err != nil || !strings.Contains(string(out), says) {
			t.Errorf("%s: %v, %s", sysctl, err, out)
		}
	}
}
