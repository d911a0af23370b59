// SPDX-License-Identifier: MIT

package guest

import (
	"os"
	"slices"
	"testing"
)

func TestParseStat(t *testing.T) {
	const rest = " R 2 0 0 0 -1 2129984 0 0 0 0 3 40 0 0 20 0 1 0 35 0 0"
	for name, stat := range map[string]string{"K1": "89 (K1)", "a) R (b": "89 (a) R (b)"} {
		got, ok := parseStat([]byte(stat + rest))
		if !ok || got.Comm != name || got.State != "R" || !got.Kernel || got.ticks != 43 {
			t.Errorf("%q: %+v, %v", stat, got, ok)
		}
	}
	for _, bad := range []string{"", "89", "89 )x(", "89 (K1) R 2", "89 (K1"} {
		if got, ok := parseStat([]byte(bad)); ok {
			t.Errorf("%q: %+v", bad, got)
		}
	}
}

func TestParseStack(t *testing.T) {
	got := parseStack([]byte("[<0>] kthread_stop+0x66/0x140\n[<0>] out+0x9/0x1a [deaf]\nnoise\n"))
	if want := []string{"kthread_stop+0x66", "out+0x9 [deaf]"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestAppendNames: what is deeper than asked for, and processes, are left out.
func TestAppendNames(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(dir+"/a/b/c", 0o755); err != nil {
		t.Fatal(err)
	}
	if got, want := appendNames(nil, dir, 2), []string{dir + "/a", dir + "/a/b"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	for _, name := range appendNames(nil, "/proc", 1) {
		if name == "/proc/1" || name == "/proc/sys" {
			t.Errorf("%s is listed", name)
		}
	}
}

func TestBacktraceLine(t *testing.T) {
	for record, want := range map[string]string{
		"4,1,2,-;NMI backtrace for cpu 1\n":   "NMI backtrace for cpu 1",
		"4,1,2,-; kthread+0xda/0x100\n":       " kthread+0xda/0x100",
		"3,1,2,-;line 7 of a story\n SUB=x\n": "",
		"no record":                           "",
	} {
		if got := string(backtraceLine([]byte(record))); got != want {
			t.Errorf("%q: %q, want %q", record, got, want)
		}
	}
}
