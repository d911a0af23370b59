// SPDX-License-Identifier: MIT

// Package evidence holds what a run knows at its end: what the host recorded, what the
// tracer recorded, what the guest's kernel printed, what existed before and after. A
// verdict depends on nothing else, so a recording is the same evidence, read from a
// file. It is plain data in types of its own, none of which goes over the wire to a
// guest.
package evidence

import (
	"github.com/kmodlab/kmodlab/internal/leaks"
	"github.com/kmodlab/kmodlab/result"
	"github.com/kmodlab/kmodlab/tracer/event"
	"github.com/kmodlab/kmodlab/tracer/symbols"
)

// Evidence is what a run knows at its end, no matter how far it got.
type Evidence struct {
	Program  string // the kmodlab that gathered it
	KernelID string // the kernel's package, version and hash, as in the cache; "" without one

	Title  string // what the run is called
	Folder string // of the sources, without the path to it from the root; "" for .ko files
	Date   string // when the run began: RFC 3339, UTC

	Machine  result.Machine
	Phases   []result.Phase
	Commands []result.Command
	Modules  []result.Module // as planned, and whether the agent loaded and unloaded them
	Studied  []string        // the modules under study, without the kernel's own

	Warnings []result.Warning // of the build, and of the modules' licences

	Failures []Failure      // in the order in which they occurred
	Unmet    []string       // expectations of steps that were not met, a sentence each
	Expect   []string       // what a person expects of the result, an expression each: at most MaxExpect count
	Stuck    []result.Stuck // tasks that made no progress when a deadline passed
	Finished bool           // the guest itself reported the end of the run
	Cut      bool           // what was left to do was left out, for the console had a report of a crash
	Unloaded bool           // the run tried to unload its modules
	Passed   string         // the message of a pass; empty: one about the modules
	PassHint string         // the hint of a pass

	Failing   []Failing         // calls that were to fail
	Tests     []Test            // programs that ran beside the modules, in order
	Programs  map[string][]byte // the files of those that a signal ended, by their paths in the guest
	Artifacts []result.Artifact // files of the guest that were to be brought back

	Trace Trace
	Taint Taint

	Console   string // every byte of the guest's console, or the kernel's log of this machine
	KernelLog []byte // /dev/kmsg, as a console would print it, with the levels (package printk)
	// Earlier is how much of both came before the first step, in bytes. What the kernel reports there is not about the
	// modules.
	Earlier Earlier

	// Samples are of the CPUs of an unresponsive guest, and Code the pages of
	// modules' code that they executed, by address. EndedAt has the CPUs' instructions at
	// the moment at which the guest reset itself.
	Samples []Sample
	Code    map[uint64][]byte
	EndedAt []uint64

	Left Left

	Witness *Witness // nil if the guest was not to be looked at from outside

	Files   map[string]File   // of modules, by the module's name
	Sources map[string]Source // by the name that the debug information gives
}

// MaxExpect is how many expectations a run may have.
const MaxExpect = 100

// Taint is the kernel's taint mask, /proc/sys/kernel/tainted.
type Taint struct {
	Before uint64 `json:"before"` // the first step
	After  uint64 `json:"after"`  // the last command that ended
	AtEnd  bool   `json:"at_end"` // After was read when all was over
}

// Earlier is how much the kernel had said before the first step, in bytes.
type Earlier struct {
	Console   int `json:"console"`
	KernelLog int `json:"kernel_log"`
}

// Trace is what the tracer in the guest recorded.
type Trace struct {
	AgentPID uint32            // of the agent, whose own tasks are background; 0 if no agent ever answered
	Hooks    []Hook            // what each hook saw; empty if the tracer did not start
	Lost     map[string]uint64 // records that could not be kept, by kind
	MarkNS   uint64            // CLOCK_MONOTONIC: records before it are the self-test's
	Events   []event.Event     // without the self-test's, in the order of time
	Broken   string            // why the stream of records ended early; "" if it did not
	Kernel   *symbols.Kernel   // nil if its symbols could not be read
	Tape     *Tape             // the stream as it came; nil if no recording is wanted
}

// Sample is a sample of one CPU of a guest.
type Sample struct {
	CPU    int      `json:"cpu"`
	At     uint64   `json:"at"`               // its instruction
	Called []uint64 `json:"called,omitempty"` // return addresses in modules, innermost first
	// Timer reports that it calls the functions of high-resolution timers, and Timers which ones these may be: functions
	// of modules whose addresses it has at hand.
	Timer  bool     `json:"timer,omitempty"`
	Timers []uint64 `json:"timers,omitempty"`
}

// Left is what is known about the things that modules can leave behind.
type Left struct {
	Before, After leaks.Objects // After may hold only what was not there Before
	Compared      bool          // both were read
	Ledger        *leaks.Ledger // nil if nothing was traced
	Modules       []Loaded      // still loaded at the end
	Keepers       []Keeper      // of the modules whose unload was refused
	Sought        bool          // they were looked for, and none was missed that a program or a mount can be
	Others        []string      // of these, those that the run brought in and that are not under study

	// What the modules import says of what they take, before any of them was loaded.
	Unpaired  []result.Unpaired
	Unchecked []result.Unchecked
}

// Loaded is a line of the guest's /proc/modules.
type Loaded struct {
	Name     string   `json:"name"`
	Refcount int      `json:"refcount"`
	Holders  []string `json:"holders,omitempty"`
	State    string   `json:"state"` // live, loading or unloading
}

// File is a module's file.
type File struct {
	Name string // without its folder
	Data []byte // the plain .ko
	Err  string // why there is no Data
}

// Source is a source file of a module.
type Source struct {
	Name  string   // as in the sources' folder
	Lines []string // a line that a recording did not keep is empty
}

// Used is the part of the evidence that a result depends on. A recording keeps no more
// of a person's sources than the result shows.
type Used struct {
	Kallsyms []byte                    // the kernel's symbols that name addresses
	Sources  map[string]map[int]string // lines by the source's name in the debug information
}
