// SPDX-License-Identifier: MIT

package report

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/kmodlab/kmodlab/internal/plain"
	"github.com/kmodlab/kmodlab/internal/rundiff"
	"github.com/kmodlab/kmodlab/result"
)

// Diff writes what changed between two runs, for people.
func Diff(w io.Writer, d *rundiff.Diff, opt TextOptions) error {
	if opt.Width == 0 {
		opt.Width = defaultWidth
	}
	opt.Width = max(opt.Width, minWidth)
	buf := bufio.NewWriter(plain.Guard(w))
	p := &printer{w: buf, opt: opt}
	p.para("before: ", diffSide(&d.Before))
	p.para("after:  ", diffSide(&d.After))
	if len(d.Changes) > 0 {
		fmt.Fprintln(buf)
	}
	for _, c := range d.Changes {
		head := clean(c.Kind + " " + c.Name)
		if c.Kind == c.Name {
			head = clean(c.Name)
		}
		p.para("", head+": "+clean(c.Field))
		p.changed(red, "  - ", c.Before)
		p.changed(green, "  + ", c.After)
	}
	fmt.Fprintln(buf)
	if len(d.Changes) == 0 {
		p.para("", "nothing changed")
	} else {
		p.para("", plural(uint64(len(d.Changes)), "change", "changes"))
	}
	if n := d.Noise; n.Compared {
		p.para("noise: ", fmt.Sprintf("a time counts as changed if it differs by a factor of %g and by %s, since %s",
			n.Factor, span(n.FloorNS), clean(n.Why)))
	}
	for _, note := range d.Notes {
		p.para("note: ", clean(note))
	}
	if err := buf.Flush(); err != nil {
		return fmt.Errorf("write changes: %w", err)
	}
	return nil
}

func (p *printer) changed(c color, mark, text string) {
	for i, line := range wrap(clean(text), max(1, p.opt.Width-len(mark))) {
		if i > 0 {
			mark = "    "
		}
		fmt.Fprintln(p.w, strings.TrimRight(p.paint(c, mark+line), " "))
	}
}

func diffSide(s *rundiff.Side) string {
	var parts []string
	for _, part := range []string{s.Name, s.Kernel, s.Accel} {
		if part != "" {
			parts = append(parts, clean(part))
		}
	}
	if s.Verdict != result.Class("") {
		parts = append(parts, "verdict "+clean(string(s.Verdict)))
	}
	return strings.Join(parts, ", ")
}
