// SPDX-License-Identifier: MIT

package oops

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/kmodlab/kmodlab/result"
)

// TestGolden reads testdata: the expected crashes, one per line with class and title, then an empty line, then the
// console.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d files in testdata, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			want, log, _ := bytes.Cut(append([]byte("\n"), data...), []byte("\n\n"))
			for name, console := range map[string][]byte{
				"as it is": log, "with CR": bytes.ReplaceAll(log, []byte("\n"), []byte("\r\n")),
				"no last newline": bytes.TrimSuffix(log, []byte("\n")),
			} {
				var got strings.Builder
				for _, c := range Parse(console) {
					fmt.Fprintf(&got, "%s %s\n", c.Class, c.Title)
				}
				if diff := cmp.Diff(strings.TrimSpace(string(want)), strings.TrimSpace(got.String())); diff != "" {
					t.Errorf("%s (-want +got):\n%s", name, diff)
				}
			}
		})
	}
}

// TestLog: the report's own lines and no others, without prefixes.
func TestLog(t *testing.T) {
	tests := []struct {
		file, first, last string
		lines             int
	}{
		{"null_deref.txt", "BUG: kernel NULL pointer dereference, address: 0000000000000578",
			"RSP: 0018:ffffa3c6c02f7e68 EFLAGS: 00010286", 23},
		{"refcount_then_oops.txt", "refcount_t: addition on 0; use-after-free.", "---[ end trace 0000000000000000 ]---", 17},
		{"hung_task.txt", "INFO: task modprobe:85 blocked for more than 5 seconds.", " </TASK>", 15},
		{"callers_glued.txt", "WARNING: CPU: 0 PID: 89 at kernel/kthread.c:659 kthread_park+0x7f/0x90",
			"---[ end trace 0000000000000000 ]---", 7},
	}
	for _, tt := range tests {
		t.Run(tt.file, func(t *testing.T) {
			data, err := os.ReadFile(filepath.Join("testdata", tt.file))
			if err != nil {
				t.Fatal(err)
			}
			_, console, _ := bytes.Cut(data, []byte("\n\n"))
			log := Parse(console)[0].Log
			if len(log) != tt.lines || log[0] != tt.first || log[len(log)-1] != tt.last {
				t.Errorf("%d lines, want %d:\n%s", len(log), tt.lines, strings.Join(log, "\n"))
			}
		})
	}
}

func TestBounds(t *testing.T) {
	one := "[    1.000000] BUG: bad things\n" + strings.Repeat("[    1.000001]  line "+strings.Repeat("x", 900)+"\n", 200)
	crashes := Parse([]byte(strings.Repeat(one, 50)))
	if len(crashes) != maxCrashes {
		t.Fatalf("%d crashes, want %d", len(crashes), maxCrashes)
	}
	for _, c := range crashes {
		if len(c.Log) > maxLogLines+1 || len(c.Log[1]) > maxLineBytes+4 {
			t.Fatalf("%d lines, %d bytes", len(c.Log), len(c.Log[1]))
		}
		if !strings.Contains(c.Log[len(c.Log)-1], "not shown") {
			t.Fatal("lines are missing, and the log does not say so")
		}
	}
}

func TestClass(t *testing.T) {
	data, err := os.ReadFile("testdata/refcount_then_oops.txt")
	if err != nil {
		t.Fatal(err)
	}
	if got := Class(Parse(data)); got != result.Oops {
		t.Errorf("%s", got)
	}
	if got := Class(Parse([]byte("all is well\n"))); got != result.Pass {
		t.Errorf("%s", got)
	}
}

func FuzzParse(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.txt")
	corpus, _ := filepath.Glob("testdata/corpus/*.log")
	files = append(files, corpus...)
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		check(t, data)
	})
}

// check checks that what Parse makes of any bytes keeps its promises.
func check(t *testing.T, data []byte) {
	t.Helper()
	crashes := Parse(data)
	if len(crashes) > maxCrashes {
		t.Fatalf("%d crashes", len(crashes))
	}
	for _, c := range crashes {
		if c.Title == "" || len(c.Title) > 3*maxLineBytes || !utf8.ValidString(c.Title) || len(c.Log) == 0 ||
			c.Class.ExitStatus() != 1 {
			t.Fatalf("%+v", c)
		}
		if c.Type == "" || len(c.Frames) > maxFrames || c.Guilty != nil && c.GuiltyFrame() == nil ||
			c.CPU != nil && *c.CPU < 0 {
			t.Fatalf("%+v", c)
		}
		for _, f := range c.Frames {
			if f.Function == "" && f.Address == 0 && f.Place() != "0x0" || !utf8.ValidString(f.Place()) {
				t.Fatalf("%+v", f)
			}
		}
		for _, line := range c.Log {
			if !utf8.ValidString(line) || strings.Contains(line, "\n") {
				t.Fatalf("%q", line)
			}
		}
	}
}

// TestMutations truncates and garbles the golden logs in a fixed sequence.
func TestMutations(t *testing.T) {
	files, _ := filepath.Glob("testdata/*.txt")
	corpus, _ := filepath.Glob("testdata/corpus/*.log")
	files = append(files, corpus...)
	var logs [][]byte
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		logs = append(logs, data)
	}
	r := rand.New(rand.NewPCG(1, 1))
	for range 600 {
		a, b := logs[r.IntN(len(logs))], logs[r.IntN(len(logs))]
		data := append(bytes.Clone(a[:r.IntN(len(a))]), b[r.IntN(len(b)):]...)
		for range r.IntN(40) {
			data[r.IntN(len(data))] = byte(r.Uint32())
		}
		check(t, data)
	}
}

// TestFortify: the line that FORTIFY_SOURCE prints before its BUG is the report's message, also where it is that of a
// WARNING just before (since 6.9).
func TestFortify(t *testing.T) {
	const trace = "CPU: 1 PID: 121 Comm: modprobe Tainted: G           OE       6.1.0 #1\n" +
		"RIP: 0010:fortify_panic+0xf/0x11\nCall Trace:\n <TASK>\n m_init+0x1d/0x1000 [m]\n </TASK>\n" +
		"---[ end trace 0000000000000000 ]---\n"
	const cut, bug = "------------[ cut here ]------------\n", "kernel BUG at lib/string_helpers.c:1027!\ninvalid opcode: 0000 [#1]\n"
	for _, console := range []string{
		"detected buffer overflow in memcpy\n" + cut + bug + trace,
		cut + "memcpy: detected buffer overflow: 40 byte write of buffer size 16\n" +
			"WARNING: lib/string_helpers.c:1036 at __fortify_report+0x4f/0x90, CPU#1: modprobe/121\n" + trace + cut + bug + trace,
	} {
		all := Parse([]byte(console))
		c := all[Decisive(all)]
		if c.Type != "string-overflow" || !strings.HasPrefix(c.Title, "BUG: ") ||
			!strings.Contains(c.Title, "detected buffer overflow") || !strings.Contains(c.Log[0], "detected buffer overflow") {
			t.Errorf("%s: %s: %q", c.Type, c.Title, c.Log)
		}
	}
}

// TestSameFile: what a file of the kernel printed just before it warned is what the WARNING says.
func TestSameFile(t *testing.T) {
	const warning = "WARNING: kernel/workqueue.c:5938 at __alloc_workqueue+0x6be/0x7a0, CPU#1: modprobe/114\n" +
		"[   19.800000] RIP: 0010:__alloc_workqueue+0x6c1/0x7a0\n"
	const ofFile = "WARNING at kernel/workqueue.c"
	for before, want := range map[string]string{
		"[   19.717089] workqueue: m has no flag.\n[   19.718573] ": "WARNING: workqueue: m has no flag",
		"[   19.717089] m: hello\n[   19.719573] ":                  ofFile,
		"[    1.717089] workqueue: other\n[   19.719573] ":          ofFile,
	} {
		crashes := Parse([]byte(before + warning))
		if len(crashes) != 1 || !strings.HasPrefix(crashes[0].Title, want) {
			t.Errorf("%q: %+v", before, crashes)
		}
	}
}
