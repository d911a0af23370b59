// SPDX-License-Identifier: MIT

package report

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Widths of the lanes' columns; the events get the rest.
const (
	maxLaneName  = 22
	stageWidth   = 24 // fixed, so that the events stay in place
	minLaneNotes = 12 // with less room there are none
)

// Lines draws the lanes into opt's width (0 is the default) and the given height: the guest's time, then a line per
// lane with its newest event first. If there are too many lanes, the longest quiet are left out, ended ones first.
// quiet is the time since the newest event arrived.
func (f *Follow) Lines(opt TextOptions, height int, quiet time.Duration) []string {
	if opt.Width == 0 {
		opt.Width = defaultWidth
	}
	opt.Width = max(opt.Width, 1)
	if height <= 0 {
		return nil
	}
	p := &printer{opt: opt}
	now := f.newest + uint64(max(0, quiet))
	lines := []string{p.paint(bold, clip(f.head(now), opt.Width))}
	shown := f.fitting(height - 1)
	for _, cells := range f.cells(shown, now) {
		lines = append(lines, p.lane(cells))
	}
	if left := len(f.lanes) + f.gone - len(shown); left > 0 && len(lines) < height {
		more := fmt.Sprintf("%s  and %s with less recent activity", strings.Repeat(" ", timeWidth), number(left, "task"))
		lines = append(lines, clip(more, opt.Width))
	}
	return lines
}

func number(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

func (f *Follow) head(now uint64) string {
	elapsed := fmt.Sprintf("%.1f s", float64(passed(f.begun, now))/1e9)
	return fmt.Sprintf("%s  %s, %s", padLeft(elapsed, timeWidth), number(len(f.lanes)+f.gone, "task"),
		number(f.events, "event"))
}

// fitting are the lanes that fit, in order. One line is reserved to say how many do not.
func (f *Follow) fitting(rows int) []*followLane {
	if len(f.lanes) <= rows && f.gone == 0 {
		return f.lanes
	}
	rows = max(0, rows-1)
	if len(f.lanes) <= rows {
		return f.lanes
	}
	order := slices.Clone(f.lanes)
	slices.SortStableFunc(order, func(a, b *followLane) int {
		switch {
		case quieter(a, b):
			return 1
		case quieter(b, a):
			return -1
		}
		return 0
	})
	stay := make(map[*followLane]bool)
	for _, l := range order[:rows] {
		stay[l] = true
	}
	return slices.DeleteFunc(slices.Clone(f.lanes), func(l *followLane) bool { return !stay[l] })
}

// laneCells are the texts of one lane's line, harmless to a terminal.
type laneCells struct {
	when, name, stage, notes string
	nameWidth                int
	ended                    bool
}

func (f *Follow) cells(lanes []*followLane, now uint64) []laneCells {
	var list []laneCells
	nameWidth := 0
	for _, l := range lanes {
		c := laneCells{when: moment(passed(f.begun, l.last)), name: clean(l.name), stage: clean(l.stage), ended: l.ended}
		if !l.ended {
			c.stage += age(passed(l.since, now))
		}
		var notes []string
		for _, n := range slices.Backward(l.notes) {
			text := clean(n.text)
			if n.signo != 0 {
				text += ": pending"
			}
			notes = append(notes, text)
		}
		c.notes = strings.Join(notes, " · ")
		nameWidth = max(nameWidth, cells(c.name))
		list = append(list, c)
	}
	for i := range list {
		list[i].nameWidth = min(nameWidth, maxLaneName)
	}
	return list
}

// passed is the time between two moments, at least 0: records may arrive slightly out of order.
func passed(from, to uint64) int64 { return int64(min(to-min(from, to), 1<<62)) }

// age is short and does not flicker: whole seconds from ten on.
func age(ns int64) string {
	switch s := float64(ns) / 1e9; {
	case s < 0.05:
		return ""
	case s < 10:
		return fmt.Sprintf(" %.1f s", s)
	default:
		return fmt.Sprintf(" %.0f s", s)
	}
}

// lane lays out one lane within the width.
func (p *printer) lane(c laneCells) string {
	name, stage := min(c.nameWidth, max(1, p.opt.Width/4)), min(stageWidth, max(1, p.opt.Width/3))
	line := padLeft(c.when, timeWidth) + "  " + padRight(clip(c.name, name), name) + "  " +
		padRight(clip(c.stage, stage), stage)
	if rest := p.opt.Width - timeWidth - name - stage - 6; rest >= minLaneNotes {
		line += "  " + clip(c.notes, rest)
	}
	line = strings.TrimRight(clip(line, p.opt.Width), " ")
	if c.ended {
		return p.paint(dim, line)
	}
	return line
}

func padRight(s string, width int) string { return s + strings.Repeat(" ", max(0, width-cells(s))) }

// clip cuts a harmless text to width cells, with … where something is missing.
func clip(s string, width int) string {
	if cells(s) <= width {
		return s
	}
	n := 1 // for the …
	for i, r := range s {
		if n += runeCells(r); n > width {
			return s[:i] + strings.Repeat("…", min(width, 1))
		}
	}
	return s
}
