// SPDX-License-Identifier: MIT

// Package oops finds the kernel's reports of trouble in console output or in the text of /dev/kmsg: panics, oopses,
// BUGs, WARNINGs, lockups, hung tasks, RCU stalls and out-of-memory kills, as kernels 5.10 to 7.3 print them on x86-64.
// It is pure. It does not trust the console: any bytes yield a bounded answer.
package oops

import (
	"slices"
	"strings"

	"github.com/kmodlab/kmodlab/internal/lazyregexp"
	"github.com/kmodlab/kmodlab/result"
)

// Bounds on what one console can yield. A module in a loop can print forever; the first reports are the ones that
// matter.
const (
	maxCrashes   = 32
	maxLogLines  = 160
	maxLineBytes = 400
	maxFrames    = 64
	maxOpen      = 4 // reports that CPUs print at the same time
)

// Parse returns the reports in the order of the log, nil if there are none. The title names the kind and the function
// ("BUG: kernel NULL pointer dereference in do_send_sig_info+0x20"); the log holds the report's own lines, without time
// stamps. Simultaneous reports of several CPUs are told apart by the caller that each line names
// (CONFIG_PRINTK_CALLER), else by what each report still lacks, and then the result says that they are mixed. The
// guilty frame is the first one in any module: see Blame.
func Parse(console []byte) []result.Crash { return ParseExcept(console, nil) }

// ParseExcept is Parse for a console on which modules print, too: with a line that is printed, no report begins.
func ParseExcept(console []byte, printed func(line string) bool) []result.Crash {
	p := &parser{before: make(map[string]cutHere), printed: printed}
	for _, l := range splitLines(console) {
		if p.add(l); len(p.all) == maxCrashes && len(p.open) == 0 {
			break
		}
	}
	crashes := make([]result.Crash, 0, len(p.all))
	for _, r := range p.all {
		crashes = append(crashes, r.crash())
	}
	if len(crashes) == 0 {
		return nil
	}
	return crashes
}

// Blame sets the guilty frame: the first one inside one of the modules, or in any module if none are named. Frames that
// the kernel is sure of take precedence over addresses found on the stack, and lines of the module's own sources over
// those of inlined headers.
func Blame(c *result.Crash, modules []string) {
	c.Guilty = nil
	best := 0
	for i, f := range c.Frames {
		if f.Module == "" || len(modules) > 0 && !slices.Contains(modules, f.Module) {
			continue
		}
		score := 1
		if f.Reliable {
			score += 2
		}
		if !f.Inlined || f.Source != nil {
			score++
		}
		if score > best {
			best, c.Guilty = score, &i
		}
	}
}

// parser assigns lines to the reports that they belong to.
type parser struct {
	all    []*report          // in the order of their headers
	open   []*report          // those that still accept lines
	before map[string]cutHere // by caller: what precedes the next header

	printed func(line string) bool // by a module; nil if nobody knows
}

// cutHere is what a caller printed before a header: the mark, and its message.
type cutHere struct {
	seen    bool
	message string
	last    line // the line before the mark
}

// messageGap bounds, in microseconds, how long before its header a WARNING prints its message. Since 7.x "cut here" is
// in the log and not on the console.
const messageGap = 1000

func (p *parser) add(l line) {
	h := headerOf(l.text)
	if h != nil && p.printed != nil && p.printed(l.text) {
		h = nil
	}
	if r := p.owner(h, l); r != nil {
		r.add(l)
		return
	}
	if h != nil {
		p.begin(h, l)
		return
	}
	p.outside(l)
}

// owner is the open report that the line belongs to, nil if there is none. Reports that the line ends are closed.
func (p *parser) owner(h *header, l line) *report {
	var fits []*report
	for _, r := range slices.Clone(p.open) {
		switch {
		case r.caller != l.caller && r.caller != "" && l.caller != "":
		case r.continues(h, l):
			fits = append(fits, r)
		case h != nil && p.printsOn(r, h, l), isCutHere(l.text) && !r.complete():
		default:
			p.close(r)
		}
	}
	if len(fits) == 0 || p.before[l.caller].seen && keyOf(l.text) == "" && h == nil {
		return nil
	}
	return choose(fits, l)
}

// printsOn reports whether a report may still print beside one that begins.
func (p *parser) printsOn(r *report, h *header, l line) bool {
	cpu := h.group(l.text, "cpu")
	return !r.complete() && r.cpu != "" && cpu != "" && cpu != r.cpu && h.class != result.Panic
}

// choose returns the report that lacks such a line; a call trace continues in the report where one began last.
func choose(fits []*report, l line) *report {
	key := keyOf(l.text)
	last := fits[len(fits)-1]
	if len(fits) == 1 {
		return last
	}
	if m := cpuLine.FindStringSubmatch(l.text); m != nil {
		for _, r := range fits {
			if r.cpu == m[1] {
				return r
			}
		}
	}
	if key == keyFrame {
		for _, r := range slices.Backward(fits) {
			if r.trace && !r.left {
				return r
			}
		}
		return last
	}
	for _, r := range fits {
		if key != "" && !r.seen[key] && (key != keyEnd || r.left || r.trace && len(fits) == 1) {
			return r
		}
	}
	return last
}

func isCutHere(text string) bool { return strings.HasPrefix(text, "------------[ cut here ]") }

// outside takes a line that belongs to no report.
func (p *parser) outside(l line) {
	c := p.before[l.caller]
	switch {
	case isCutHere(l.text):
		c = cutHere{seen: true, last: c.last}
	case c.seen && c.message == "":
		c.message = l.text
	case strings.TrimSpace(l.text) != "":
		c = cutHere{last: l}
	}
	if len(p.before) < maxCrashes || c.seen {
		p.before[l.caller] = c
	}
}

func (p *parser) begin(h *header, l line) {
	if len(p.all) == maxCrashes { // its lines are nobody's
		return
	}
	r := &report{header: h, first: l.text, caller: l.caller, seen: make(map[string]bool),
		registers: make(map[string]string)}
	c := p.before[l.caller]
	delete(p.before, l.caller)
	switch near := h.kind == "warning" && c.last.us > 0 && l.us-c.last.us < messageGap; {
	case c.seen && c.message != "":
		r.message = c.message
	case c.last.text != "" && (refine(c.last.text) != "" || near && !c.seen && keyOf(c.last.text) == ""),
		sameFile(c.last, l):
		r.message = c.last.text
	}
	if r.message == "" {
		r.message = p.warnedOf(r)
	}
	if r.message != "" {
		r.log = append(r.log, r.message)
	}
	p.all = append(p.all, r)
	if len(p.open) == maxOpen {
		p.close(p.open[0])
	}
	for _, other := range p.open {
		other.rivals = append(other.rivals, r)
	}
	p.open = append(p.open, r)
	r.add(l)
}

// warnedAt is the file that a WARNING names, without its folder and ending.
var warnedAt = lazyregexp.New(`^WARNING: .*?\b([a-z_]+)\.c:\d+ `)

// sameFile reports whether a file of the kernel printed why it warns: "workqueue: m wants ...", and then a WARNING at
// kernel/workqueue.c.
func sameFile(before, warning line) bool {
	m := warnedAt.FindStringSubmatch(warning.text)
	return m != nil && strings.HasPrefix(before.text, m[1]+": ") && warning.us-before.us < sameFileGap
}

// sameFileGap bounds the time between both, in microseconds: an emulated console takes milliseconds for a line.
const sameFileGap = 50_000

// warnedOf is the message of a WARNING that a BUG follows at once: since 6.9 FORTIFY_SOURCE warns of an overflow, with
// the sizes, before it ends the task.
func (p *parser) warnedOf(r *report) string {
	const overflow = "string-overflow"
	if len(p.all) == 0 || r.kind != "bug" || refine(r.first) != overflow {
		return ""
	}
	before := p.all[len(p.all)-1]
	if before.kind != "warning" || before.caller != r.caller || before.kindOf() != overflow {
		return ""
	}
	return before.message
}

func (p *parser) close(r *report) {
	p.open = slices.DeleteFunc(p.open, func(o *report) bool { return o == r })
}
