// SPDX-License-Identifier: MIT

package verdict

import (
	"testing"

	"github.com/kmodlab/kmodlab/result"
)

func TestTitleWithLine(t *testing.T) {
	guilty := 0
	crash := func(title string, f result.Frame) *result.Crash {
		return &result.Crash{Class: result.Oops, Title: title, Frames: []result.Frame{f}, Guilty: &guilty}
	}
	own := result.Frame{Function: "read_box", Offset: 0x14, Module: "crasher", File: "crasher.c", Line: 41}
	inlined := result.Frame{Function: "peek", Module: "crasher", Inlined: true, File: "crasher.c", Line: 32}
	tests := []struct {
		crash *result.Crash
		want  string
	}{
		{crash("BUG: NULL in read_box+0x14 [crasher]", own), "BUG: NULL in read_box+0x14 [crasher] (crasher.c:41)"},
		{crash("BUG: NULL in read_box+0x14 [crasher]", inlined), "BUG: NULL in read_box+0x14 [crasher] (crasher.c:32)"},
		{
			crash("kernel BUG at lib/list_debug.c:65 in __list_del+0x23", own),
			"kernel BUG at lib/list_debug.c:65 in __list_del+0x23, called from read_box+0x14 [crasher] (crasher.c:41)",
		},
		{
			crash("WARNING at crasher.c:41 in read_box+0x14 [crasher]", own),
			"WARNING at crasher.c:41 in read_box+0x14 [crasher]",
		},
		{
			crash("BUG: x in f+0x1 [crasher]", result.Frame{Function: "f", Offset: 1, Module: "crasher"}),
			"BUG: x in f+0x1 [crasher]",
		},
		{&result.Crash{Class: result.Oops, Title: "INFO: task modprobe hung"}, "INFO: task modprobe hung"},
	}
	for _, tt := range tests {
		if got := titleWithLine(tt.crash); got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
}

// TestNameHog: the task that allocates the last page has seldom allocated all the others.
func TestNameHog(t *testing.T) {
	zero := 0
	asked := func(module string) result.Crash {
		c := result.Crash{Class: result.Oops, Type: "oom-kill", Title: "Out of memory: someone asked for more"}
		if module != "" {
			c.Frames = []result.Frame{{Function: "take", Offset: 0x14, Module: module, File: "hog.c", Line: 27}}
			c.Guilty = &zero
		}
		return c
	}
	panicked := func(title string) result.Crash { return result.Crash{Class: result.Panic, Type: "panic", Title: title} }
	const deadlocked = "Kernel panic: System is deadlocked on memory"
	stale := func(reliable bool) result.Crash {
		c := panicked(deadlocked)
		c.Frames, c.Guilty = []result.Frame{{Function: "leave", Module: "hog", Reliable: reliable}}, &zero
		return c
	}
	for name, tt := range map[string]struct {
		crashes []result.Crash
		want    string
	}{
		"a module before": {
			[]result.Crash{asked(""), asked("hog"), asked(""), panicked(deadlocked)},
			deadlocked + "; an earlier out-of-memory report was in take+0x14 [hog] (hog.c:27)",
		},
		"a stale address": {
			[]result.Crash{asked("hog"), stale(false)},
			deadlocked + "; an earlier out-of-memory report was in take+0x14 [hog] (hog.c:27)",
		},
		"the module itself": {[]result.Crash{asked("hog"), stale(true)}, deadlocked},
		"no module":         {[]result.Crash{asked(""), panicked(deadlocked)}, deadlocked},
		"a module behind":   {[]result.Crash{panicked(deadlocked), asked("hog")}, deadlocked},
		"another panic": {
			[]result.Crash{asked("hog"), panicked("Kernel panic: out of ideas")}, "Kernel panic: out of ideas",
		},
	} {
		nameHog(tt.crashes)
		for _, c := range tt.crashes {
			if c.Class == result.Panic && c.Title != tt.want {
				t.Errorf("%s: %q, want %q", name, c.Title, tt.want)
			}
		}
	}
}
