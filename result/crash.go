// SPDX-License-Identifier: MIT

package result

import (
	"strconv"
	"strings"
)

// Crash is one report of the kernel about itself, from the console or the log. Whatever the report does not say is null
// or empty.
type Crash struct {
	Class Class `json:"class"`
	// Type is the kind of report in one word: null-dereference, soft-lockup, … (internal/oops has the full table).
	Type  string `json:"type"`
	Title string `json:"title"`
	// Task was running, or stuck, when the kernel noticed.
	Task *Task `json:"task"`
	CPU  *int  `json:"cpu"`
	// Taint says in words why the kernel was tainted by then.
	Taint []string `json:"taint"`
	// Registers are the first set in the report, in hexadecimal without 0x: RAX … R15, RSP, EFLAGS, CS, CR0 … CR4.
	Registers map[string]string `json:"registers,omitempty"`
	// Frames are the call trace, innermost first. If the report has an instruction (RIP), it is the first frame.
	Frames []Frame `json:"frames"`
	// Guilty is the index in Frames of the first frame inside a module under test, nil if there is none.
	Guilty *int `json:"guilty"`
	// Truncated says that the end of the report is missing: the machine died, or another report began.
	Truncated bool `json:"truncated"`
	// Mixed says that two CPUs reported at once and the console does not name them, so that some lines may be in the
	// wrong report.
	Mixed bool `json:"mixed,omitempty"`
	// Note says why there are no source lines.
	Note string   `json:"note,omitempty"`
	Log  []string `json:"log"`
}

// Frame is one place of a call trace.
type Frame struct {
	Function string `json:"function"`          // empty for code without a name
	Offset   uint64 `json:"offset"`            // in Function, bytes
	Size     uint64 `json:"size,omitempty"`    // of Function in bytes, as the kernel knows it
	Module   string `json:"module,omitempty"`  // empty: the kernel itself
	Address  uint64 `json:"address,omitempty"` // if the report has nothing else
	Reliable bool   `json:"reliable"`          // false: found on the stack ("?"), possibly stale
	Exact    bool   `json:"exact,omitempty"`   // the instruction itself, not a return address
	Inlined  bool   `json:"inlined,omitempty"` // the compiler inlined it into the next frame that is not inlined
	File     string `json:"file,omitempty"`    // relative to the sources' folder
	Line     int    `json:"line,omitempty"`    // of the call, or of the instruction if Exact
	Source   []Line `json:"source,omitempty"`  // around Line
}

// Line is one line of a source file.
type Line struct {
	Number int    `json:"number"`
	Text   string `json:"text"`
}

// Place prints a frame as function+offset [module].
func (f *Frame) Place() string {
	place := f.Function
	switch {
	case place == "":
		place = "0x" + strconv.FormatUint(f.Address, 16)
	case !f.Inlined:
		place += "+0x" + strconv.FormatUint(f.Offset, 16)
	}
	if f.Module != "" {
		place += " [" + f.Module + "]"
	}
	return place
}

// Position prints a frame's source position as file:line, empty if it is not known.
func (f *Frame) Position() string {
	if f.File == "" {
		return ""
	}
	return f.File + ":" + strconv.Itoa(f.Line)
}

// GuiltyFrame is the first frame inside a module under test, nil if there is none.
func (c *Crash) GuiltyFrame() *Frame {
	if c.Guilty == nil || *c.Guilty < 0 || *c.Guilty >= len(c.Frames) {
		return nil
	}
	return &c.Frames[*c.Guilty]
}

// GoesOn reports whether the kernel carries on in order after such a report.
func (c *Crash) GoesOn() bool { return strings.HasPrefix(c.Title, "WARNING") || c.Type == "oom-kill" }
