// SPDX-License-Identifier: MIT

package lab

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/kmodlab/kmodlab/internal/notify"
	"github.com/kmodlab/kmodlab/internal/printk"
	"github.com/kmodlab/kmodlab/internal/wire"
)

func TestStamped(t *testing.T) {
	for record, want := range map[string]string{
		"4,615,13526850,-;":             "<4>[   13.526850] it is",
		"4,615,13526850,-,caller=T89;":  "<4>[   13.526850][T89] it is",
		"6,1,0,c;":                      "<6>[    0.000000] it is",
		"15,1,123456789012345,-;":       "<15>[123456789.012345] it is",
		"x,1,1000000,-;":                "[    1.000000] it is",
		"6,1,-5,-;odd":                  "it is",
		"6;odd":                         "it is",
		"":                              "it is",
		"300,1,1000000,-;no such level": "[    1.000000] it is",
	} {
		if got := stamped(record, "it is"); got != want {
			t.Errorf("%q: %q, want %q", record, got, want)
		}
	}
}

func testLog(onHost bool, records ...string) *Log {
	l := newLog(onHost, notify.New(notify.Watcher{}))
	for _, r := range records {
		l.kmsg(r)
	}
	return l
}

func TestKernelLog(t *testing.T) {
	l := testLog(false,
		"6,7,1000000,-;one\n SUBSYSTEM=acpi\n DEVICE=+acpi:LNX",
		`6,8,1000001,-;two\x0athree \xc3\xa4 \x5c`,
		"15,9,1000002,-;"+wire.ClockMark+"5",
		"garbage",
		"4,14,1000003,-;four",
	)
	want := strings.Join([]string{
		"<6>[    1.000000] one",
		"<6>[    1.000001] two",
		`<6>[    1.000001] three ä \`,
		"<15>[    1.000002] kmodlab: CLOCK_MONOTONIC 5",
		"kmodlab: lines missing here: 4",
		"<4>[    1.000003] four", "",
	}, "\n")
	if got := string(l.kernelLog()); got != want {
		t.Errorf("the log is\n%s\nwant\n%s", got, want)
	}
	if got := l.here(); got != nil {
		t.Errorf("a guest's log is taken for this machine's: %q", got)
	}
}

func TestLogOfThisMachine(t *testing.T) {
	l := testLog(true, "6,7,1000000,-;one", "15,8,1000002,-;"+wire.ClockMark+"5", `6,9,1000003,-;two\x0athree`)
	if got, want := string(l.here()), "one\ntwo\nthree\n"; got != want {
		t.Errorf("the log is %q, want %q", got, want)
	}
	if got := string(l.kernelLog()); !strings.Contains(got, "<6>[    1.000003] three\n") {
		t.Errorf("the stamps are missing: %q", got)
	}
}

// A flood takes a bounded amount of memory, and its end is kept as well as its beginning.
func TestFlood(t *testing.T) {
	l := testLog(false)
	const lines = 60_000
	for i := range lines {
		l.kmsg(fmt.Sprintf("3,%d,%d,-;flood: line %d of a story without end", i, i, i))
	}
	log := l.kernelLog()
	if len(log) > maxKernelLog+100 {
		t.Errorf("%d bytes are kept", len(log))
	}
	for _, i := range []int{0, lines - 1} {
		if !bytes.Contains(log, fmt.Appendf(nil, " line %d of ", i)) {
			t.Errorf("line %d is not kept", i)
		}
	}
	read := printk.Parse(log)
	if got := len(read.Lines) + read.Lost; got != lines {
		t.Errorf("%d lines are kept or counted, of %d", got, lines)
	}
}

// The agent and whoever reads the log agree on the mark; neither can import the other.
func TestClockMark(t *testing.T) {
	if wire.ClockMark != printk.ClockMark {
		t.Errorf("the agent writes %q, the reader expects %q", wire.ClockMark, printk.ClockMark)
	}
}
