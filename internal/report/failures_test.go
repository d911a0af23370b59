// SPDX-License-Identifier: MIT

package report

import (
	"strings"
	"testing"

	"github.com/kmodlab/kmodlab/result"
)

// TestFailuresInStory: a call that was made to fail is at its time, with its place; one that was not is told as well.
func TestFailuresInStory(t *testing.T) {
	loaded, at := int64(0), int64(2e6)
	by := &result.Task{Comm: "modprobe", PID: 104}
	r := &result.Result{
		Machine: result.Machine{Kernel: "6.1.0"},
		Modules: []result.Module{{Name: "victim", Loaded: true, LoadedNS: &loaded, By: by}},
		Failures: []result.FailedCall{
			{
				Function: "kmalloc", Module: "victim", Nth: 2, Calls: 3, Made: true, Returned: "NULL", AtNS: &at, By: by,
				Site: "start+0x42 [victim]", File: "victim.c", Line: 6,
			},
			{Function: "kmalloc", Module: "victim", Nth: 4, Calls: 3},
			{Function: "vmalloc", Module: "victim", Nth: 1},
			{Function: "kstrdup", Module: "victim", Nth: 1, Unknown: "the machine did not answer\x1b[2J"},
		},
	}
	text := textOf(t, r, TextOptions{})
	for _, want := range []string{
		"modprobe[104] call 2 of kmalloc was made to return NULL in start+0x42 [victim] (victim.c:6)",
		"victim made only 3 calls of kmalloc, so call 4 was not made to fail.",
		"victim made no call of vmalloc, so none was made to fail.",
		"Whether call 1 of kstrdup failed is not known: the machine did not answer",
	} {
		if !strings.Contains(strings.Join(strings.Fields(text), " "), want) {
			t.Errorf("it lacks %q:\n%s", want, text)
		}
	}
	if strings.Contains(text, "\x1b[2J") {
		t.Error("control characters are not neutral")
	}
}

// TestExitsInStory: a task that ended is at the call that was to use it.
func TestExitsInStory(t *testing.T) {
	loaded, at := int64(0), int64(2e6)
	by := &result.Task{Comm: "K2", PID: 45}
	exit := result.TargetExit{
		Target: "sleep", Module: "send", Nth: 1, Uses: 1, Made: true, Ended: true, Reaped: true, PID: 77,
		Function: "get_pid_task", AtNS: &at, By: by, Site: "find+0x42 [send]", File: "send.c", Line: 6,
	}
	zombie, alive := exit, exit
	zombie.Reaped = false
	alive.Ended, alive.Reaped = false, false
	r := &result.Result{
		Machine: result.Machine{Kernel: "6.1.0"},
		Modules: []result.Module{{Name: "send", Loaded: true, LoadedNS: &loaded, By: by}},
		Exits: []result.TargetExit{
			exit, zombie, alive, {Target: "sleep", Module: "send", Nth: 2, Uses: 1},
			{Target: "x\x1b[2J", Module: "send", Nth: 1},
		},
	}
	text := textOf(t, r, TextOptions{})
	for _, want := range []string{
		"K2[45] get_pid_task waits until sleep[77] was ended and is gone in find+0x42 [send] (send.c:6)",
		"get_pid_task waits until sleep[77] was ended, for which nobody has waited in find+0x42 [send]",
		"get_pid_task waits for the end of sleep[77], which got SIGKILL and did not end in find+0x42 [send]",
		"send used a task named sleep only 1 time, so none was ended before use 2.",
	} {
		if !strings.Contains(strings.Join(strings.Fields(text), " "), want) {
			t.Errorf("it lacks %q:\n%s", want, text)
		}
	}
	if strings.Contains(text, "\x1b[2J") {
		t.Error("control characters are not neutral")
	}
}
