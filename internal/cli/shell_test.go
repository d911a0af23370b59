// SPDX-License-Identifier: MIT

package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kmodlab/kmodlab"
	"github.com/kmodlab/kmodlab/result"
)

// TestEscapes: ~. is for kmodlab at the beginning of a line only, however the keys are split into reads.
func TestEscapes(t *testing.T) {
	for _, test := range []struct {
		typed, rest string
		kill        bool
	}{
		{"ls ~.\r", "ls ~.\r", false},
		{"~.", "", true},
		{"ls\r~.rest", "ls\r", true},
		{"a\n~~.\r", "a\n~.\r", false},
		{"~x\r", "~x\r", false},
		{"~\r~.", "~\r", true},
		{"~~~.", "~~.", false},
		{"x~.", "x~.", false},
	} {
		for size := 1; size <= len(test.typed); size++ {
			e := escapes{atBegin: true}
			var rest []byte
			kill := false
			for part := range slices.Chunk([]byte(test.typed), size) {
				if kill {
					break
				}
				var some []byte
				some, kill = e.filter(part)
				rest = append(rest, some...)
			}
			if string(rest) != test.rest || kill != test.kill {
				t.Errorf("%q in parts of %d: %q, %v; want %q, %v", test.typed, size, rest, kill, test.rest, test.kill)
			}
		}
	}
}

// TestModes: what a program has set and not set back is undone, the second screen first, and nothing else.
func TestModes(t *testing.T) {
	for _, test := range []struct{ printed, undo string }{
		{"plain text\x1b[31m", ""},
		{"\x1b[?2004h$ \x1b[?2004l\r", ""},
		{"\x1b[?2004h\x1b[?1049h\x1b[?25l\x1b[?1000;1006h", "\x1b[?1049l\x1b[?1000l\x1b[?1006l\x1b[?2004l\x1b[?25h"},
		{"\x1b[?25l\x1b[?7l\x1b[?25h", "\x1b[?7h"},
		{"\x1b\x1b[?12h\x1b[?x5h\x1b[5h", "\x1b[?12l"},
		{"\x1b[?" + strings.Repeat("1;", 100) + "9h", ""},
	} {
		for size := 1; size <= len(test.printed); size++ {
			var out bytes.Buffer
			m := modes{w: &out}
			for part := range slices.Chunk([]byte(test.printed), size) {
				m.Write(part)
			}
			if undo := m.undo(); undo != test.undo || out.String() != test.printed {
				t.Errorf("%q in parts of %d: undone with %q, want %q; passed on %q", test.printed, size, undo, test.undo, &out)
			}
			if again := m.undo(); again != "" {
				t.Errorf("%q: undone twice, with %q", test.printed, again)
			}
		}
	}
}

// TestTestFlag reads the flags of a Go test program as package flag does.
func TestTestFlag(t *testing.T) {
	args := []string{"-test.v=true", "--test.coverprofile=a.out", "-test.timeout", "1m", "-test.trace=", "x", "--",
		"-test.cpuprofile=b"}
	for name, want := range map[string]string{
		"coverprofile": "a.out", "timeout": "1m", "trace": "", "cpuprofile": "", "v": "true", "memprofile": "",
	} {
		if got := testFlag(args, name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if got := testLimit(args); got != time.Minute+killReserve {
		t.Errorf("the limit is %s", got)
	}
	if got := testLimit([]string{"-test.timeout=0s"}) + testLimit(nil) + testLimit([]string{"-test.timeout=x"}); got != 0 {
		t.Errorf("without a timeout the limit is %s", got)
	}
}

// TestTestEnv: nothing of the environment goes to the guest that is not a test runner's.
func TestTestEnv(t *testing.T) {
	got := testEnv([]string{"HOME=/home/me", "AWS_SECRET_ACCESS_KEY=x", "GODEBUG=a=b", "GOPROXY=https://user:secret@x",
		"RUST_TEST_THREADS=1", "CARGO_REGISTRY_TOKEN=x", "CARGO_PKG_NAME=n", "GOFLAGS=-x", "PATH=/bin"})
	if want := []string{"GODEBUG=a=b", "RUST_TEST_THREADS=1", "CARGO_PKG_NAME=n"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestReturned: a guest puts files where the runner asked for them, and nowhere else.
func TestReturned(t *testing.T) {
	dir := t.TempDir()
	sources, empty, cover := filepath.Join(dir, "sources"), filepath.Join(dir, "empty"), filepath.Join(dir, "cover")
	for _, d := range []string{sources, empty, cover} {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(sources, "a.go"), []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(sources, filepath.Join(empty, "link")); err != nil {
		t.Fatal(err)
	}
	var cmd kmodlab.Command
	r := returned{ctx: t.Context()}
	expect := func(args []string, dir, coverage string) map[string]kmodlab.Fetch {
		fetches := make(map[string]kmodlab.Fetch)
		cmd.Fetch = nil
		for _, f := range testFiles(args, dir, coverage) {
			r.expect(&cmd, f)
		}
		for _, f := range cmd.Fetch {
			fetches[f.Guest] = f
		}
		return fetches
	}
	os.Remove(filepath.Join(empty, "link"))
	f := expect([]string{"-test.outputdir=" + empty, "-test.cpuprofile=cpu.out"}, sources, cover)
	os.Symlink(sources, filepath.Join(empty, "link"))
	f[filepath.Join(empty, "cpu.out")].Take("", []byte("profile"))
	f[empty].Take("sub/more", []byte("more"))
	f[cover].Take("covmeta.0123abc", []byte("meta"))
	f[cover].Take("evil_test.go", []byte("package evil"))
	for _, evil := range []string{"../evil", "/etc/evil", "link/evil", "link"} {
		f[empty].Take(evil, []byte("evil"))
	}
	f = expect([]string{"-test.outputdir=" + sources, "-test.coverprofile=c.out"}, dir, "")
	f[filepath.Join(sources, "c.out")].Take("", []byte("mode: set"))
	f[sources].Take("a.go", []byte("package evil"))
	f[sources].Take("b_test.go", []byte("package evil"))

	var found []string
	filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			data, _ := os.ReadFile(path)
			rel, _ := filepath.Rel(dir, path)
			found = append(found, rel+" "+string(data))
		}
		return err
	})
	want := []string{"cover/covmeta.0123abc meta", "empty/cpu.out profile", "empty/link evil", "empty/sub/more more",
		"sources/a.go mine", "sources/c.out mode: set"}
	if !slices.Equal(found, want) {
		t.Errorf("found\n%s\nwant\n%s", strings.Join(found, "\n"), strings.Join(want, "\n"))
	}
	if r.failed == nil || strings.Count(r.failed.Error(), "\n") != 2 {
		t.Errorf("the refusals are %v", r.failed)
	}
}

// TestConcludeCommand: the exit status is the program's own where the kernel and the lab have nothing to say.
func TestConcludeCommand(t *testing.T) {
	for _, test := range []struct {
		class result.Class
		test  result.Test
		want  int
	}{
		{result.Pass, result.Test{PID: 9}, 0},
		{result.TestFailed, result.Test{PID: 9, Exit: 7}, 7},
		{result.TestFailed, result.Test{PID: 9, Exit: 139, Signal: "SIGSEGV"}, 139},
		{result.TestFailed, result.Test{Exit: -1}, 127},
		{result.TestFailed, result.Test{PID: 9}, 1},
		{result.TestFailed, result.Test{PID: 9, Exit: 137, TimedOut: true}, 1},
		{result.Pass, result.Test{PID: 9, Exit: 3}, 3},
		{result.Oops, result.Test{PID: 9}, 1},
		{result.Oops, result.Test{PID: 9, Exit: 7}, 1},
		{result.Host, result.Test{PID: 9}, 3},
	} {
		res := &result.Result{Tests: []result.Test{test.test}, Verdict: result.Verdict{Class: test.class}}
		var errOut bytes.Buffer
		if got := conclusion(concludeCommand(nil, res, &errOut), &errOut); got != test.want || errOut.Len() > 0 {
			t.Errorf("%s, %+v: status %d, want %d; %s", test.class, test.test, got, test.want, &errOut)
		}
	}
}
