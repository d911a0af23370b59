// SPDX-License-Identifier: MIT

// Package oops finds the kernel's complaints in console output or in the text
// of /dev/kmsg: panics, oopses, BUGs, WARNINGs, lockups, hung tasks, RCU stalls
// and kills for want of memory, as kernels 5.10 to 7.3 print them on x86-64. It
// is pure. The console is not trusted: any bytes give a bounded answer.
package oops

import (
	"slices"
	"strings"

	"github.com/kmodlab/kmodlab/result"
)

// Bounds on what one console can give. A module in a loop can print for ever;
// the first reports are the ones that matter.
const (
	maxCrashes   = 32
	maxLogLines  = 160
	maxLineBytes = 400
	maxFrames    = 64
	maxOpen      = 4 // reports that CPUs print at the same time
)

// Parse returns the complaints in the order of the log, nil when there is none.
// The title names the kind and the function ("BUG: kernel NULL pointer
// dereference in do_send_sig_info+0x20"); the log is the report's own lines,
// without time stamps. Reports of several CPUs at once are told apart by the
// caller that each line names (CONFIG_PRINTK_CALLER); without, by what each
// report still lacks, and the result says that they are mixed. The guilty frame
// is the first one in any module: see Blame.
func Parse(console []byte) []result.Crash {
	p := &parser{before: make(map[string]cutHere)}
	for _, l := range splitLines(console) {
		p.add(l)
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

// Blame sets the guilty frame: the first one inside one of the modules, or in
// any module where none are named. What the kernel is sure of goes before what
// it found on the stack, and a line of the module's own sources before one of a
// header that the compiler put in.
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

// parser hands lines to the reports that they belong to.
type parser struct {
	all    []*report          // in the order of their headers
	open   []*report          // those that still take lines
	before map[string]cutHere // by caller: what stands before the next header
}

// cutHere is what a caller printed before a header: the mark, and its message.
type cutHere struct {
	seen    bool
	message string
	last    line // the line before the mark
}

// messageGap bounds, in microseconds, how long before its header a WARNING says
// its message. From 7.x on "cut here" stands in the log and not on the console.
const messageGap = 1000

func (p *parser) add(l line) {
	h := headerOf(l.text)
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

// owner is the open report that takes the line, nil when it is not of a report.
// Reports that the line ends are closed.
func (p *parser) owner(h *header, l line) *report {
	var fits []*report
	for _, r := range slices.Clone(p.open) {
		switch {
		case r.caller != l.caller && r.caller != "" && l.caller != "":
		case r.continues(h, l):
			fits = append(fits, r)
		case h != nil && p.goesOn(r, h, l), isCutHere(l.text) && !r.complete():
		default:
			p.close(r)
		}
	}
	if len(fits) == 0 || p.before[l.caller].seen && keyOf(l.text) == "" && h == nil {
		return nil
	}
	return choose(fits, l)
}

// goesOn tells whether a report may still print beside one that begins.
func (p *parser) goesOn(r *report, h *header, l line) bool {
	cpu := h.group(l.text, "cpu")
	return !r.complete() && r.cpu != "" && cpu != "" && cpu != r.cpu && h.class != result.Panic
}

// choose takes the report that lacks such a line; a call trace goes on in the
// one where it began last.
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
	r := &report{header: h, first: l.text, caller: l.caller, seen: make(map[string]bool), registers: make(map[string]string)}
	c := p.before[l.caller]
	delete(p.before, l.caller)
	switch near := h.kind == "warning" && c.last.us > 0 && l.us-c.last.us < messageGap; {
	case c.seen && c.message != "":
		r.message = c.message
	case c.last.text != "" && (refine(c.last.text) != "" || near && !c.seen):
		r.message = c.last.text
	}
	if r.message != "" {
		r.log = append(r.log, r.message)
	}
	if len(p.all) < maxCrashes {
		p.all = append(p.all, r)
	}
	if len(p.open) == maxOpen {
		p.close(p.open[0])
	}
	for _, other := range p.open {
		other.rivals = append(other.rivals, r)
	}
	p.open = append(p.open, r)
	r.add(l)
}

func (p *parser) close(r *report) {
	p.open = slices.DeleteFunc(p.open, func(o *report) bool { return o == r })
}
