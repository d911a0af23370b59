// SPDX-License-Identifier: MIT

package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/kmodlab/kmodlab/internal/testlab"
	"github.com/kmodlab/kmodlab/internal/testlab/machine"
	"github.com/kmodlab/kmodlab/internal/testlab/needs"
)

// stranger is a copy of examples/gotest: a repository that uses package kmodlabtest.
type stranger struct {
	t   *testing.T
	dir string
	env []string
}

func aStranger(t *testing.T) *stranger {
	t.Helper()
	s := &stranger{t: t, dir: filepath.Join(t.TempDir(), "gotest")}
	if err := os.CopyFS(s.dir, os.DirFS("../../examples/gotest")); err != nil {
		t.Fatal(err)
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	// The virtual machines are reserved by this process: another TMPDIR has another lock. The agent is not given, so
	// the test program has the go command build it.
	s.env = append(os.Environ(), "TMPDIR="+t.TempDir(), "KMODLAB_AGENT=", "GOFLAGS=", "CI=true")
	if out, err := s.run("go", "mod", "edit", "-replace", "github.com/kmodlab/kmodlab="+root); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return s
}

// run runs a command in the repository, and returns what it printed.
func (s *stranger) run(name string, args ...string) (string, error) {
	s.t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = s.dir, s.env
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// replace changes a file, whose time is then old enough for go test to cache what depends on it.
func (s *stranger) replace(file, old, new string) {
	s.t.Helper()
	path := filepath.Join(s.dir, file)
	data, err := os.ReadFile(path)
	if err != nil {
		s.t.Fatal(err)
	}
	text := strings.Replace(string(data), old, new, 1)
	if text == string(data) {
		s.t.Fatalf("%s has no %q", file, old)
	}
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		s.t.Fatal(err)
	}
	s.age()
}

// age makes all files older than Go wants them.
func (s *stranger) age() {
	s.t.Helper()
	old := time.Now().Add(-time.Minute)
	err := filepath.WalkDir(filepath.Dir(s.dir), func(path string, _ os.DirEntry, err error) error {
		if err == nil {
			err = os.Chtimes(path, old, old)
		}
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

// wants checks that a text has parts that the patterns match.
func wants(t *testing.T, text string, patterns ...string) {
	t.Helper()
	for _, p := range patterns {
		if !regexp.MustCompile(p).MatchString(text) {
			t.Errorf("no %s in\n%s", p, text)
		}
	}
}

// TestGoTestExample runs the tests of examples/gotest on two kernels. They come out of go test's cache until the
// module changes, and a failure shows the story, and keeps it if that is asked for.
func TestGoTestExample(t *testing.T) {
	needs.VM(t)
	for _, kernel := range []string{"debian:bookworm", "debian:trixie"} {
		machine.Kernel(t, kernel)
	}
	s := aStranger(t)
	s.age()
	out, err := s.run("go", "test", "-v", ".")
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	wants(t, out, `--- PASS: TestMailbox/debian:bookworm `, `--- PASS: TestMailbox/debian:trixie `, `--- PASS: TestLeak `)
	if out, err := s.run("go", "test", "-v", "."); err != nil || !strings.Contains(out, "(cached)") {
		t.Errorf("nothing has changed, but it is not cached: %v\n%s", err, out)
	}
	s.replace("driver/mailbox.c", "-EMSGSIZE", "-EINVAL")
	s.env = append(s.env, "KMODLAB_TEST_KERNELS=debian:bookworm")
	kept := t.TempDir()
	out, err = s.run("go", "test", "-run", "TestMailbox", ".")
	if err == nil {
		t.Fatalf("the module has changed, and the test still passes\n%s", out)
	}
	wants(t, out, `mailbox_test.go:\d+: calls.exists\(.*\) does not hold`,
		`\n +test mailbox_test failed: .*refuses a long one`,
		`\n +\|   not ok 4 - refuses a long one\n`, `(?m)^ +\| +[0-9.]+ m?s  mailbox_test\[\d+\] +write /dev/mailbox`,
		`\n +\| test: test mailbox_test failed`, "go test -artifacts keeps")
	out, err = s.run("go", "test", "-run", "TestMailbox", "-artifacts", "-outputdir", kept, ".")
	if err == nil {
		t.Fatalf("the test passes\n%s", out)
	}
	m := regexp.MustCompile(`kept: (/\S+)/\{report.html,run.kmlab,console.txt\}`).FindStringSubmatch(out)
	if m == nil || !strings.HasPrefix(m[1], kept) {
		t.Fatalf("nothing is kept in %s:\n%s", kept, out)
	}
	for _, name := range []string{"report.html", "run.kmlab", "console.txt"} {
		if st, err := os.Stat(filepath.Join(m[1], name)); err != nil || st.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestGoTestTime: a lab ends before go test -timeout does, says why, and leaves no machine.
func TestGoTestTime(t *testing.T) {
	needs.VM(t)
	machine.Kernel(t, "debian:bookworm")
	s := aStranger(t)
	s.env = append(s.env, "WORK="+s.dir, "KMODLAB_AGENT="+testlab.Agent(t), "KMODLAB_TEST_KERNELS=debian:bookworm")
	out, err := s.run("go", "test", "-run", "TestMailbox", "-timeout", "10200ms", ".")
	if err == nil || strings.Contains(out, "panic: test timed out") {
		t.Errorf("%v\n%s", err, out)
	}
	wants(t, out, `run driver: the time of the test program is over; go test -timeout gives it more`)
	if left := testlab.ProcessesOf(s.dir); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// TestGoTestStranger: a test program that runs where there is neither Go nor the agent says so, with what to do.
func TestGoTestStranger(t *testing.T) {
	needs.VM(t)
	s := aStranger(t)
	if out, err := s.run("go", "test", "-c", "-o", "stranger.test", "."); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	tools := t.TempDir()
	if err := os.Symlink(needs.Program(t, "qemu-system-x86_64"), filepath.Join(tools, "qemu-system-x86_64")); err != nil {
		t.Fatal(err)
	}
	s.env = append(s.env, "PATH="+tools)
	out, err := s.run(filepath.Join(s.dir, "stranger.test"), "-test.run", "TestLeak")
	if err == nil {
		t.Fatalf("the test passes without an agent\n%s", out)
	}
	wants(t, out, `build kmodlab-agent, which works in the guest`, `executable file not found`,
		`name the program in \$KMODLAB_AGENT`)
}

// aGoTest is a copy of a Go module and the kernel module that its tests need: go test writes into the former.
func aGoTest(t *testing.T) *stranger {
	t.Helper()
	s := &stranger{t: t, dir: filepath.Join(t.TempDir(), "hwtest")}
	driver := filepath.Join(filepath.Dir(s.dir), "hw")
	for from, to := range map[string]string{"testdata/hwtest": s.dir, "testdata/hw": driver} {
		if err := os.CopyFS(to, os.DirFS(from)); err != nil {
			t.Fatal(err)
		}
	}
	s.env = append(os.Environ(), "PATH="+filepath.Dir(testlab.Kmodlab(t))+":"+os.Getenv("PATH"), "GOFLAGS=-mod=mod")
	s.age()
	return s
}

// goTest runs the tests in the guest.
func (s *stranger) goTest(debug string, args ...string) (string, error) {
	s.t.Helper()
	s.env = append(s.env, "GODEBUG="+debug)
	runner := "kmodlab exec --modules " + filepath.Join(filepath.Dir(s.dir), "hw") + " --"
	return s.run("go", append([]string{"test", "-exec", runner}, args...)...)
}

// TestGoTestFlags runs go test with what people use besides -v: each flag does in the guest what it does here.
func TestGoTestFlags(t *testing.T) {
	needs.VM(t)
	machine.Kernel(t, "")
	s := aGoTest(t)
	out, err := s.goTest("", "-json", "-run", "TestDirs/temp", ".")
	if err != nil || strings.Contains(out, `"Test":"TestDirs/artifacts"`) {
		t.Errorf("%v\n%s", err, out)
	}
	wants(t, out, `"Action":"run","Package":"hw.test","Test":"TestDirs/temp"`, `"Action":"pass","Package":"hw.test","Test":"TestDirs/temp"`)

	out, err = s.goTest("", "-run", "TestDirs", "-artifacts", "-bench", "Read", "-benchtime", "10x", ".")
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	wants(t, out, `BenchmarkRead-\d+\s+10\s+\d+ ns/op`)
	if kept, _ := filepath.Glob(filepath.Join(s.dir, "_artifacts/*/file")); len(kept) != 1 {
		t.Errorf("the artifacts are %q", kept)
	}

	out, err = s.goTest("fuzz=1", "-run", "^$", "-fuzz", "Fuzz", "-fuzztime", "60s", ".")
	if err == nil {
		t.Errorf("fuzzing finds nothing\n%s", out)
	}
	wants(t, out, `Failing input written to testdata/fuzz/FuzzRead/`)
	if inputs, _ := filepath.Glob(filepath.Join(s.dir, "testdata/fuzz/FuzzRead/*")); len(inputs) != 1 {
		t.Errorf("the inputs that fail are %q", inputs)
	}
	out, err = s.goTest("fuzz=1", "-run", "FuzzRead", ".")
	if err == nil {
		t.Errorf("the input that fails is not there the next time\n%s", out)
	}
	wants(t, out, `--- FAIL: FuzzRead/[0-9a-f]{16} `)

	out, err = s.goTest("", "-run", "TestSlow", "-timeout", "100ms", ".")
	if err == nil {
		t.Errorf("a test that takes too long passes\n%s", out)
	}
	wants(t, out, `panic: test timed out after 100ms`, `TestSlow`)
}

// TestGoTestNotCached: go test takes no result out of its cache that it got through -exec, so a change of the module
// counts.
func TestGoTestNotCached(t *testing.T) {
	needs.VM(t)
	machine.Kernel(t, "")
	s := aGoTest(t)
	for range 2 {
		if out, err := s.goTest("", "-run", "TestRead", "."); err != nil || strings.Contains(out, "(cached)") {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	s.replace("../hw/hw.c", `"hello\n"`, `"HELLO\n"`)
	out, err := s.goTest("", "-run", "TestRead", ".")
	if err == nil {
		t.Errorf("the module has changed, and the test still passes\n%s", out)
	}
	wants(t, out, `"HELLO\\n", <nil>`)
}

// TestExecCoverage: a program that was built with -cover leaves its data where GOCOVERDIR says.
func TestExecCoverage(t *testing.T) {
	needs.VM(t)
	machine.Kernel(t, "")
	s := aGoTest(t)
	const main = "package main\n\nimport \"hw.test\"\n\nfunc main() { s, err := hw.Read(); print(s, err != nil) }\n"
	if err := os.MkdirAll(filepath.Join(s.dir, "read"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.dir, "read/main.go"), []byte(main), 0o666); err != nil {
		t.Fatal(err)
	}
	if out, err := s.run("go", "build", "-cover", "-o", "read.prog", "./read"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	data := t.TempDir()
	s.env = append(s.env, "GOCOVERDIR="+data)
	out, err := s.run(testlab.Kmodlab(t), "exec", "--modules", "../hw", "--", "./read.prog")
	if err != nil || out != "hello\nfalse" {
		t.Errorf("%q, %v", out, err)
	}
	out, err = s.run("go", "tool", "covdata", "percent", "-i", data)
	if err != nil {
		t.Error(err)
	}
	wants(t, out, `hw.test/read\s+coverage: 100.0% of statements`)
}
