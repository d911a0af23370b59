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
	// Left are processes that it left, "name[pid]"; they were ended.
	Left []string `json:"left,omitempty"`
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
	Offset   uint64 `json:"offset"`             // in the function; without one, in the file
	File     string `json:"file,omitempty"`     // of the sources, if the file has debug data
	Line     int    `json:"line,omitempty"`
	Address  uint64 `json:"address"` // that a load or a store went to
}

// Process is a test's program, or one that it started.
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

// Call is one system call of a test on a file that belongs to a module under study.
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
