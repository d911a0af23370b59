// SPDX-License-Identifier: MIT

package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/kmodlab/kmodlab/result"
)

// Widths of the story's columns. They grow with their longest cell, up to a bound; longer cells wrap.
const (
	timeWidth = 9
	maxWho    = 22
	maxWhat   = 42
	narrow    = 90 // below this width, what and how share one column
)

// story lays the rows out in columns: time, who, what, how.
func (p *printer) story(rows []row) {
	if len(rows) == 0 {
		return
	}
	p.title("The story")
	p.rows(rows)
}

func (p *printer) rows(rows []row) {
	who, what := 0, 0
	for _, r := range rows {
		who = max(who, min(cells(r.who), maxWho, p.opt.Width/4))
		if r.how != "" {
			what = max(what, min(cells(r.what), maxWhat))
		}
	}
	for _, r := range rows {
		when := ""
		if r.timed {
			when = moment(r.at)
		}
		columns := []column{{text: padLeft(when, timeWidth), width: timeWidth}, {text: r.who, width: who}}
		rest := p.opt.Width - timeWidth - who - 4
		switch {
		case r.how == "":
			columns = append(columns, column{text: r.what, width: rest, color: r.color})
		case p.opt.Width < narrow:
			columns = append(columns, column{text: r.what + ": " + r.how, width: rest, color: r.color})
		default:
			columns = append(columns, column{text: r.what, width: what},
				column{text: r.how, width: rest - what - 2, color: r.color})
		}
		p.columns(columns)
	}
}

// moment prints a time since the start.
func moment(ns int64) string {
	switch {
	case ns < 0:
		return "-" + moment(-max(ns, -1<<62))
	case ns < 999_950_000:
		return fmt.Sprintf("%.1f ms", float64(ns)/1e6)
	case ns < 999_999_500_000:
		return fmt.Sprintf("%.3f s", float64(ns)/1e9)
	}
	return fmt.Sprintf("%.0f s", float64(ns)/1e9)
}

type column struct {
	text  string
	width int
	color color
}

// columns prints one row, each cell wrapped within its own column.
func (p *printer) columns(cols []column) {
	lines := make([][]string, len(cols))
	most := 1
	for i, c := range cols {
		lines[i] = wrap(c.text, max(1, c.width))
		most = max(most, len(lines[i]))
	}
	for n := range most {
		var b strings.Builder
		blanks := 0 // spaces still to print; none at the end of a line
		for i, c := range cols {
			cell := ""
			if n < len(lines[i]) {
				cell = lines[i][n]
			}
			if cell != "" {
				b.WriteString(strings.Repeat(" ", blanks))
				b.WriteString(p.paint(c.color, cell))
				blanks = 0
			}
			blanks += max(0, c.width-cells(cell)) + 2
		}
		fmt.Fprintln(p.w, strings.TrimRight(b.String(), " "))
	}
}

func sum(list []int) int {
	n := 0
	for _, v := range list {
		n += v
	}
	return n
}

func widest(list []int) int {
	at := 0
	for i, v := range list {
		if v > list[at] {
			at = i
		}
	}
	return at
}

// table prints rows under heads. Each column is as wide as its longest cell, except the last, which takes the remaining
// width and wraps.
func (p *printer) table(heads []string, rows [][]string) {
	width := make([]int, len(heads))
	for _, r := range append([][]string{heads}, rows...) {
		for i, cell := range r {
			width[i] = max(width[i], min(cells(cell), p.opt.Width/3))
		}
	}
	last := len(width) - 1
	for used := 2*len(heads) + sum(width[:last]); ; used-- {
		if width[last] = p.opt.Width - used; width[last] >= min(16, p.opt.Width/5) {
			break
		}
		width[widest(width[:last])]--
	}
	for _, r := range append([][]string{heads}, rows...) {
		cols := []column{{}}
		for i, cell := range r {
			cols = append(cols, column{text: cell, width: width[i]})
		}
		p.columns(cols)
	}
}

func (p *printer) phases(phases []result.Phase) {
	if len(phases) == 0 {
		return
	}
	p.title("Phases")
	var rows [][]string
	for _, f := range phases {
		note := f.Where
		if f.Cached {
			note = join(", ", note, "cached")
		}
		rows = append(rows, []string{clean(f.Name), span(int64(f.MS * 1e6)), clean(note)})
	}
	p.table([]string{"phase", "took", "note"}, rows)
}

func (p *printer) commands(commands []result.Command) {
	for i, c := range commands {
		if i == 0 {
			p.title("Commands")
		}
		p.para("  # ", clean(strings.Join(c.Argv, " ")))
		if out := strings.TrimRight(c.Output, "\r\n"); out != "" {
			for line := range strings.SplitSeq(out, "\n") {
				p.para("    ", clean(strings.TrimRight(line, "\r ")))
			}
		}
		if c.Exit != 0 {
			p.para("    ", fmt.Sprintf("(exit %d)", c.Exit))
		}
	}
}

// counts holds the figures of the summary.
type counts struct {
	modules, loads, threads, requests, signals, background, fired uint64
}

func count(r *result.Result) counts {
	var c counts
	tally := func(n *uint64, background bool) {
		if background {
			n = &c.background
		}
		*n++
	}
	names := make(map[string]bool)
	for _, m := range r.Modules {
		if !m.Background {
			c.loads++
		}
		if !names[m.Name] {
			names[m.Name] = true
			tally(&c.modules, m.Background)
		}
	}
	for _, t := range r.Threads {
		tally(&c.threads, t.Background)
	}
	for _, q := range r.Requests {
		tally(&c.requests, q.Background)
	}
	for _, s := range r.Signals {
		tally(&c.signals, s.Background)
	}
	for _, h := range r.Hooks {
		if h.Fired > 0 {
			c.fired++
		}
	}
	return c
}

// lostKinds lists the kinds of lost records, most frequent first.
func lostKinds(byKind map[string]uint64) string {
	var parts []string
	for _, kind := range sortedKinds(byKind) {
		parts = append(parts, fmt.Sprintf("%d %s", byKind[kind], clean(kind)))
	}
	if len(parts) == 0 {
		return ""
	}
	return " (" + strings.Join(parts, ", ") + ")"
}

func sortedKinds(byKind map[string]uint64) []string {
	kinds := make([]string, 0, len(byKind))
	for kind, n := range byKind {
		if n > 0 {
			kinds = append(kinds, kind)
		}
	}
	slices.SortFunc(kinds, func(a, b string) int {
		return cmp.Or(cmp.Compare(byKind[b], byKind[a]), cmp.Compare(a, b))
	})
	return kinds
}
