// SPDX-License-Identifier: MIT

package kernel

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/kmodlab/kmodlab/internal/testlab"
)

// asNobody runs the calling test again as an ordinary user if this is root. It reports whether it did so.
func asNobody(t *testing.T) bool {
	t.Helper()
	if os.Getuid() != 0 {
		return false
	}
	dir, err := os.MkdirTemp("", "kmodlab-nobody-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	self, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(dir, "kernel.test")
	if err := errors.Join(os.WriteFile(binary, self, 0o755), os.Chmod(dir, 0o755), os.Mkdir(dir+"/home", 0o755),
		os.Chown(dir+"/home", 65534, 65534)); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary, "-test.v", "-test.run=^"+t.Name()+"$")
	cmd.Dir = dir + "/home"
	cmd.Env = append(os.Environ(), "HOME="+dir+"/home", "TMPDIR="+dir+"/home", "XDG_CACHE_HOME=", "KMODLAB_TEST_CACHE=")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.CombinedOutput()
	t.Logf("as an ordinary user:\n%s", out)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(out), "--- SKIP") {
		t.Skip("NOT TESTED as an ordinary user: see above")
	}
	return true
}

// processesOf lists running programs that have dir in their environment.
func processesOf(t *testing.T, dir string) []string {
	t.Helper()
	var list []string
	files, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, file := range files {
		env, err := os.ReadFile(file)
		if err == nil && strings.Contains(string(env), "APT_CONFIG="+dir) {
			comm, _ := os.ReadFile(filepath.Join(filepath.Dir(file), "comm"))
			list = append(list, strings.TrimSpace(string(comm)))
		}
	}
	return list
}

// cancelAt stops a Get at the first progress that pred accepts, and checks that nothing half-made is left.
func cancelAt(t *testing.T, s *Store, name string, pred func(Progress) bool) {
	t.Helper()
	ctx, cancel := context.WithCancel(testContext(t))
	defer cancel()
	var at Progress
	s.Progress = func(p Progress) {
		if ctx.Err() == nil && pred(p) {
			at = p
			cancel()
		}
	}
	_, err := s.Get(ctx, name)
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "run the same command again") {
		t.Fatalf("a cancelled Get ends with %v", err)
	}
	t.Logf("cancelled at %+v: %v", at, err)
	n, err := parseDebian(strings.TrimPrefix(name, "debian:"))
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{filepath.Join(s.Dir, n.folder()), filepath.Join(s.fetchDir(n), "tree")} {
		if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("after %s: %s is left behind: %v", at.Phase, dir, err)
		}
	}
	if list, err := s.List(); err != nil || len(list) != 0 {
		t.Errorf("after %s: List gives %v, %v", at.Phase, list, err)
	}
	if left := processesOf(t, s.fetchDir(n)); len(left) > 0 {
		t.Errorf("after %s: still running: %v", at.Phase, left)
	}
}

// TestInterruptedAndShared fetches as an ordinary user into an empty cache: cancelled during the download and the
// unpacking, over stale and damaged files, then by two Stores at once.
func TestInterruptedAndShared(t *testing.T) {
	need(t, "apt-get", "dpkg-deb", "mke2fs", "bwrap")
	if asNobody(t) {
		return
	}
	const name = "debian:bookworm"
	n := debName{suite: "bookworm", flavour: "cloud"}
	s := &Store{Dir: filepath.Join(t.TempDir(), "a cache ü", "kernels"), Mirror: os.Getenv("KMODLAB_MIRROR")}
	cancelAt(t, s, name, func(p Progress) bool { return p.Phase == "index" })
	cancelAt(t, s, name, func(p Progress) bool { return p.Phase == "download" && p.Done > p.Total/4 })
	cancelAt(t, s, name, func(p Progress) bool { return p.Phase == "unpack" && p.Done == 2 })

	// What a SIGKILL or a bad disk leaves.
	debs, _ := filepath.Glob(filepath.Join(s.fetchDir(n), "apt/cache/archives/*.deb"))
	if len(debs) < 50 {
		t.Fatalf("%d packages are kept for the next fetch, want all", len(debs))
	}
	damage(t, debs[3])
	stale := filepath.Join(s.fetchDir(n), "tree/root/usr/bin/stale")
	if err := errors.Join(os.MkdirAll(filepath.Dir(stale), 0o755), os.WriteFile(stale, []byte("x"), 0o644),
		os.MkdirAll(filepath.Join(s.Dir, n.folder(), "root"), 0o755)); err != nil {
		t.Fatal(err)
	}
	k := getTwice(t, s, name)
	if _, err := os.Lstat(filepath.Join(k.Root, "usr/bin/stale")); err == nil {
		t.Error("the tree holds a file of an interrupted fetch")
	}
	if _, err := os.Lstat(s.fetchDir(n)); err == nil {
		t.Error("the fetch folder is left behind")
	}
	checkKernel(t, k)
	buildModule(t, k)
	checkCached(t, s, k)
	checkReseal(t, s, k)
	checkRemove(t, s, name)
}

func damage(t *testing.T, file string) {
	t.Helper()
	f, err := os.OpenFile(file, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte("damaged"), 4096); err != nil {
		t.Fatal(err)
	}
}

// getTwice lets two Stores fetch the same kernel at the same time.
func getTwice(t *testing.T, s *Store, name string) *Kernel {
	t.Helper()
	var unpacked, waited atomic.Int32
	var wg sync.WaitGroup
	kernels, errs := make([]*Kernel, 2), make([]error, 2)
	for i := range 2 {
		one := &Store{Dir: s.Dir, Mirror: s.Mirror}
		one.Progress = func(p Progress) {
			switch {
			case p.Phase == "wait":
				waited.Add(1)
			case p.Phase == "unpack" && p.Done == 1:
				unpacked.Add(1)
			}
		}
		wg.Go(func() { kernels[i], errs[i] = one.Get(testContext(t), name) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	if unpacked.Load() != 1 || waited.Load() != 1 {
		t.Errorf("two at once: unpacked %d times, %d waited, want 1 and 1", unpacked.Load(), waited.Load())
	}
	if *kernels[0] != *kernels[1] {
		t.Errorf("two at once: %+v and %+v", kernels[0], kernels[1])
	}
	return kernels[0]
}

// checkCached gets the kernel again when no tool can be found.
func checkCached(t *testing.T, s *Store, k *Kernel) {
	t.Helper()
	t.Setenv("PATH", t.TempDir())
	s.Progress = func(p Progress) { t.Errorf("a cached kernel makes work: %+v", p) }
	defer func() { s.Progress = nil }()
	again, err := s.Get(testContext(t), k.Name)
	if err != nil || *again != *k {
		t.Errorf("from the cache: %+v, %v", again, err)
	}
	list, err := s.List()
	if err != nil || !slices.Equal(list, []Kernel{*k}) {
		t.Errorf("List gives %+v, %v", list, err)
	}
}

// checkReseal asks with a Prepare for a kernel that was fetched without one.
func checkReseal(t *testing.T, s *Store, k *Kernel) {
	t.Helper()
	t.Setenv("PATH", os.Getenv("PATH")+":/usr/sbin:/usr/bin:/sbin:/bin")
	calls := 0
	with := &Store{Dir: s.Dir, Prepare: func(root, release string) error {
		calls++
		return os.WriteFile(filepath.Join(root, "lib/modules", release, "modules.dep"), []byte("prepared\n"), 0o644)
	}}
	// If it is interrupted while the image is made, the kernel stays as it was.
	ctx, cancel := context.WithCancel(testContext(t))
	with.Progress = func(p Progress) {
		if p.Phase == "image" {
			cancel()
		}
	}
	if _, err := with.Get(ctx, k.Name); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled Get ends with %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(s.Dir, ".fetch/*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	with.Progress = nil
	checkKernel(t, k)
	calls = 0
	for range 2 {
		got, err := with.Get(testContext(t), k.Name)
		if err != nil || *got != *k {
			t.Fatalf("with Prepare: %+v, %v", got, err)
		}
	}
	if calls != 1 {
		t.Errorf("Prepare ran %d times, want 1", calls)
	}
	if debugfs, err := lookTool("debugfs"); err == nil {
		out, _ := exec.Command(debugfs, "-R", "cat /usr/lib/modules/"+k.Release+"/modules.dep", k.RootImage).Output()
		if string(out) != "prepared\n" {
			t.Errorf("the image holds %q where Prepare wrote", out)
		}
	}
}

func checkRemove(t *testing.T, s *Store, name string) {
	t.Helper()
	if err := s.Remove(name); err != nil {
		t.Fatal(err)
	}
	if err := s.Remove(name); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("removing what is not there: %v", err)
	}
	files, _ := filepath.Glob(filepath.Join(s.Dir, "[^.]*"))
	fetches, _ := filepath.Glob(filepath.Join(s.Dir, ".fetch/*"))
	if len(files)+len(fetches) > 0 {
		t.Errorf("left after Remove: %v %v", files, fetches)
	}
}

// TestKilled kills a process that waits for a mirror that does not answer: apt and its methods must die with it, by
// SIGKILL as well as by a deadline.
func TestKilled(t *testing.T) {
	need(t, "apt-get", "dpkg-deb")
	if dir := os.Getenv("KMODLAB_TEST_KILLED"); dir != "" {
		s := &Store{Dir: dir, Mirror: os.Getenv("KMODLAB_MIRROR")}
		_, err := s.Get(testContext(t), "debian:bookworm")
		t.Fatalf("a Get without a mirror ends: %v", err)
	}
	hang := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hang }))
	defer srv.Close()
	defer close(hang)
	s := &Store{Dir: filepath.Join(t.TempDir(), "kernels"), Mirror: srv.URL + "/debian"}
	cmd := exec.Command(os.Args[0], "-test.run=^TestKilled$")
	cmd.Env = append(os.Environ(), "KMODLAB_TEST_KILLED="+s.Dir, "KMODLAB_MIRROR="+s.Mirror)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	running := func() int { return len(processesOf(t, s.Dir)) }
	testlab.Eventually(t, "apt and a method run", func() bool { return running() >= 2 })
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	testlab.Eventually(t, "apt is gone with the process that started it", func() bool { return running() == 0 })

	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if _, err := s.Get(ctx, "debian:bookworm"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("past the deadline: %v", err)
	}
	testlab.Eventually(t, "apt is gone after the deadline", func() bool { return running() == 0 })
	if left, _ := filepath.Glob(filepath.Join(s.Dir, ".fetch/*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestLockHonoursContext(t *testing.T) {
	s := &Store{Dir: t.TempDir()}
	if err := os.Mkdir(filepath.Join(s.Dir, ".lock"), 0o755); err != nil {
		t.Fatal(err)
	}
	unlock, err := s.lock(context.Background(), "x", "debian:x")
	if err != nil {
		t.Fatal(err)
	}
	told := ""
	other := &Store{Dir: s.Dir, Progress: func(p Progress) { told = p.Phase + ": " + p.Text }}
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if _, err := other.lock(ctx, "x", "debian:x"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("waiting past the deadline: %v", err)
	}
	if !strings.HasPrefix(told, "wait: waiting for another kmodlab") {
		t.Errorf("the one that waits says %q", told)
	}
	unlock()
	again, err := other.lock(context.Background(), "x", "debian:x")
	if err != nil {
		t.Fatal(err)
	}
	again()
}
