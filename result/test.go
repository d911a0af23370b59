// SPDX-License-Identifier: MIT

package result

// Test is a program that ran beside the modules, after they were loaded and before they were unloaded.
type Test struct {
	Name    string      `json:"name"` // as the person named it, without the folder
	Argv    []string    `json:"argv"` // as it ran in the guest
	User    string      `json:"user,omitempty"`
	Outcome TestOutcome `json:"outcome"`
	// Reason says why the outcome is not a pass, in words without a stop.
	Reason string `json:"reason,omitempty"`
	PID    int    `json:"pid"`
	Exit   int    `json:"exit"` // exit status; 128+n if signal n ended it; -1 if it did not end or never ran
	// Signal is the signal that ended it, such as SIGSEGV, and Place where in the program that was.
	Signal   string  `json:"signal,omitempty"`
	Place    *Place  `json:"place,omitempty"`
	TimedOut bool    `json:"timed_out,omitempty"`
	StartNS  *int64  `json:"start_ns"`
	EndNS    *int64  `json:"end_ns"`
	MS       float64 `json:"ms"`
	Output   string  `json:"output"`
	// Omitted is how many bytes of the output, after its first and before its last part, are not kept.
	Omitted int64 `json:"omitted,omitempty"`
	// Left are the first processes that it left, "name[pid]", and LeftCount how many it left; they were ended.
	Left      []string `json:"left,omitempty"`
	LeftCount int      `json:"left_count,omitempty"`
	// Subtests are what its output says of its own tests, in TAP or KTAP. Untold counts those beyond the bound.
	Subtests []Subtest `json:"subtests,omitempty"`
	Untold   int       `json:"untold,omitempty"`
}

// TestOutcome is how a test ended.
type TestOutcome string

// The outcomes of tests. Subtests that fail as their author expects are xfail.
const (
	TestPass   TestOutcome = "pass"
	TestFail   TestOutcome = "fail"
	TestSkip   TestOutcome = "skip"
	TestXFail  TestOutcome = "xfail"
	TestNotRun TestOutcome = "not-run" // the run ended before it
)

// Subtest is one test of a program's own.
type Subtest struct {
	Name    string      `json:"name"`
	Outcome TestOutcome `json:"outcome"`
	Reason  string      `json:"reason,omitempty"` // of a skip or an expected failure
	Notes   []string    `json:"notes,omitempty"`  // the diagnostic lines before its result
	// Tests are those that it consists of, as in KTAP.
	Tests []Subtest `json:"tests,omitempty"`
}

// Place is where in a program something happened.
type Place struct {
	Object   string `json:"object"`             // the file: the program, or one of its libraries
	Function string `json:"function,omitempty"` // if the file has symbols
	Offset   uint64 `json:"offset"`             // in the file; in the function if that is known and the line is not
	File     string `json:"file,omitempty"`     // of the sources, if the file has debug data
	Line     int    `json:"line,omitempty"`
	Address  uint64 `json:"address"` // that a load or a store went to
}

// Process is a test's program, or one that it started. Pictures draw it in a lane of its own below its test's.
type Process struct {
	Task    Task   `json:"task"`
	Test    int    `json:"test"`   // index in Tests
	Parent  int    `json:"parent"` // process id
	StartNS *int64 `json:"start_ns"`
	EndNS   *int64 `json:"end_ns"` // nil: it lived when the trace ended
	Exit    *int   `json:"exit"`   // exit status; nil if it did not end, or if a signal ended it
	// KilledBy is the signal that ended it, such as SIGKILL.
	KilledBy string `json:"killed_by,omitempty"`
	// Execs are the programs that it executed, in order.
	Execs []Exec `json:"execs,omitempty"`
}

// Exec is a program that a process executed.
type Exec struct {
	AtNS int64  `json:"at_ns"`
	Path string `json:"path"`
}

// Call is one system call of a test on a file that belongs to a module under study. Equal calls in a row are each here,
// if they have a record; pictures draw them as one.
type Call struct {
	By      Task   `json:"by"` // a process of Processes
	Name    string `json:"name"`
	File    string `json:"file"`             // the path as the kernel has it, such as /dev/hw; or what kind of socket
	FD      int    `json:"fd"`               // -1 if there is none
	Module  string `json:"module,omitempty"` // that serves the file
	Args    string `json:"args,omitempty"`   // what else was given, in words: 16 bytes, request 0x40044801
	Ret     *int64 `json:"ret"`              // nil: it had not returned when the trace ended
	AtNS    int64  `json:"at_ns"`
	EndNS   *int64 `json:"end_ns"`
	Serving string `json:"serving,omitempty"` // the module's function for this call: hw_read [hw]
	// Omitted is how many further calls of the same process on the same file, after this one, are not kept.
	Omitted int `json:"omitted,omitempty"`
}

// Artifact is a file of the guest that was brought back after the tests, or was to be.
type Artifact struct {
	Guest string `json:"guest"` // its path in the guest; the pattern, where nothing is known of a file
	// File is where it is now, below the folder for artifacts; empty: it was not brought back.
	File   string `json:"file,omitempty"`
	Bytes  int64  `json:"bytes"`
	Reason string `json:"reason,omitempty"` // why it was not brought back, in words without a stop
}

// Keeper is what held a module when its unload had been refused: a file that a program had open or mapped, or a mount.
type Keeper struct {
	Module  string `json:"module"`
	How     string `json:"how"`           // open, mapped or mounted
	PID     int    `json:"pid,omitempty"` // 0 for a mount
	Comm    string `json:"comm,omitempty"`
	Program string `json:"program,omitempty"` // the path of what the process executes
	Test    string `json:"test,omitempty"`    // that it belongs to
	File    string `json:"file"`              // or where it is mounted
	FD      int    `json:"fd"`                // -1 if there is none
	// OpenedNS and OpenedBy are the call that opened the file, if the trace has it: see Calls.
	OpenedNS *int64 `json:"opened_ns,omitempty"`
	OpenedBy *Task  `json:"opened_by,omitempty"`
}
