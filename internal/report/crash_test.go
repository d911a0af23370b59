// SPDX-License-Identifier: MIT

package report

import (
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
