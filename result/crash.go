// SPDX-License-Identifier: MIT

package result

import (
	"strconv"
	"strings"
)

// Crash is one report of the kernel about itself, from the console or the log.
// What the report does not say is null or empty.
type Crash struct {
	Class Class `json:"class"`
	// Type is the kind of report in one word: null-dereference, soft-lockup, …
	// (the table in internal/oops has them all).
	Type  string `json:"type"`
	Title string `json:"title"`
	// Task ran, or was stuck, when the kernel noticed.
	Task *Task `json:"task"`
	CPU  *int  `json:"cpu"`
	// Taint is why the kernel was tainted by then, in words.
	Taint []string `json:"taint"`
	// Registers are the first set in the report, as hexadecimal without 0x:
	// RAX … R15, RSP, EFLAGS, CS, CR0 … CR4.
	Registers map[string]string `json:"registers,omitempty"`
	// Frames are the call trace, innermost first. Where the report has an
	// instruction (RIP), that is the first one.
	Frames []Frame `json:"frames"`
	// Guilty is the index in Frames of the first one inside a module under test,
	// nil where there is none.
	Guilty *int `json:"guilty"`
	// Truncated says that the report's end is missing: the machine died, or
	// another report began.
	Truncated bool `json:"truncated"`
	// Mixed says that two CPUs reported at once and the console does not name
	// them, so that lines may stand in the wrong report.
	Mixed bool `json:"mixed,omitempty"`
	// Note says why there are no source lines.
	Note string   `json:"note,omitempty"`
	Log  []string `json:"log"`
}

// Frame is one place of a call trace.
type Frame struct {
	Function string `json:"function"`          // empty for code without a name
	Offset   uint64 `json:"offset"`            // in Function, bytes
	Size     uint64 `json:"size,omitempty"`    // of Function as the kernel knows it, bytes
	Module   string `json:"module,omitempty"`  // empty: the kernel itself
	Address  uint64 `json:"address,omitempty"` // where the report has only that
	Reliable bool   `json:"reliable"`          // false: found on the stack ("?"), maybe left over
	Exact    bool   `json:"exact,omitempty"`   // the instruction itself, not a return address
	Inlined  bool   `json:"inlined,omitempty"` // the compiler put it into the next frame that is not
	File     string `json:"file,omitempty"`    // as in the sources' folder
	Line     int    `json:"line,omitempty"`    // of the call, or of the instruction where Exact
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

// Position prints a frame's source position as file:line, empty where it is not
// known.
func (f *Frame) Position() string {
	if f.File == "" {
		return ""
	}
	return f.File + ":" + strconv.Itoa(f.Line)
}

// GuiltyFrame is the first frame inside a module under test, nil where there is
// none.
func (c *Crash) GuiltyFrame() *Frame {
	if c.Guilty == nil || *c.Guilty < 0 || *c.Guilty >= len(c.Frames) {
		return nil
	}
	return &c.Frames[*c.Guilty]
}

// GoesOn reports whether the kernel carries on in order after such a report.
func (c *Crash) GoesOn() bool { return strings.HasPrefix(c.Title, "WARNING") || c.Type == "oom-kill" }
