// SPDX-License-Identifier: MIT

package lanes

import (
	"slices"
	"testing"

	"github.com/kmodlab/kmodlab/result"
)

// marked returns the lanes with a mark, and the event of each.
func marked(s *Story) (lanes []Lane, events []Event) {
	for i := range s.Lanes {
		if s.Lanes[i].Mark == "" {
			continue
		}
		lanes = append(lanes, s.Lanes[i])
		for _, e := range s.Events {
			if e.Lane == i && e.Moment == "crash" {
				events = append(events, e)
			}
		}
	}
	return lanes, events
}

// TestCrashMark: the task that the kernel reports is marked, whatever the trace saw of it.
func TestCrashMark(t *testing.T) {
	at := func(ns int64) *int64 { return &ns }
	thread := result.Thread{Name: "a_thread_with_a_long_name", PID: 124, Stages: result.ThreadStages{
		Requested: at(0), PickedUp: at(10), FirstRun: at(20), Woken: at(30), Function: at(40)}}
	ended := thread
	ended.Stages.Exited = at(900)
	module := result.Module{Name: "m", LoadedNS: at(5), By: &result.Task{Comm: "modprobe", PID: 103}, InitMS: 0.0005}
	oops := func(comm string, pid int) result.Crash {
		return result.Crash{Class: result.Oops, Type: "null-dereference", Title: "BUG: x",
			Task: &result.Task{Comm: comm, PID: pid}}
	}
	for _, c := range []struct {
		name       string
		threads    []result.Thread
		crash      result.Crash
		lane, mark string
		at         int64
	}{
		{"a thread whose end was seen", []result.Thread{ended}, oops("a_thread_with_a", 124),
			"a_thread_with_a_long_name[124]", "crashed", 900},
		{"a thread whose end was not seen", []result.Thread{thread}, oops("a_thread_with_a", 124),
			"a_thread_with_a_long_name[124]", "crashed", 40},
		{"a thread of a process", []result.Thread{thread}, oops("modprobe", 106), "modprobe[103]", "crashed", 505},
		{"a task that did nothing else", []result.Thread{thread}, oops("kworker/0:1", 9), "kworker/0:1[9]", "crashed", 40},
		{"an interrupt of the idle task", []result.Thread{thread}, oops("swapper/1", 0), "swapper/1[0]", "crashed", 40},
		{"a task that hangs", []result.Thread{ended}, result.Crash{Class: result.Hung, Type: "hung-task",
			Task: &result.Task{Comm: "modprobe", PID: 103}}, "modprobe[103]", "hangs", 505},
		{"a warning", []result.Thread{ended}, result.Crash{Class: result.Oops, Type: "refcount", Title: "WARNING: x",
			Task: &result.Task{Comm: "modprobe", PID: 103}}, "modprobe[103]", "warning", 505},
		{"a lockup", []result.Thread{ended}, result.Crash{Class: result.Lockup, Type: "soft-lockup",
			Task: &result.Task{Comm: "a_thread_with_a", PID: 124}}, "a_thread_with_a_long_name[124]", "lockup", 900},
	} {
		r := &result.Result{Threads: c.threads, Modules: []result.Module{module}, Crashes: []result.Crash{c.crash, c.crash}}
		s := Build(r)
		check(t, s)
		found, events := marked(s)
		if len(found) != 1 || len(events) != 1 {
			t.Errorf("%s: %d lanes are marked, by %d events", c.name, len(found), len(events))
			continue
		}
		if l, e := &found[0], events[0]; l.Title() != c.lane || l.Mark != c.mark || l.Background || e.At != c.at ||
			!e.Point || e.Tone != Bad {
			t.Errorf("%s: %s is marked %q at %d: %+v", c.name, l.Title(), l.Mark, e.At, e)
		}
	}
}

// TestCrashOfRealRun: the thread that crashed is marked, and its mended sister of the same name is not.
func TestCrashOfRealRun(t *testing.T) {
	r := golden(t, "null_thread")
	found, _ := marked(Build(r))
	if len(found) != 1 || found[0].PID != r.Crashes[0].Task.PID || found[0].Kind != Kthread {
		t.Errorf("marked: %+v", found)
	}
	r.Crashes = nil
	if found, _ := marked(Build(r)); len(found) != 0 {
		t.Errorf("without a report, %+v is marked", found)
	}
	r.Crashes = []result.Crash{{Class: result.Panic, Title: "Kernel panic"}} // of no task
	if found, _ := marked(Build(r)); len(found) != 0 {
		t.Errorf("by a report of no task, %+v is marked", found)
	}
}

// TestCrashToldOnce: the report's title is not in the story; whoever shows the story shows the report.
func TestCrashToldOnce(t *testing.T) {
	r := golden(t, "null_thread")
	if slices.ContainsFunc(Build(r).Events, func(e Event) bool { return e.What == r.Crashes[0].Title }) {
		t.Error("the story repeats the report's title")
	}
}
