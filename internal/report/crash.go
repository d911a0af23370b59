// SPDX-License-Identifier: MIT

package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kmodlab/kmodlab/result"
)

const (
	crashFrames  = 12 // of a call trace, unless Verbose
	crashSources = 3  // of its frames are shown with source lines, unless Verbose
	tabWidth     = 8
)

// crashes shows the first report in full and only the titles of the others; if Verbose, it shows all in full.
func (p *printer) crashes(crashes []result.Crash) {
	for i := range crashes {
		c := &crashes[i]
		if i > 0 && !p.opt.Verbose {
			p.para("then: ", clean(c.Title))
			continue
		}
		p.title("What the kernel complained about: " + clean(c.Title))
		p.crashFacts(c)
		p.trace(c)
		p.title("In the kernel's own words")
		p.lines(c.Log, crashLines, true)
	}
}

// unrelated tells what the kernel reported about others.
func (p *printer) unrelated(crashes []result.Crash) {
	for i := range crashes {
		c := &crashes[i]
		text := clean(c.Title)
		if c.Task != nil && c.Task.Comm != "" {
			text += fmt.Sprintf(" in %s[%d]", clean(c.Task.Comm), c.Task.PID)
		}
		p.para("the kernel also reported, without the modules taking part: ", text)
		if p.opt.Verbose {
			p.lines(c.Log, crashLines, true)
		}
	}
}

// plainTaints are those of every module that is built outside the kernel's tree.
var plainTaints = []string{"out-of-tree module", "unsigned module"}

// taint tells what else the kernel marked itself with.
func (p *printer) taint(words []string) {
	if !p.opt.Verbose {
		words = slices.DeleteFunc(slices.Clone(words), func(w string) bool { return slices.Contains(plainTaints, w) })
	}
	if len(words) > 0 {
		p.para("the run tainted the kernel: ", clean(strings.Join(words, ", ")))
	}
}

// crashFacts says which task it was, and how far the report can be trusted.
func (p *printer) crashFacts(c *result.Crash) {
	var who []string
	if c.Task != nil {
		task := c.Task.Comm
		if c.Task.PID != 0 {
			task += fmt.Sprintf("[%d]", c.Task.PID)
		}
		who = append(who, "in "+clean(task))
	}
	if c.CPU != nil {
		who = append(who, fmt.Sprintf("on CPU %d", *c.CPU))
	}
	if len(who) > 0 {
		p.para("  ", strings.Join(who, " "))
	}
	if len(c.Taint) > 0 && p.opt.Verbose {
		p.para("  ", "kernel tainted: "+clean(strings.Join(c.Taint, ", ")))
	}
	if c.Truncated {
		p.para("  ", "the end of the report is missing")
	}
	if c.Mixed {
		p.para("  ", "two CPUs reported at once: some lines may be in the wrong report")
	}
	if c.Note != "" {
		p.para("  ", clean(c.Note))
	}
}

// trace prints the call trace, innermost first, with an arrow at the guilty frame. Addresses that the kernel merely
// found on the stack are left out unless Verbose.
func (p *printer) trace(c *result.Crash) {
	shown, sources, left := 0, 0, 0
	last := ""
	for i := p.firstFrame(c.Frames); i < len(c.Frames); i++ {
		f := &c.Frames[i]
		guilty := c.Guilty != nil && *c.Guilty == i
		if !f.Reliable && !guilty && !p.opt.Verbose {
			continue
		}
		if shown >= crashFrames && !guilty && !p.opt.Verbose {
			left++
			continue
		}
		again := repeats(c.Frames, i)
		i += again
		shown++
		p.frame(f, guilty, again)
		if f.Source != nil && f.Position() != last && (guilty || sources < crashSources || p.opt.Verbose) {
			p.source(f)
			sources++
			last = f.Position()
		}
	}
	if left > 0 {
		p.para("  ", fmt.Sprintf("… %s more, see --json or -v", plural(uint64(left), "frame", "frames")))
	}
}

// firstFrame skips the interrupt that found a stuck CPU: its frames come before the instruction where the CPU was.
func (p *printer) firstFrame(frames []result.Frame) int {
	for i := range frames {
		if frames[i].Exact && !p.opt.Verbose {
			return i
		}
	}
	return 0
}

// repeats counts how often a frame follows itself, as in endless recursion.
func repeats(frames []result.Frame, i int) int {
	n := 0
	for i+n+1 < len(frames) && frames[i+n+1].Place() == frames[i].Place() && !frames[i].Inlined {
		n++
	}
	return n
}

func (p *printer) frame(f *result.Frame, guilty bool, again int) {
	mark := "  "
	if guilty {
		mark = "→ "
	}
	text := clean(f.Place())
	if !f.Reliable {
		text = "? " + text
	}
	if at := f.Position(); at != "" {
		text += "  " + clean(at)
	}
	if f.Inlined {
		text += "  (inlined)"
	}
	if again > 0 {
		text += fmt.Sprintf("  (%d times)", again+1)
	}
	p.para(mark, text)
}

// source prints the source lines around a frame, with its own line marked.
func (p *printer) source(f *result.Frame) {
	for _, l := range f.Source {
		mark := " "
		if l.Number == f.Line {
			mark = ">"
		}
		line := strings.TrimRight(fmt.Sprintf("    %s %5d  %s", mark, l.Number, clean(untab(l.Text))), " ")
		fmt.Fprintln(p.w, p.fit(line))
	}
}

// fit cuts a line that must not be wrapped.
func (p *printer) fit(line string) string {
	if cells(line) <= p.opt.Width {
		return line
	}
	width := 0
	for i, r := range line {
		if width += runeCells(r); width > p.opt.Width-1 {
			return line[:i] + "…"
		}
	}
	return line
}

// untab expands tabs to columns, as an editor shows them.
func untab(s string) string {
	var b strings.Builder
	column := 0
	for _, r := range s {
		if r == '\t' {
			n := tabWidth - column%tabWidth
			b.WriteString(strings.Repeat(" ", n))
			column += n
			continue
		}
		b.WriteRune(r)
		column++
	}
	return b.String()
}
