// SPDX-License-Identifier: MIT

package guest

import (
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"
)

func TestParseStat(t *testing.T) {
	const rest = " R 2 0 0 0 -1 2129984 0 0 0 0 3 40 0 0 20 0 1 0 35 0 0"
	for name, stat := range map[string]string{"K1": "89 (K1)", "a) R (b": "89 (a) R (b)"} {
		got, ok := parseStat([]byte(stat + rest))
		if !ok || got.Comm != name || got.State != "R" || !got.Kernel || got.Ticks != 43 {
			t.Errorf("%q: %+v, %v", stat, got, ok)
		}
	}
	for _, bad := range []string{"", "89", "89 )x(", "89 (K1) R 2", "89 (K1"} {
		if got, ok := parseStat([]byte(bad)); ok {
			t.Errorf("%q: %+v", bad, got)
		}
	}
}

// TestRunsOn: by ticks if the clock counts, else by being where the kernel saw it.
func TestRunsOn(t *testing.T) {
	state := func(letter string, ticks uint64, voluntary, involuntary string) task {
		var one task
		one.count([]byte("voluntary_ctxt_switches:\t" + voluntary + "\nnonvoluntary_ctxt_switches:\t" + involuntary + "\n"))
		one.State, one.Ticks = letter, ticks
		return one
	}
	for name, tt := range map[string]struct {
		now, was task
		shown    bool
		want     bool
	}{
		"loop":                     {state("R", 60, "2", "9"), state("R", 10, "2", "7"), false, true},
		"loop without interrupts":  {state("R", 10, "2", "7"), state("R", 10, "2", "7"), true, true},
		"loop beside a printer":    {state("R", 11, "2", "9"), state("R", 10, "2", "7"), false, true},
		"the same, not ticked":     {state("R", 10, "2", "9"), state("R", 10, "2", "7"), false, true},
		"was seen, made room":      {state("R", 10, "2", "8"), state("R", 10, "2", "7"), true, true},
		"waits for a processor":    {state("R", 10, "2", "7"), state("R", 10, "2", "7"), false, false},
		"was seen, and slept":      {state("R", 10, "3", "7"), state("R", 10, "2", "7"), true, false},
		"was seen, asleep":         {state("R", 10, "2", "7"), state("S", 10, "", ""), true, false},
		"nobody counts switches":   {state("R", 10, "", ""), state("R", 10, "", ""), true, false},
		"woken a moment ago, naps": {state("R", 11, "4", "9"), state("R", 10, "2", "7"), false, false},
	} {
		if got := tt.now.runsOn(tt.was, tt.shown); got != tt.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

// TestReadTasks: a task that is known is read again only when it has run, or if the kernel does not count that.
func TestReadTasks(t *testing.T) {
	for name, tt := range map[string]struct {
		before, after string // its schedstat
		again         bool
	}{
		"has not run":        {"5000 200 7\n", "5000 200 7\n", false},
		"has run":            {"5000 200 7\n", "6000 200 8\n", true},
		"is not counted":     {"0 0 0\n", "0 0 0\n", true},
		"has no such file":   {"", "", true},
		"is counted by then": {"", "5000 200 7\n", true},
	} {
		proc := t.TempDir()
		dir := filepath.Join(proc, "89", "task", "90")
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		put := func(file, text string) {
			if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		put("stat", "90 (K1) S 2 0 0 0 -1 2129984 0 0 0 0 3 40 0 0 20 0 1 0 35 0 0")
		put("stack", "[<0>] msleep+0x29/0x30\n")
		if tt.before != "" {
			put("schedstat", tt.before)
		}
		first := readTasks(proc, nil)
		want := []string{"msleep+0x29"}
		if len(first) != 1 || first[0].PID != 90 || first[0].TGID != 89 || !slices.Equal(first[0].Stack, want) {
			t.Fatalf("%s: %+v", name, first)
		}
		put("stack", "[<0>] kthread_stop+0x66/0x110\n")
		if tt.after != "" {
			put("schedstat", tt.after)
		}
		got := readTasks(proc, map[int]task{90: first[0]})
		if len(got) != 1 || (got[0].Stack[0] != first[0].Stack[0]) != tt.again {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// TestReadRealTasks: the same with a real one. A kernel that does not count how often it runs has it read each time.
func TestReadRealTasks(t *testing.T) {
	child := exec.Command("cat")
	in, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { in.Close(); child.Wait() }()
	pid := child.Process.Pid
	seen := func(known map[int]task) task {
		for _, one := range readTasks("/proc", known) {
			if one.PID == pid {
				return one
			}
		}
		t.Fatal("the child is not seen")
		return task{}
	}
	dir := path.Join("/proc", strconv.Itoa(pid))
	known := seen(nil)
	known.Comm = "known" // is still said if it is not read again
	if known.turns = turnsOf(dir); known.turns == "" {
		if seen(map[int]task{pid: known}).Comm == "known" {
			t.Error("a task of which nothing is counted was not read again")
		}
		return
	}
	for deadline := time.Now().Add(10 * time.Second); seen(map[int]task{pid: known}).Comm != "known"; {
		if known.turns = turnsOf(dir); time.Now().After(deadline) { // it is only just starting
			t.Fatal("a task that has not run was read again")
		}
	}
	if _, err := in.Write([]byte("wake\n")); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); seen(map[int]task{pid: known}).Comm == "known"; {
		if time.Now().After(deadline) {
			t.Fatal("a task that has run was not read again")
		}
	}
}

func TestShownTasks(t *testing.T) {
	got := shownTasks([]byte("NMI backtrace for cpu 1\nCPU: 1 PID: 103 Comm: modprobe Tainted: G\nCPU: 0 UID: 0 PID: 7 Comm: PID: 8\n PID: 9 \n"))
	if len(got) != 2 || !got[103] || !got[7] {
		t.Errorf("%v", got)
	}
}

func TestCount(t *testing.T) {
	var got task
	got.count([]byte("Name:\tx\nvoluntary_ctxt_switches:\t3\nnonvoluntary_ctxt_switches:\t12\n"))
	if !got.counted || got.Slept != 3 || got.Pushed != 12 {
		t.Errorf("%+v", got)
	}
}

func TestParseStack(t *testing.T) {
	got := parseStack([]byte("[<0>] kthread_stop+0x66/0x140\n[<0>] out+0x9/0x1a [deaf]\nnoise\n"))
	if want := []string{"kthread_stop+0x66", "out+0x9 [deaf]"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
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

// TestPace: a burst is sent at once, a flood at the pace, and a quiet source may burst again.
func TestPace(t *testing.T) {
	now := time.Unix(1000, 0)
	p := pace{left: kmsgBurst}
	for i := range kmsgBurst {
		if d := p.pause(now); d != 0 {
			t.Fatalf("record %d waits %s", i, d)
		}
	}
	for i := range 3 {
		if d := p.pause(now); d != kmsgPause {
			t.Fatalf("record %d of the flood waits %s", i, d)
		}
		now = now.Add(kmsgPause)
		if d := p.pause(now); d != 0 {
			t.Fatalf("record %d of the flood waits %s longer", i, d)
		}
	}
	now = now.Add(time.Hour)
	for range kmsgBurst {
		if p.pause(now) != 0 {
			t.Fatal("no burst after an hour")
		}
	}
	if p.pause(now) == 0 {
		t.Error("more than a burst after an hour")
	}
}
