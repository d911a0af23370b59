// SPDX-License-Identifier: MIT

package report

import (
	"fmt"
	"strings"
	"testing"

	"github.com/kmodlab/kmodlab/result"
)

// located is a crash with everything that a report can show.
func located() *result.Crash {
	guilty, cpu := 1, 1
	lines := func(first int, texts ...string) (list []result.Line) {
		for i, text := range texts {
			list = append(list, result.Line{Number: first + i, Text: text})
		}
		return list
	}
	return &result.Crash{
		Class: result.Oops, Type: "null-dereference",
		Title: "BUG: kernel NULL pointer dereference in read_box+0x14 [crasher]",
		Task:  &result.Task{Comm: "K1", PID: 89}, CPU: &cpu,
		Taint: []string{"out-of-tree module", "unsigned module"},
		Frames: []result.Frame{
			{Function: "die", Offset: 5, Size: 9},
			{Function: "peek", Module: "crasher", Inlined: true, Reliable: true, Exact: true, File: "crasher.c", Line: 32,
				Source: lines(30, "static long peek(struct box *b)", "{", "\treturn READ_ONCE(b->value);", "}", "")},
			{Function: "read_box", Offset: 0x14, Size: 0x27, Module: "crasher", Reliable: true, Exact: true, File: "crasher.c",
				Line: 1,
				Source: lines(1,
					"int\tv = peek(nowhere); /* a line that goes on and on, far beyond the right edge of any window that a person has open */", "\x1b[2Jbad")},
			{Function: "deep", Offset: 0x60, Size: 0x90, Module: "crasher", Reliable: true, File: "sub/deep.c", Line: 7},
			{Function: "deep", Offset: 0x60, Size: 0x90, Module: "crasher", Reliable: true, File: "sub/deep.c", Line: 7},
			{Function: "deep", Offset: 0x60, Size: 0x90, Module: "crasher", Reliable: true, File: "sub/deep.c", Line: 7},
			{Address: 0xffffffffc06030a1, Reliable: true},
			{Function: "kthread", Offset: 0xda, Size: 0x100, Reliable: true},
		},
		Guilty: &guilty, Truncated: true, Mixed: true, Note: "no source lines: other.ko: no debug information",
		Log: []string{"BUG: kernel NULL pointer dereference, address: 0000000000000040"},
	}
}

func TestCrashLines(t *testing.T) {
	r := &result.Result{Verdict: result.Verdict{Class: result.Oops, Message: "it crashed"},
		Crashes: []result.Crash{*located(),
			{Title: "Kernel panic: Fatal exception", Log: []string{"Kernel panic - not syncing"}}}}
	r.Crashes[0].Frames = append(r.Crashes[0].Frames, make([]result.Frame, 0, 20)...)
	for i := range 10 {
		r.Crashes[0].Frames = append(r.Crashes[0].Frames, result.Frame{Function: "caller", Offset: uint64(i), Reliable: true})
	}
	r.Normalize()
	for name, opt := range map[string]TextOptions{
		"crash_lines.txt": {}, "crash_lines_narrow.txt": {Width: 50}, "crash_lines_verbose.txt": {Verbose: true},
	} {
		got := text(t, r, opt)
		golden(t, name, got)
		checkLines(t, got, opt)
	}
}

// TestCrashFarDown: the guilty frame is shown however deep it is, without the interrupt that found the CPU stuck.
func TestCrashFarDown(t *testing.T) {
	var frames []result.Frame
	for i := range 20 {
		frames = append(frames, result.Frame{Function: "interrupt", Offset: uint64(i), Reliable: true})
	}
	frames = append(frames, result.Frame{Function: "stuck", Module: "crasher", Reliable: true, Exact: true})
	for i := range 20 {
		frames = append(frames, result.Frame{Function: "caller", Offset: uint64(i), Reliable: true})
	}
	for guilty, absent := range map[int]string{20: "interrupt", 40: "caller+0xc"} {
		r := &result.Result{Verdict: result.Verdict{Class: result.Lockup, Message: "stuck"},
			Crashes: []result.Crash{{Title: "stall", Frames: frames, Guilty: &guilty}}}
		got := string(text(t, r, TextOptions{}))
		if !strings.Contains(got, "\n→ "+frames[guilty].Place()+"\n") || strings.Contains(got, absent) {
			t.Errorf("guilty %d: want an arrow at it and no %s:\n%s", guilty, absent, got)
		}
		if got := string(text(t, r, TextOptions{Verbose: true})); !strings.Contains(got, absent) {
			t.Errorf("guilty %d: -v leaves out %s:\n%s", guilty, absent, got)
		}
	}
}

// TestRegistersBehindVerbose: the registers of a report and its instruction bytes are printed only with -v, and without
// it nothing else of the report's beginning is lost.
func TestRegistersBehindVerbose(t *testing.T) {
	log := []string{"BUG: unable to handle page fault", "RIP: 0010:f+0x13/0x50 [m]", "Code: cc cc <8b> 34",
		"RSP: 0018:ffffc900030dfee8 EFLAGS: 00000246", "RAX: 0000000000000000 RBX: 1", "RDX: 0", "RBP: 0", "R10: 0",
		"R13: 0 R14: 0", "FS:  0000(0000) GS:ffff", "CS:  0010 DS: 0000", "CR2: 0000000000000004 CR3: 0", "DR0: 0", "DR3: 0",
		"PKRU: 55555554", "Call Trace:", " kthread+0xe5/0x120"}
	r := &result.Result{Verdict: result.Verdict{Class: result.Oops, Message: "m"},
		Crashes: []result.Crash{{Title: "BUG", Log: log}}}
	short, long := string(text(t, r, TextOptions{})), string(text(t, r, TextOptions{Verbose: true}))
	for i, line := range log {
		hidden := i >= 2 && i <= 14
		if strings.Contains(short, strings.TrimSpace(line)) == hidden {
			t.Errorf("without -v, %q is shown: %v", line, !hidden)
		}
		if !strings.Contains(long, strings.TrimSpace(line)) {
			t.Errorf("-v leaves out %q", line)
		}
	}
	if !strings.Contains(short, "… 13 lines more, see --json or -v") || strings.Contains(long, "more, see") {
		t.Errorf("the lines left out are not counted:\n%s", short)
	}
}

// TestSameCrashAgain: a report that comes many times takes one line.
func TestSameCrashAgain(t *testing.T) {
	r := &result.Result{Verdict: result.Verdict{Class: result.Oops, Message: "m"}}
	for _, title := range []string{"one", "two", "two", "two", "three"} {
		r.Crashes = append(r.Crashes, result.Crash{Title: title, Log: []string{title}})
	}
	if got := string(text(t, r, TextOptions{})); !strings.Contains(got, "\nthen: two (3 times)\nthen: three\n") {
		t.Errorf("got\n%s", got)
	}
}

// TestUnprovedInOneLine: however much is not known, it stands in one line between the crash and the verdict.
func TestUnprovedInOneLine(t *testing.T) {
	r := &result.Result{Verdict: result.Verdict{Class: result.Oops, Message: "m"}, Unknown: map[string]string{}}
	r.Machine.Kernel = "6.1"
	r.Hooks = []result.Hook{{Name: "proof", Attached: true, Proved: true}}
	for _, h := range hidden {
		r.Unknown[h.kind] = "no"
		r.Hooks = append(r.Hooks, result.Hook{Name: h.kind, Attached: true, Kinds: []string{h.kind}})
	}
	n := len(hidden)
	want := fmt.Sprintf("\n%d of %d hooks not proved, so %d kinds of events not known (-v lists them)\n", n, n+1, n)
	for _, width := range []int{80, 120} {
		if got := string(text(t, r, TextOptions{Width: width})); !strings.Contains(got, want) {
			t.Errorf("%d columns: want %q in\n%s", width, want, got)
		}
	}
	got := strings.Join(strings.Fields(string(text(t, r, TextOptions{Verbose: true}))), " ")
	for _, h := range hidden {
		if !strings.Contains(got, h.words) || !strings.Contains(got, h.kind) {
			t.Errorf("-v leaves out %s", h.kind)
		}
	}
	r.Hooks, r.Unknown = r.Hooks[:2], map[string]string{hidden[0].kind: "no"}
	if got := string(text(t, r, TextOptions{})); !strings.Contains(got, "so it is not known "+hidden[0].words+" (-v)\n") {
		t.Errorf("what has room is not said:\n%s", got)
	}
}
