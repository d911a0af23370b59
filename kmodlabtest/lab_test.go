// SPDX-License-Identifier: MIT

package kmodlabtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/kmodlab/kmodlab"
	"github.com/kmodlab/kmodlab/internal/testlab/needs"
	"github.com/kmodlab/kmodlab/result"
)

// recorder is a test that is not this one: it notes what is said to it.
type recorder struct {
	testing.TB
	t               *testing.T
	said            []string
	failed, skipped bool
	cleanups        []func()
}

func (r *recorder) Helper()                  {}
func (r *recorder) Name() string             { return "TestX/a b" }
func (r *recorder) Context() context.Context { return r.t.Context() }
func (r *recorder) Failed() bool             { return r.failed }
func (r *recorder) Skipped() bool            { return r.skipped }
func (r *recorder) Cleanup(f func())         { r.cleanups = append(r.cleanups, f) }
func (r *recorder) Log(args ...any)          { r.said = append(r.said, fmt.Sprint(args...)) }
func (r *recorder) Logf(f string, a ...any)  { r.said = append(r.said, fmt.Sprintf(f, a...)) }
func (r *recorder) Errorf(f string, a ...any) {
	r.failed = true
	r.Logf(f, a...)
}
func (r *recorder) Fatalf(f string, a ...any) { r.Errorf(f, a...); runtime.Goexit() }
func (r *recorder) Fatal(args ...any)         { r.Fatalf("%s", fmt.Sprint(args...)) }
func (r *recorder) Skip(args ...any)          { r.skipped = true; r.Log(args...); runtime.Goexit() }
func (r *recorder) all() string               { return strings.Join(r.said, "\n") }

// during runs a test's function to its end, Fatal and Skip included, and its cleanups.
func (r *recorder) during(f func()) {
	done := make(chan bool)
	go func() {
		defer close(done)
		f()
	}()
	<-done
	for _, f := range slices.Backward(r.cleanups) {
		f()
	}
}

// aLab is one whose runs have ended, with these verdicts.
func aLab(t testing.TB, classes ...result.Class) *Lab {
	l := &Lab{t: t}
	kernels := []string{"debian:bookworm", "debian:trixie", "debian:forky"}
	for i, c := range classes {
		res := aRun()
		res.Machine.Name = kernels[i]
		res.Verdict.Class = c
		l.runs = append(l.runs, &run{kernel: kernels[i], end: &kmodlab.Conclusion{Result: res}})
	}
	return l
}

// TestLabEnds: a lab that nobody looked at must have passed on every kernel, and what is required of it is said with
// the kernel's name.
func TestLabEnds(t *testing.T) {
	for name, tt := range map[string]struct {
		classes []result.Class
		test    func(*Lab)
		want    []string // parts of what is said; none: the test passes
	}{
		"nobody looks":            {[]result.Class{result.Pass}, func(*Lab) {}, nil},
		"nobody looks at an oops": {[]result.Class{result.Oops}, func(*Lab) {}, []string{"verdict oops"}},
		"nobody looks at the last": {[]result.Class{result.Pass, result.Leak}, func(*Lab) {},
			[]string{"debian:trixie: verdict leak"}},
		"required": {[]result.Class{result.Pass, result.Pass},
			func(l *Lab) { l.Require(Loaded("my_hw")) }, nil},
		"not as required": {[]result.Class{result.Pass, result.Pass}, func(l *Lab) { l.Require(Loaded("x")) },
			[]string{"debian:bookworm: module x was not loaded", "debian:trixie: module x was not loaded"}},
		"an oops beside what is required": {[]result.Class{result.Oops}, func(l *Lab) { l.Require(Loaded("my_hw")) },
			[]string{"verdict oops"}},
		"the oops that is wanted": {[]result.Class{result.Oops}, func(l *Lab) { l.Require(Class(result.Oops)) }, nil},
		"each": {[]result.Class{result.Oops, result.Pass}, func(l *Lab) {
			l.Each(func(t testing.TB, r *result.Result) { t.Logf("seen %s %s", r.Machine.Name, r.Verdict.Class) })
		}, nil},
	} {
		r := &recorder{t: t}
		l := aLab(r, tt.classes...)
		r.Cleanup(func() { l.end("") })
		r.during(func() { tt.test(l) })
		if r.failed != (tt.want != nil) {
			t.Errorf("%s: failed %t: %s", name, r.failed, r.all())
		}
		for _, want := range tt.want {
			if !strings.Contains(r.all(), want) {
				t.Errorf("%s: no %q in %s", name, want, r.all())
			}
		}
		if name == "each" && r.all() != "seen debian:bookworm oops\nseen debian:trixie pass" {
			t.Errorf("%s: %s", name, r.all())
		}
	}
}

// TestSubtests: with several kernels there is a subtest for each.
func TestSubtests(t *testing.T) {
	var names []string
	aLab(t, result.Pass, result.Pass).Each(func(sub testing.TB, r *result.Result) { names = append(names, sub.Name()) })
	aLab(t, result.Pass).Each(func(sub testing.TB, r *result.Result) { names = append(names, sub.Name()) })
	if want := []string{t.Name() + "/debian:bookworm", t.Name() + "/debian:trixie", t.Name()}; !slices.Equal(names, want) {
		t.Errorf("%q, want %q", names, want)
	}
}

// TestKeep: a test that fails leaves the files of each run, and one that passes none.
func TestKeep(t *testing.T) {
	dir := t.TempDir()
	end := func(class result.Class) *recorder {
		r := &recorder{t: t}
		l := aLab(r, result.Pass, class)
		for _, run := range l.runs {
			run.end.Recording = aRecording(t)
			run.end.Console = "console of " + run.kernel
		}
		r.Cleanup(func() { l.end(dir) })
		r.during(func() {})
		return r
	}
	end(result.Pass)
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("a pass leaves %v, %v", entries, err)
	}
	r := end(result.Leak)
	for _, kernel := range []string{"debian-bookworm", "debian-trixie"} {
		at := filepath.Join(dir, "TestX-a-b", kernel)
		if !strings.Contains(r.all(), "kept: "+at) {
			t.Errorf("no %s in %s", at, r.all())
		}
		f, err := os.Open(filepath.Join(at, "run.kmlab"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := kmodlab.ReadRecording(f); err != nil {
			t.Error(err)
		}
		f.Close()
		page, err := os.ReadFile(filepath.Join(at, "report.html"))
		if err != nil || !strings.Contains(string(page), "<html") {
			t.Errorf("the page has %d bytes, %v", len(page), err)
		}
		console, err := os.ReadFile(filepath.Join(at, "console.txt"))
		if err != nil || !strings.HasPrefix(string(console), "console of") {
			t.Errorf("the console is %q, %v", console, err)
		}
	}
}

func aRecording(t testing.TB) *kmodlab.Recording {
	t.Helper()
	f, err := os.Open("../test/cli/testdata/recording/demo-1.kmlab")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rec, err := kmodlab.ReadRecording(f)
	if err != nil {
		t.Fatal(err)
	}
	return rec
}

// TestFileName: no name of a test or a kernel leads out of the folder.
func TestFileName(t *testing.T) {
	for name, want := range map[string]string{
		"debian:trixie": "debian-trixie", "..": "run", "": "run", ".": "run", "path:/a/../b": "path--a-..-b", "a\x00b": "a-b",
	} {
		if got := fileName(name); got != want {
			t.Errorf("%q becomes %q, want %q", name, got, want)
		}
	}
}

// TestOptions: what a lab is to do, and that the environment replaces its kernels.
func TestOptions(t *testing.T) {
	c := configure("dir", []Option{
		Kernels("debian:bookworm", "debian:trixie", "debian:bookworm"), Test("a.c", "x"), Load("m"), Params("m.p=1"),
		For(kmodlab.NoWait), Artifacts("kept"),
		Spec(func(s *kmodlab.Spec) { s.MemoryMiB = 256; s.Put = []kmodlab.Copy{{Host: "f"}} }),
	})
	s := c.spec
	if s.Dir != "dir" || !s.Lab || !s.Record || len(s.Tests) != 1 || s.Tests[0].Args[0] != "x" || s.Load[0] != "m" ||
		s.Params[0] != "m.p=1" || s.For != kmodlab.NoWait || s.MemoryMiB != 256 || c.keep != "kept" {
		t.Errorf("%+v", c)
	}
	if !slices.Equal(c.kernels, []string{"debian:bookworm", "debian:trixie"}) {
		t.Errorf("kernels %q", c.kernels)
	}
	if got := c.inputs(); !slices.Equal(got, []string{"dir", "a.c", "f"}) {
		t.Errorf("inputs %q", got)
	}
	t.Setenv(kernelsVariable, "debian:forky, debian:trixie")
	c = configure("dir", []Option{Kernels("debian:bookworm")})
	if !slices.Equal(c.kernels, []string{"debian:forky", "debian:trixie"}) {
		t.Errorf("kernels %q", c.kernels)
	}
	t.Setenv(kernelsVariable, "")
	if c := configure("dir", nil); !slices.Equal(c.kernels, []string{""}) {
		t.Errorf("kernels %q", c.kernels)
	}
}

// TestMissing: without QEMU a test is skipped and says why; in CI it fails.
func TestMissing(t *testing.T) {
	needs.Long(t, "each lab is skipped then")
	noQEMU := Spec(func(s *kmodlab.Spec) { s.QEMU = "/nosuch/qemu" })
	t.Setenv("CI", "")
	r := &recorder{t: t}
	r.during(func() { Run(r, "driver", noQEMU) })
	if !r.skipped || r.failed || !strings.Contains(r.all(), "NOT TESTED: no /nosuch/qemu here; install QEMU") {
		t.Errorf("skipped %t, failed %t: %s", r.skipped, r.failed, r.all())
	}
	t.Setenv("CI", "true")
	r = &recorder{t: t}
	r.during(func() { Run(r, "driver", noQEMU) })
	if r.skipped || !r.failed || !strings.Contains(r.all(), "no /nosuch/qemu here") {
		t.Errorf("in CI: skipped %t, failed %t: %s", r.skipped, r.failed, r.all())
	}
}

// TestAgent: the go command builds the program, and what is missing is said with what to do.
func TestAgent(t *testing.T) {
	needs.Long(t, "it builds the program")
	path, err := buildAgent(folder)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := buildAgent(folder); err != nil || again != path {
		t.Errorf("built again it is %s, %v; before it was %s", again, err, path)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module stranger\n\ngo 1.26.0\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	_, err = buildAgent(dir)
	if err == nil {
		t.Fatal("the program was built out of a module that does not know it")
	}
	for _, want := range []string{"cmd/kmodlab", "\ntype: go mod tidy; or name the program in $KMODLAB_AGENT"} {
		if text := noAgent(err).Error(); !strings.Contains(text, want) {
			t.Errorf("no %q in %s", want, text)
		}
	}
	if !errors.Is(noAgent(os.ErrNotExist), os.ErrNotExist) {
		t.Error("the cause is lost")
	}
}
