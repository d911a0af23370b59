// SPDX-License-Identifier: MIT

package report

import (
	"bufio"
	"fmt"
	"io"
	"time"

	"github.com/kmodlab/kmodlab/internal/plain"
	"github.com/kmodlab/kmodlab/internal/rundiff"
	"github.com/kmodlab/kmodlab/result"
)

// changeLines are how many changes Again shows, unless Verbose.
const changeLines = 10

// Again writes what a person wants to know of a run that is like an earlier one: what the tools said of the build, the
// verdict, and what changed since the earlier run. Verbose writes the whole report instead of the first two. d is nil
// where there is nothing to compare; since says when the earlier run was.
func Again(w io.Writer, r *result.Result, d *rundiff.Diff, since string, opt TextOptions) error {
	if opt.Verbose {
		if err := Text(w, r, opt); err != nil {
			return err
		}
	}
	if opt.Width == 0 {
		opt.Width = defaultWidth
	}
	opt.Width = max(opt.Width, minWidth)
	buf := bufio.NewWriter(plain.Guard(w))
	p := &printer{w: buf, opt: opt}
	if !opt.Verbose {
		p.warnings(r.Warnings)
		p.verdict(&r.Verdict)
	}
	if d != nil {
		p.changes(d, since)
	}
	if err := buf.Flush(); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

// changes are a line each.
func (p *printer) changes(d *rundiff.Diff, since string) {
	var lines []string
	for _, c := range d.Changes {
		if c.Kind == "verdict" && c.Field != "class" || noise(d, &c) { // the rest of the verdict stands above
			continue
		}
		lines = append(lines, changeLine(&c))
	}
	for _, note := range d.Notes {
		lines = append(lines, "note: "+note)
	}
	if len(lines) == 0 {
		p.para("", "the story is as it was at "+clean(since))
		return
	}
	p.para("", fmt.Sprintf("changed since %s:", clean(since)))
	shown := lines
	if !p.opt.Verbose {
		shown = lines[:min(len(lines), changeLines)]
	}
	p.lines(shown)
	if left := len(lines) - len(shown); left > 0 {
		p.para("  ", fmt.Sprintf("… and %d more (-v)", left))
	}
}

// noise reports whether a change is one of a time that says nothing to whoever has just saved a file. Without KVM a
// module's first steps take ten times as long in one run as in the next, while the host is busy.
func noise(d *rundiff.Diff, c *rundiff.Change) bool {
	const tcg, floor = "tcg", time.Second
	if c.BeforeNS == nil || c.AfterNS == nil || d.Before.Accel != tcg || d.After.Accel != tcg {
		return false
	}
	return time.Duration(*c.AfterNS-*c.BeforeNS).Abs() < floor
}

// changeLine is a change in one line.
func changeLine(c *rundiff.Change) string {
	what := c.Kind + " " + c.Name
	switch {
	case c.Kind == "verdict":
		return fmt.Sprintf("verdict: %s → %s", c.Before, c.After)
	case c.Kind == "test" && c.Before == "":
		return fmt.Sprintf("%s: new: %s", what, c.After)
	case c.Kind == "test" && c.After == "":
		return what + ": gone"
	case c.Field == "there" && c.After == "yes":
		return what + ": new"
	case c.Field == "there":
		return what + ": gone"
	case c.Kind == "message":
		return printedLine(c)
	case c.Kind == "order":
		return fmt.Sprintf("%s comes %s, not %s", c.Name, c.After, c.Before)
	}
	return fmt.Sprintf("%s: %s: %s → %s", what, c.Field, orNothing(c.Before), orNothing(c.After))
}

// printedLine is about a line that a module prints.
func printedLine(c *rundiff.Change) string {
	who := c.Name
	if who == "" { // several modules print it
		who = "a module"
	}
	switch {
	case c.Before == "":
		return fmt.Sprintf("%s prints %q", who, c.After)
	case c.After == "":
		return fmt.Sprintf("%s no longer prints %q", who, c.Before)
	}
	return fmt.Sprintf("%s prints %q, not %q", who, c.After, c.Before)
}

func orNothing(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}
