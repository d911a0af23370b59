// SPDX-License-Identifier: MIT

package report

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/kmodlab/kmodlab/internal/plain"
	"github.com/kmodlab/kmodlab/result"
)

// How many lines Around shows of a verdict's evidence, and of a build that failed.
const (
	evidenceLines = 8
	buildLines    = 20
)

// Around writes what somebody wants to see of a run who expected something else: some lines of the story around a
// moment (the last ones if at is nil), what a build that failed printed, and the verdict. Parts of lines come from
// others, also at the beginning of one that is wrapped: whoever prints them among lines of its own puts a mark before.
func Around(w io.Writer, r *result.Result, at *int64, lines int, opt TextOptions) error {
	if opt.Width == 0 {
		opt.Width = defaultWidth
	}
	opt.Width = max(opt.Width, minWidth)
	buf := bufio.NewWriter(plain.Guard(w))
	p := &printer{w: buf, opt: opt}
	p.rows(around(story(r, false), at, lines))
	if r.Verdict.Class == result.Build {
		if i := slices.IndexFunc(r.Commands, func(c result.Command) bool { return c.Exit != 0 }); i >= 0 {
			p.some(strings.Split(strings.TrimSpace(CommandText(r.Commands[i])), "\n"), buildLines)
		}
	}
	told := verdictLines(&r.Verdict)
	head := len(told) - len(r.Verdict.Evidence)
	for _, line := range told[:head] {
		p.para("", line)
	}
	p.some(told[head:], evidenceLines)
	if err := buf.Flush(); err != nil {
		return fmt.Errorf("write story: %w", err)
	}
	return nil
}

// some prints the first lines of a list.
func (p *printer) some(lines []string, most int) {
	p.lines(lines[:min(len(lines), most)])
	if left := len(lines) - most; left > 0 {
		p.para("  ", "… "+plural(uint64(left), "line", "lines")+" more")
	}
}

// around are so many rows of a story: half of them before the moment, if there are as many.
func around(rows []row, at *int64, lines int) []row {
	next := len(rows) // the first row after the moment
	if at != nil {
		if i := slices.IndexFunc(rows, func(r row) bool { return r.timed && r.at > *at }); i >= 0 {
			next = i
		}
	}
	end := min(len(rows), max(next+lines/2, lines))
	return rows[max(0, end-lines):end]
}
