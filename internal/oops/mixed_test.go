// SPDX-License-Identifier: MIT

package oops

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmodlab/kmodlab/result"
)

// twoLockups are the reports of two CPUs, one after the other, as a kernel
// printed them.
func twoLockups(t *testing.T) (one, two []string) {
	t.Helper()
	console, err := os.ReadFile("testdata/corpus/6.1-two-lockups.log")
	if err != nil {
		t.Fatal(err)
	}
	var reports [][]string
	for line := range strings.Lines(string(console)) {
		line = strings.TrimSuffix(line, "\n")
		if strings.Contains(line, "BUG: soft lockup") {
			reports = append(reports, nil)
		}
		if n := len(reports); n > 0 {
			reports[n-1] = append(reports[n-1], line)
		}
	}
	if len(reports) != 2 {
		t.Fatalf("%d reports in the log", len(reports))
	}
	return reports[0], reports[1]
}

// interleave takes lines of the two in turn, with the caller's mark if callers is set.
func interleave(one, two []string, callers bool) []byte {
	var b strings.Builder
	put := func(lines []string, i int, caller string) {
		if i >= len(lines) {
			return
		}
		if callers {
			stamp, text, _ := strings.Cut(lines[i], "] ")
			fmt.Fprintf(&b, "%s][%7s] %s\n", stamp, caller, text)
			return
		}
		fmt.Fprintln(&b, lines[i])
	}
	for i := range max(len(one), len(two)) {
		put(one, i, "C0")
		put(two, i, "C1")
	}
	return []byte(b.String())
}

// TestInterleavedCallers: with the callers' marks, nothing is lost and nothing is attributed to the other.
func TestInterleavedCallers(t *testing.T) {
	one, two := twoLockups(t)
	want := Parse([]byte(strings.Join(append(one[:len(one):len(one)], two...), "\n")))
	got := Parse(interleave(one, two, true))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-one after the other +interleaved):\n%s", diff)
	}
}

// TestInterleavedByContent: without marks, each report gets the lines that only one of them can need, and both say that
// they may contain the other's.
func TestInterleavedByContent(t *testing.T) {
	one, two := twoLockups(t)
	got := Parse(interleave(one, two, false))
	if len(got) != 2 {
		t.Fatalf("%d reports: %s", len(got), describe(got))
	}
	for i, want := range Parse([]byte(strings.Join(append(one[:len(one):len(one)], two...), "\n"))) {
		g := got[i]
		if g.Title != want.Title || *g.CPU != *want.CPU || *g.Task != *want.Task || len(g.Taint) != len(want.Taint) ||
			len(g.Registers) != len(want.Registers) {
			t.Errorf("report %d: %s\nwant %s", i, describe(got[i:i+1]), describe([]result.Crash{want}))
		}
		if !g.Mixed {
			t.Errorf("report %d does not say that it may be mixed", i)
		}
	}
}

// TestTruncated: a report that ends with the console, or that another one interrupts, says so.
func TestTruncated(t *testing.T) {
	console, err := os.ReadFile("testdata/corpus/6.1-null.log")
	if err != nil {
		t.Fatal(err)
	}
	whole := Parse(console)
	if len(whole) != 1 || whole[0].Truncated {
		t.Fatalf("the whole log: %s", describe(whole))
	}
	end := strings.Index(string(console), "---[ end trace")
	for _, at := range []string{"Hardware name", "Call Trace:", "kthread+0x", "---[ end trace"} {
		cut := string(console[:strings.Index(string(console[:end+len("---[ end trace")]), at)])
		got := Parse([]byte(cut))
		if len(got) != 1 || !got[0].Truncated || got[0].Type != "null-dereference" {
			t.Errorf("cut at %q: %s", at, describe(got))
		}
		got = Parse([]byte(cut +
			"\n[   99.000000] Kernel panic - not syncing: stack-protector\n[   99.100000] Kernel Offset: disabled\n"))
		if len(got) != 2 || !got[0].Truncated || got[1].Class != result.Panic || got[1].Truncated {
			t.Errorf("broken off by a panic at %q: %s", at, describe(got))
		}
	}
}

// TestBlame: frames that the kernel is sure of take precedence over stack leftovers, and only modules under test are
// blamed.
func TestBlame(t *testing.T) {
	frame := func(function, module string, reliable bool) result.Frame {
		return result.Frame{Function: function, Module: module, Reliable: reliable}
	}
	frames := []result.Frame{frame("kfree", "", true), frame("old", "mine", false), frame("queue", "virtio", true),
		frame("work", "mine", true), frame("again", "mine", true)}
	inlined := []result.Frame{{Function: "list_add", Module: "mine", Reliable: true, Inlined: true},
		{Function: "peek", Module: "mine", Reliable: true, Inlined: true, Source: []result.Line{{Number: 1}}},
		frame("work", "mine", true)}
	tests := []struct {
		name    string
		frames  []result.Frame
		modules []string
		want    int
	}{
		{"mine", frames, []string{"mine"}, 3},
		{"any", frames, nil, 2},
		{"none", frames, []string{"absent"}, -1},
		{"only found on the stack", frames[:2], []string{"mine"}, 1},
		{"inlined from a header", inlined, []string{"mine"}, 1},
		{"no frames", nil, nil, -1},
	}
	for _, tt := range tests {
		c := result.Crash{Frames: tt.frames}
		Blame(&c, tt.modules)
		if got := c.Guilty; (got == nil) != (tt.want < 0) || got != nil && *got != tt.want {
			t.Errorf("%s: %v, want %d", tt.name, c.GuiltyFrame(), tt.want)
		}
	}
}
