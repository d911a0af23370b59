// SPDX-License-Identifier: MIT

// Package oops finds the kernel's complaints in console output or in the text
// of /dev/kmsg: panics, oopses, BUGs, WARNINGs, lockups, hung tasks and RCU
// stalls, as kernels 5.10 to 7.3 print them on x86-64. It is pure. The console
// is not trusted: any bytes give a bounded answer.
package oops

import (
	"strings"

	"github.com/kmodlab/kmodlab/internal/lazyregexp"
	"github.com/kmodlab/kmodlab/result"
)

// Bounds on what one console can give. A module in a loop can print for ever;
// the first reports are the ones that matter.
const (
	maxCrashes   = 32
	maxLogLines  = 160
	maxLineBytes = 400
)

// Class is the class of crashes in the order of the log, result.Pass when there
// is none. See result.CrashClass.
func Class(crashes []result.Crash) result.Class { return result.CrashClass(crashes) }

// Parse returns the complaints in the order of the log, nil when there is none.
// The title names the kind and the function ("BUG: kernel NULL pointer
// dereference in do_send_sig_info+0x20"); the log is the report's own lines,
// without time stamps and without lines of other contexts where the console
// tells them apart (CONFIG_PRINTK_CALLER).
func Parse(console []byte) []result.Crash {
	p := &parser{}
	for _, raw := range splitLines(console) {
		p.add(raw)
	}
	p.close()
	return p.crashes
}

// line is one printk without its prefixes.
type line struct {
	text   string
	caller string // T123 or C0, "" where the console does not say
}

var (
	// A time stamp, with the syslog level and the caller where they are shown.
	// Concurrent printks glue records together: one line may hold several.
	stamp   = lazyregexp.New(`(?:<\d{1,3}>)?\[ {0,12}\d{1,12}\.\d{6}\](?:\[ {0,8}([TC]\d{1,10})\])? ?`)
	level   = lazyregexp.New(`^<\d{1,3}>`)
	ansiSeq = lazyregexp.New("\x1b\\[[0-9;?]*[A-Za-z]")
)

func splitLines(console []byte) []line {
	var lines []line
	for raw := range strings.SplitSeq(string(console), "\n") {
		raw = ansiSeq.ReplaceAllString(strings.TrimRight(raw, "\r \t"), "")
		marks := stamp.FindAllStringSubmatchIndex(raw, -1)
		if len(marks) == 0 || marks[0][0] > 0 {
			head := raw
			if len(marks) > 0 {
				head = raw[:marks[0][0]]
			}
			lines = append(lines, line{text: cut(level.ReplaceAllString(head, ""))})
		}
		for i, m := range marks {
			end := len(raw)
			if i+1 < len(marks) {
				end = marks[i+1][0]
			}
			l := line{text: cut(raw[m[1]:end])}
			if m[2] >= 0 {
				l.caller = raw[m[2]:m[3]]
			}
			lines = append(lines, l)
		}
	}
	return lines
}

func cut(s string) string {
	s = strings.ToValidUTF8(strings.TrimRight(s, " \t"), "\ufffd")
	if len(s) > maxLineBytes {
		return strings.ToValidUTF8(s[:maxLineBytes], "") + "…"
	}
	return s
}

// parser collects the lines of the report that is open.
type parser struct {
	crashes []result.Crash
	open    *report
	before  line // the last line before a header: a WARNING's message
	cutHere bool // "cut here" was seen and no header yet
}

func (p *parser) add(l line) {
	if p.open != nil && p.open.foreign(l) {
		return
	}
	h := headerOf(l.text)
	switch {
	case p.open != nil && p.open.continues(h, l):
		p.open.add(l)
		return
	case p.open != nil:
		p.close()
	}
	switch {
	case h != nil:
		p.begin(h, l)
	case strings.HasPrefix(l.text, "------------[ cut here ]"):
		p.cutHere, p.before = true, line{}
	case p.cutHere && p.before.text == "":
		p.before = l
	case strings.TrimSpace(l.text) != "":
		p.cutHere, p.before = false, line{}
	}
}

func (p *parser) begin(h *header, l line) {
	p.open = &report{header: h, first: l.text, caller: l.caller}
	if p.cutHere && p.before.text != "" && p.before.caller == l.caller {
		p.open.message = p.before.text
		p.open.log = append(p.open.log, p.before.text)
	}
	p.cutHere, p.before = false, line{}
	p.open.add(l)
}

func (p *parser) close() {
	if p.open == nil {
		return
	}
	if len(p.crashes) < maxCrashes {
		p.crashes = append(p.crashes, p.open.crash())
	}
	p.open = nil
}
