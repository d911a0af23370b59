// SPDX-License-Identifier: MIT

package oops

import (
	"strings"
	"testing"

	"github.com/kmodlab/kmodlab/result"
)

func TestMerge(t *testing.T) {
	// A letter is a kind of report; + has more frames, - is cut off.
	list := func(names string) (crashes []result.Crash) {
		for _, name := range strings.Fields(names) {
			c := result.Crash{Type: name[:1], Title: name, Truncated: strings.HasSuffix(name, "-"),
				Frames: make([]result.Frame, 1)}
			if strings.HasSuffix(name, "+") {
				c.Frames = make([]result.Frame, 5)
			}
			crashes = append(crashes, c)
		}
		return crashes
	}
	tests := []struct{ name, console, log, want string }{
		{"the same", "a b", "a b", "a b"},
		{"nothing", "", "", ""},
		{"the log is cut off by the panic", "a p", "a-", "a p"},
		{"the console has no trace", "h-", "h+", "h+"},
		{"only in the log", "a b", "o a b", "o a b"},
		{"in between", "a b", "a o b", "a o b"},
		{"no log", "a b", "", "a b"},
		{"no console", "", "a b", "a b"},
		{"the console lost nothing", "a+", "a", "a+"},
		{"twice the same kind", "a- a", "a+ a", "a+ a"},
	}
	for _, tt := range tests {
		var got []string
		for _, c := range Merge(list(tt.console), list(tt.log)) {
			got = append(got, c.Title)
		}
		if s := strings.Join(got, " "); s != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, s, tt.want)
		}
	}
	one := []result.Crash{{Type: "hung-task", Task: &result.Task{PID: 1}}}
	two := []result.Crash{{Type: "hung-task", Task: &result.Task{PID: 2}}}
	if got := Merge(one, two); len(got) != 2 {
		t.Errorf("two tasks make %d reports", len(got))
	}
}

// TestMergeMessage: a WARNING's message may be clear in the log alone.
func TestMergeMessage(t *testing.T) {
	said := result.Crash{Type: "warning", Title: "WARNING: too many at m.c:1"}
	silent := result.Crash{Type: "warning", Title: "WARNING at m.c:1"}
	for _, pair := range [][2]result.Crash{{silent, said}, {said, silent}} {
		if got := Merge(pair[:1], pair[1:]); len(got) != 1 || got[0].Title != said.Title {
			t.Errorf("%q and %q: %+v", pair[0].Title, pair[1].Title, got)
		}
	}
}
