// SPDX-License-Identifier: MIT

package evidence

import (
	"github.com/kmodlab/kmodlab/internal/tap"
	"github.com/kmodlab/kmodlab/result"
)

// CrashedMeanwhile is why the end of a test may be unknown.
const CrashedMeanwhile = "the kernel crashed while it ran"

// MaxTestOutput is how many bytes of a test's output are read for TAP, as they come.
const MaxTestOutput = 4 << 20

// TestKind says what a program's end means.
type TestKind string

// The kinds of programs. The zero value is one that ran to judge the modules.
const (
	Command    TestKind = "command"  // with the caller's streams: its exit status says all, what it prints nothing
	OnTerminal TestKind = "terminal" // on a person's terminal: its status is that of the last command that was typed
)

// Test is what is known of a program that ran beside the modules.
type Test struct {
	Name string   `json:"name"`
	Argv []string `json:"argv"`
	User string   `json:"user,omitempty"` // empty: root
	Kind TestKind `json:"kind,omitempty"`

	// NotRun says why it never started. Refused says why the guest's kernel did not execute it.
	NotRun  string `json:"not_run,omitempty"`
	Refused string `json:"refused,omitempty"`
	// Unknown says why its end was not seen: the machine crashed, or did not answer any more.
	Unknown string `json:"unknown,omitempty"`

	PID       int      `json:"pid"`
	Exit      int      `json:"exit"` // 128+n if signal n ended it
	Signal    string   `json:"signal,omitempty"`
	TimedOut  bool     `json:"timed_out,omitempty"`
	LimitMS   int64    `json:"limit_ms"`             // how long it might have run
	StartNS   uint64   `json:"start_ns"`             // CLOCK_MONOTONIC; 0 if unknown
	EndNS     uint64   `json:"end_ns"`               // the same
	MS        float64  `json:"ms"`                   // how long it ran
	Output    string   `json:"output"`               // the first and the last of it
	Omitted   int64    `json:"omitted,omitempty"`    // bytes between the two
	Unread    bool     `json:"unread,omitempty"`     // TAP is not complete: the output was too long
	Processes int      `json:"processes,omitempty"`  // that it had when the time was over
	Left      []string `json:"left,omitempty"`       // the first processes that it left, "name[pid]"; they were ended
	LeftCount int      `json:"left_count,omitempty"` // how many it left
	// Waits are its processes that were in the modules when the time was over.
	Waits []result.Stuck `json:"waits,omitempty"`
	TAP   *tap.Result    `json:"tap,omitempty"` // nil if it does not speak TAP
}
