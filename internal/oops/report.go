// SPDX-License-Identifier: MIT

package oops

import (
	"strings"

	"github.com/kmodlab/kmodlab/internal/lazyregexp"
	"github.com/kmodlab/kmodlab/result"
)

// report is one report of the kernel while its lines arrive.
type report struct {
	*header
	first   string // the line of the header
	caller  string
	message string // what a WARNING says before its header
	log     []string
	cut     bool // lines beyond maxLogLines were left out
	trace   bool // inside or past a call trace
	left    bool // the call trace has ended
	others  bool // the stacks that follow are from other moments: allocation, free
	ended   bool // the end mark was seen; only registers may follow
	traces  int
	bottom  bool // the last frame is where stacks begin
	bodied  bool // more than the header was seen
	strange bool // something else came before that

	seen map[string]bool // kinds of line, by keyOf
	// rivals are reports that began while this one was open. If this one continues after that, its lines may belong to
	// any of them.
	rivals []*report
	mixed  bool

	cpu       string
	task      result.Task
	taint     string
	registers map[string]string
	frames    []result.Frame
}

var (
	// What an oops prints after its end mark, and around its call trace.
	register = lazyregexp.New(`^(?:RIP|RSP|RAX|RDX|RBP|R\d\d|FS|CS|CR2|DR\d|PKRU|EFLAGS|Code|Call Trace|Modules linked in|CPU|Hardware name|Workqueue|Tainted|note|Stack): ?|^(?:R\d\d|CR2|DR\d): `)
	// What a kernel says about a stack that is not the one that went wrong.
	otherStack = lazyregexp.New(`^(?i:allocated by task|freed by task|last potentially related work creation|second to last potentially)|^Showing all locks held|^Mem-Info:`)
	// Where stacks begin: what is printed after that is not a frame.
	bottomFrame = lazyregexp.New(`^(?:ret_from_fork(?:_asm)?|entry_\w+|secondary_startup_64\w*|start_kernel|x86_64_start_\w+)$`)
)

// continues reports whether a line belongs to the open report.
func (r *report) continues(h *header, l line) bool {
	text := l.text
	switch {
	case h != nil:
		// A fault has two or three headers before its trace, with nothing between them but details of the fault.
		return h.inner && !r.trace && !r.ended && r.class == result.Oops && !strings.HasPrefix(r.first, "WARNING") &&
			(r.bodied || !r.strange)
	case isCutHere(text):
		return false
	case r.class == result.Panic && strings.HasPrefix(text, "---[ end Kernel panic"):
		return true
	case r.ended:
		return register.MatchString(text) && r.kind != "ubsan"
	case r.short && r.trace && !strings.HasPrefix(text, " ") && !register.MatchString(text):
		return false
	}
	return true
}

// complete reports whether everything was seen that such a report has.
func (r *report) complete() bool {
	if r.kind == "oom-kill" && r.left { // the victim comes last, or a panic if there was none
		return true
	}
	return r.ended || r.short && r.trace && (r.bottom || len(r.frames) > 0 && r.left)
}

const (
	keyFrame = "frame"
	keyEnd   = "end"
)

// keyOf is the kind of a line that occurs once in a report, or of a line of a call trace; empty for others.
func keyOf(text string) string {
	if strings.HasPrefix(text, "---[ end ") {
		return keyEnd
	}
	if strings.HasPrefix(text, " <") || frameLine.MatchString(text) {
		return keyFrame
	}
	if name, _, ok := strings.Cut(text, ":"); ok && register.MatchString(text) {
		return name
	}
	return ""
}

func (r *report) add(l line) {
	text := l.text
	r.log = appendBounded(r.log, text, &r.cut)
	if !r.bodied {
		r.bodied = body.MatchString(text)
		r.strange = r.strange || !r.bodied && headerOf(text) == nil
	}
	if key := keyOf(text); key != "" {
		r.seen[key] = true
		if l.caller == "" {
			r.mixWithRivals()
		}
	}
	r.addDetails(text)
	switch {
	case strings.HasPrefix(text, "Call Trace:"):
		r.trace, r.left = true, false
		r.traces++
	case strings.HasPrefix(text, "---[ end trace"), strings.HasPrefix(text, "---[ end Kernel panic"),
		r.end != nil && r.end.MatchString(text):
		r.ended, r.left = true, true
	case strings.HasPrefix(text, " </TASK>"):
		r.left = true
		r.ended = r.ended || r.short
	case otherStack.MatchString(text):
		r.others, r.left = true, true
	case r.bare && text == r.first:
		r.trace = true
		r.traces++
	default:
		r.addFrame(text)
	}
}

func (r *report) mixWithRivals() {
	for _, o := range r.rivals {
		r.mixed, o.mixed = true, true
	}
}

func appendBounded(log []string, text string, cut *bool) []string {
	if len(log) < maxLogLines {
		return append(log, text)
	}
	*cut = true
	return log
}

func (r *report) crash() result.Crash {
	c := result.Crash{
		Class: r.class, Type: r.kindOf(), Log: r.log, CPU: number(r.cpu), Taint: taintWords(r.taint), Frames: r.frames,
		Truncated: !r.complete(), Mixed: r.mixed,
	}
	if len(r.registers) > 0 {
		c.Registers = r.registers
	}
	if r.task.Comm != "" || r.task.PID != 0 {
		c.Task = &r.task
	}
	if r.cut {
		c.Log = append(c.Log, "… (the rest of this report is not shown)")
	}
	c.Title = r.titleOf()
	Blame(&c, nil)
	return c
}

// kindOf refines a general kind by what the report says.
func (r *report) kindOf() string {
	if r.kind != "warning" && r.kind != "bug" {
		return r.kind
	}
	for _, text := range []string{r.message, r.first} {
		if kind := refine(text); kind != "" {
			return kind
		}
	}
	return r.kind
}

func refine(text string) string {
	for _, f := range refinements {
		if f.said.MatchString(text) {
			return f.kind
		}
	}
	return ""
}

func (r *report) titleOf() string {
	m := r.line.FindStringSubmatchIndex(r.first)
	title := string(r.line.ExpandString(nil, r.title, r.first, m))
	if r.message != "" && strings.HasPrefix(title, "WARNING at ") {
		title = "WARNING: " + strings.TrimRight(r.message, ".") + strings.TrimPrefix(title, "WARNING")
	}
	if where := r.where(); where != "" && r.class != result.Panic {
		title += " in " + where
	}
	return title
}
