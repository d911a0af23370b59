// SPDX-License-Identifier: MIT

package printk

import "testing"

// TestWords: a line is a module's own if a string of its file makes all of it, and could make little else.
func TestWords(t *testing.T) {
	words := Words{
		fileOf("\x013rcu: INFO: rcu_preempt self-detected stall on CPU\n", "\x013BUG: %s\n", "INFO: task worker:12 blocked"),
		fileOf("\x014watchdog: BUG: soft lockup - CPU#%d stuck for %us! [%s:%d]\n", "\x010first\nBUG: short\n",
			"\x013UBSAN: %s in %s:%d\n", "\x013BUG: %s at %s:%d\n"),
	}
	for line, want := range map[string]bool{
		"rcu: INFO: rcu_preempt self-detected stall on CPU":              true,
		"INFO: task worker:12 blocked":                                   true,
		"INFO: task worker:12 blocked for more than 120 seconds.":        false, // it only begins so
		"watchdog: BUG: soft lockup - CPU#1 stuck for 26s! [worker:130]": true,
		"BUG: short": true,
		"UBSAN: shift-out-of-bounds in gadget.c:33":                     true,
		"BUG: sleeping function called from invalid context at mm.c:33": false, // "BUG: %s at %s:%d" neither
		"BUG: unable to handle page fault for address: 0":               false, // "BUG: %s" proves nothing
		"WARNING: CPU: 0 PID: 1 at mm/slub.c:1 f+0x1/0x2":               false,
	} {
		if got := words.Print(line); got != want {
			t.Errorf("%q: printed %v, want %v", line, got, want)
		}
	}
}

// TestFirstToGo: of two modules whose exits print the same, the one that goes first has printed the first line.
func TestFirstToGo(t *testing.T) {
	module := func(name string, life Life) Module {
		m := Module{Name: name, Studied: true, File: fileOf("^6driver removed\n"), Lives: []Life{life}}
		m.File.own[0].Exit = true
		return m
	}
	modules := []Module{module("one", Life{1_000, 2_000, 9_000}), module("two", Life{3_000, 4_000, 8_000})}
	for us, want := range map[int64]string{7_900: "two", 8_500: "one"} {
		said := Attribute([]Line{{US: us, Level: 6, Text: "driver removed"}}, modules, func(string) bool { return false })
		if len(said) != 1 || said[0].Module != want {
			t.Errorf("at %d µs: %+v, want %q", us, said, want)
		}
	}
}

// TestNoLevel: a line was printed without a level if its format has none, and the log has the kernel's own level. That
// of a format which begins with %s may be an argument, and a text from a table has the level of its format.
func TestNoLevel(t *testing.T) {
	modules := []Module{{
		Name: "m", Studied: true, Lives: []Life{{1_000, 2_000, 9_000}},
		File: fileOf("level of its own\n", "%sby an argument: %d\n", "INFO: a text of a table", "by an argument: 2"),
	}}
	for _, tt := range []struct {
		text  string
		level int
		want  bool
	}{
		{"level of its own", 4, true}, {"level of its own", 3, false},
		{"by an argument: 1", 4, false}, {"by an argument: 1", 3, false}, {"by an argument: 2", 4, false},
		{"INFO: a text of a table", 3, false},
	} {
		said := Attribute([]Line{{US: 5_000, Level: tt.level, Text: tt.text}}, modules, func(string) bool { return false })
		if len(said) != 1 || said[0].Default != tt.want {
			t.Errorf("%q at level %d: %+v", tt.text, tt.level, said)
		}
	}
	modules[0].File = fileOf("a text\n", "%s%s\n")
	said := Attribute([]Line{{US: 5_000, Level: 4, Text: "a text"}}, modules, func(string) bool { return false })
	if len(said) != 1 || said[0].Default {
		t.Errorf("a level and a text may both be arguments: %+v", said)
	}
}
