// SPDX-License-Identifier: MIT

package report

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/kmodlab/kmodlab/internal/plain"
	"github.com/kmodlab/kmodlab/result"
)

// TextOptions control the terminal report. The zero value is a plain report 120 columns wide.
type TextOptions struct {
	Color   bool // ANSI colours for the verdict and the outcomes
	Width   int  // columns; 0 means 120, and less than 40 counts as 40
	Verbose bool // hooks, phases, background, the end of the console
}

const (
	defaultWidth = 120
	minWidth     = 40
	crashLines   = 24 // of a crash's log, unless Verbose
	consoleLines = 12 // of the console, if the guest went silent
	consoleMost  = 60 // of the console, if Verbose
)

// Text writes the report: the machine, the story in order of time, a summary, and the verdict on the last lines.
func Text(w io.Writer, r *result.Result, opt TextOptions) error {
	if opt.Width == 0 {
		opt.Width = defaultWidth
	}
	opt.Width = max(opt.Width, minWidth)
	buf := bufio.NewWriter(plain.Guard(w))
	p := &printer{w: buf, opt: opt}
	p.machine(&r.Machine)
	if opt.Verbose {
		p.phases(r.Phases)
		p.commands(r.Commands)
	}
	p.story(story(r, opt.Verbose))
	p.notMade(r.Failures)
	p.notExited(r.Exits)
	if opt.Verbose {
		p.hooks(r.Hooks)
	}
	p.tests(r.Tests)
	p.expectations(r.Expectations)
	p.artifacts(r.Artifacts)
	p.crashes(r.Crashes)
	p.unrelated(r.Unrelated)
	p.taint(r.Taint)
	p.stuck(r.Stuck)
	p.console(r)
	p.warnings(r.Warnings)
	p.summary(r)
	p.verdict(&r.Verdict)
	if err := buf.Flush(); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

// printer writes lines that fit the width. bufio.Writer keeps the first error.
type printer struct {
	w   *bufio.Writer
	opt TextOptions
}

// hang is by how much the further lines of a text are indented at least. Whatever is in the text, they do not look like
// lines of ours then.
const hang = 2

// hanging breaks text into lines to write after an indent. All but the first are indented themselves.
func (p *printer) hanging(indent, text string) []string {
	further := strings.Repeat(" ", max(hang, cells(indent)))
	lines := wrapAfter(text, max(1, p.opt.Width-cells(indent)), max(1, p.opt.Width-len(further)))
	for i, line := range lines {
		if i > 0 {
			indent = further
		}
		lines[i] = strings.TrimRight(indent+line, " ")
	}
	return lines
}

// para writes text after an indent; further lines are indented by as many spaces, or a few.
func (p *printer) para(indent, text string) {
	for _, line := range p.hanging(indent, text) {
		fmt.Fprintln(p.w, line)
	}
}

func (p *printer) title(s string) {
	fmt.Fprintln(p.w)
	for _, line := range p.hanging("", s) {
		fmt.Fprintln(p.w, p.paint(bold, line))
	}
}

// opening makes a name from others harmless that a line may begin with. Ours begin with a word and a colon, or are
// sentences.
func opening(name string) string {
	name = clean(name)
	if strings.Contains(name, " ") || strings.HasSuffix(name, ":") {
		return strconv.Quote(name)
	}
	return name
}

func (p *printer) machine(m *result.Machine) {
	var parts []string
	add := func(format string, value string) {
		if value != "" {
			parts = append(parts, fmt.Sprintf(format, opening(value)))
		}
	}
	add("%s", m.Name)
	add("Linux %s", m.Kernel)
	add("QEMU %s", m.QEMU)
	if m.Accel != "" && m.Accel != "none" {
		accel := opening(m.Accel)
		if m.AccelReason != "" {
			accel += " (" + clean(m.AccelReason) + ")"
		}
		parts = append(parts, accel)
	}
	if m.CPUs > 0 {
		parts = append(parts, plural(uint64(m.CPUs), "CPU", "CPUs"))
	}
	if m.MemoryMiB > 0 {
		parts = append(parts, fmt.Sprintf("%d MiB", m.MemoryMiB))
	}
	if m.Warm {
		parts = append(parts, "restored from a snapshot")
	}
	if len(parts) > 0 {
		p.para("", strings.Join(parts, ", "))
	}
}

// console shows the end of the guest's console if nothing else explains why the run ended.
func (p *printer) console(r *result.Result) {
	unexplained := len(r.Crashes) == 0 && (r.Verdict.Class == result.Lost || r.Verdict.Class == result.Timeout)
	if r.Console == "" || !unexplained && !p.opt.Verbose {
		return
	}
	p.title("The end of the console")
	most := consoleLines
	if p.opt.Verbose {
		most = consoleMost
	}
	all := strings.Split(strings.TrimRight(r.Console, "\r\n"), "\n")
	last := all[max(0, len(all)-most):]
	p.more(len(all) - len(last))
	p.lines(last)
}

// lines prints lines from the guest.
func (p *printer) lines(lines []string) {
	for _, line := range lines {
		p.para("  ", clean(strings.TrimRight(line, "\r ")))
	}
}

// first prints the first lines of a list, or all if Verbose, and says how many it left out.
func (p *printer) first(lines []string, most int) {
	shown := lines
	if !p.opt.Verbose {
		shown = lines[:min(len(lines), most)]
	}
	p.lines(shown)
	p.more(len(lines) - len(shown))
}

// more says how many lines are left out.
func (p *printer) more(left int) {
	if left > 0 {
		p.para("  ", "… "+plural(uint64(left), "line", "lines")+" more, see --json or -v")
	}
}

// summary counts what the story shows, what it leaves out, and what was lost.
func (p *printer) summary(r *result.Result) {
	if r.Machine.Kernel == "" {
		return // nothing was booted, so there is nothing to count
	}
	c := count(r)
	parts := []string{
		plural(c.modules, "module", "modules"),
		plural(c.threads, "kernel thread", "kernel threads"),
		plural(c.requests, "request", "requests"),
		plural(c.signals, "signal", "signals"),
	}
	if c.loads > c.modules {
		parts[0] += fmt.Sprintf(" in %d loads", c.loads)
	}
	if c.background > 0 && !p.opt.Verbose {
		parts = append(parts, plural(c.background, "other not shown", "others not shown")+" (-v)")
	}
	if n := len(r.Hooks); n > 0 {
		parts = append(parts, fmt.Sprintf("%d of %s fired", c.fired, plural(uint64(n), "hook", "hooks")))
	}
	lost := "no record lost"
	if r.Dropped.Total > 0 {
		lost = plural(r.Dropped.Total, "RECORD LOST", "RECORDS LOST") + lostKinds(r.Dropped.ByKind)
	}
	if r.LogLost > 0 {
		lost += ", " + plural(uint64(r.LogLost), "line of the kernel's log", "lines of the kernel's log") + " not read"
	}
	fmt.Fprintln(p.w)
	p.para("", strings.Join(append(parts, lost), ", "))
	p.unproved(r)
	p.unchecked(r.Unchecked)
	p.witness(r.Witness)
}

// witness says what the host saw of the guest itself.
func (p *printer) witness(w *result.Witness) {
	switch {
	case w == nil:
	case w.Why != "":
		p.para("not seen from outside: ", clean(w.Why))
	case len(w.Hooked) > 0 && len(w.Differences) == 0:
		p.para("seen from outside: ", "a kprobe or an ftrace hook in "+clean(strings.Join(w.Hooked, ", ")))
	case len(w.Differences) == 0:
		p.para("seen from outside: ", fmt.Sprintf("%s, %s, %s and the kernel's code agree with what the guest says",
			plural(uint64(w.Modules), "module", "modules"), plural(uint64(w.Tasks), "task", "tasks"),
			plural(uint64(w.Programs), "eBPF program", "eBPF programs")))
	default:
		p.para("seen from outside: ", clean(strings.Join(w.Differences, "; ")))
	}
}

// unchecked says of what nothing is known: one function, or all of them.
func (p *printer) unchecked(list []result.Unchecked) {
	var parts []string
	for _, u := range list {
		parts = append(parts, fmt.Sprintf("%s in %s (%s): %s", u.What, u.Module, u.Function, u.Why))
	}
	if n := len(parts); n > 1 && !p.opt.Verbose {
		parts = []string{parts[0], fmt.Sprintf("and %d more (-v)", n-1)}
	}
	if len(parts) > 0 {
		p.para("not looked for: ", clean(strings.Join(parts, "; ")))
	}
}

// verdict ends the report: the class, what happened, and what to do next.
func (p *printer) verdict(v *result.Verdict) {
	color := red
	if v.Class == result.Pass {
		color = green
	}
	fmt.Fprintln(p.w)
	head := string(v.Class) + ": "
	for i, line := range wrap(clean(v.Message), max(1, p.opt.Width-cells(head))) {
		if i == 0 {
			fmt.Fprintf(p.w, "%s %s\n", p.paint(color, string(v.Class)+":"), line)
			continue
		}
		fmt.Fprintf(p.w, "%s%s\n", strings.Repeat(" ", cells(head)), line)
	}
	if v.Hint != "" {
		p.para("hint: ", clean(v.Hint))
	}
	for _, a := range v.Also {
		p.para("also: ", clean(string(a.Class)+": "+a.Message))
	}
}

// color is an ANSI attribute.
type color string

const (
	bold   color = "1"
	red    color = "1;31"
	green  color = "1;32"
	yellow color = "33"
	dim    color = "2"
)

func (p *printer) paint(c color, s string) string {
	if !p.opt.Color || c == "" || s == "" {
		return s
	}
	return "\x1b[" + string(c) + "m" + s + "\x1b[0m"
}

func plural(n uint64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
