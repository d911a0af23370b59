// SPDX-License-Identifier: MIT

package verdict

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/internal/printk"
	"github.com/kmodlab/kmodlab/result"
	"github.com/kmodlab/kmodlab/tracer/event"
)

// speaking is a run of module m: its events begin at 5 s of CLOCK_MONOTONIC, its life at once, and the log's clock is
// 1 ms behind.
func speaking(log ...string) *maker {
	mark := "<15>[    4.000000] " + printk.ClockMark + "4001000000"
	m := newMaker(&evidence.Evidence{
		Studied: []string{"m"}, Trace: evidence.Trace{AgentPID: 1},
		KernelLog: []byte(strings.Join(append([]string{mark}, log...), "\n")),
	})
	m.start = 5e9
	loaded, freed, woken, exited := int64(0), int64(9e9), int64(2e9), int64(8e9)
	modprobe := &result.Task{Comm: "modprobe", PID: 104}
	m.res.Modules = []result.Module{{Name: "m", Loaded: true, InitMS: 1000, LoadedNS: &loaded, FreedNS: &freed,
		By: modprobe, FreedBy: modprobe}}
	m.res.Threads = []result.Thread{{Name: "K1", PID: 89, Function: "fn [m]",
		Stages: result.ThreadStages{Woken: &woken, Exited: &exited}}}
	return m
}

func TestMessages(t *testing.T) {
	m := speaking(
		"<6>[    4.999500] m: loading out-of-tree module taints kernel.",
		"<6>[    5.001000] m: hello",
		"<3>[    7.999000][T89] m: bad",
		"<6>[    7.999500][T7] m: from a task that nobody knows",
		"<6>[    8.000000][C1] m: in an interrupt",
		"<4>[    8.500000] other: not ours",
		"<1>[    8.600000] BUG: kernel NULL pointer dereference, address: 0000000000000000",
	)
	m.res.Crashes = []result.Crash{{Log: []string{"m: a line of the report"}}}
	m.e.Console = "[    8.700000] m: a line of the report\n[    8.800000] m: last words\n"
	at := func(ns int64) *int64 { return &ns }
	want := []result.Message{
		{AtNS: at(2e6), Level: "info", Module: "m", Task: &result.Task{Comm: "modprobe", PID: 104}, Text: "m: hello"},
		{AtNS: at(3e9), Level: "err", Module: "m", Task: &result.Task{Comm: "K1", PID: 89}, Text: "m: bad"},
		{AtNS: at(3.0005e9), Level: "info", Module: "m", Task: &result.Task{PID: 7},
			Text: "m: from a task that nobody knows"},
		{AtNS: at(3.001e9), Level: "info", Module: "m", Text: "m: in an interrupt"},
		{AtNS: at(3.801e9), Module: "m", Text: "m: last words"},
	}
	if diff := cmp.Diff(want, m.messages()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestMessagesOfBoot: what the kernel logged before the agent began is no module's, whatever fits it.
func TestMessagesOfBoot(t *testing.T) {
	m := speaking("<6>[    5.001000] m: hello")
	m.e.KernelLog = append([]byte("<6>[    1.000000] m: as a device of the boot is called\n"), m.e.KernelLog...)
	m.res.Modules = []result.Module{{Name: "m"}} // nothing is known of its life
	if got := m.messages(); len(got) != 1 || got[0].Text != "m: hello" {
		t.Errorf("the messages are %+v", got)
	}
}

// TestMessagesNamed: a caller is named by any record of its own.
func TestMessagesNamed(t *testing.T) {
	m := speaking("<6>[    5.001000][T7] m: hello")
	m.e.Trace.Events = []event.Event{{By: event.Task{PID: 7, TGID: 6, Comm: "cat"}}}
	if got := m.messages(); len(got) != 1 || got[0].Task == nil || got[0].Task.Comm != "cat" {
		t.Errorf("the messages are %+v", got)
	}
}

// Without marks in the log, as in the first recordings, nothing is known but the text.
func TestMessagesWithoutClock(t *testing.T) {
	m := speaking()
	m.e.KernelLog = []byte("[    5.001000] m: hello\n[    5.002000] other: hello\n")
	want := []result.Message{{Module: "m", Text: "m: hello"}}
	if diff := cmp.Diff(want, m.messages()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestMessagesBound(t *testing.T) {
	var log []string
	for i := range 1000 {
		log = append(log, fmt.Sprintf("<6>[    6.%06d] m: line %d", i, i))
	}
	m := speaking(append(log, printk.Missing(40))...)
	got := m.messages()
	if len(got) != 2*keptMessages || got[keptMessages-1].Omitted != 1000-2*keptMessages || m.res.LogLost != 40 {
		t.Errorf("%d messages are kept, %+v, %d lost", len(got), got[keptMessages-1], m.res.LogLost)
	}
	if first, last := got[0].Text, got[len(got)-1].Text; first != "m: line 0" || last != "m: line 999" {
		t.Errorf("they are from %q to %q", first, last)
	}
}

func TestNothingStudied(t *testing.T) {
	m := speaking("<6>[    5.001000] m: hello")
	m.e.Studied = nil
	if got := m.messages(); got != nil {
		t.Errorf("a trace without modules has messages: %+v", got)
	}
}

// When the kernel panics, its last records are lost: what was said is the first event then.
func TestMessagesWithoutRecords(t *testing.T) {
	m := speaking("<6>[    6.000000] m: about to give up")
	m.e.Console = "[    6.500000] m: 3 left\n[    6.600000] x\n"
	m.start = 0
	m.res.Threads, m.res.Modules = nil, []result.Module{{Name: "m"}}
	got := m.messages()
	if len(got) != 2 || *got[0].AtNS != 0 || *got[1].AtNS != 5e8 {
		t.Errorf("the messages are %+v", got)
	}
}
