// SPDX-License-Identifier: MIT

package lanes

import (
	"fmt"

	"github.com/kmodlab/kmodlab/internal/errno"
	"github.com/kmodlab/kmodlab/internal/plain"
	"github.com/kmodlab/kmodlab/result"
)

// Bounds of what a story shows of system calls, so that a program that calls a module in a loop does not fill it. Calls
// that are alike count as one.
const (
	maxCalls     = 2000 // of all programs
	maxFileCalls = 100  // of one process on one file; and as many that fail
)

// callRun is one call of a program, with those like it that follow it at once, or what is left of the calls on a file.
type callRun struct {
	first  *result.Call
	last   *result.Call
	n      int   // calls with a record
	failed int   // of these
	gone   int   // calls without a record
	until  int64 // the end of those that ended
	open   bool  // the last one has not returned
	rest   bool  // the calls differ
}

// callPlace is a file as one process uses it.
type callPlace struct {
	pid  int
	file string
}

// calls draws the programs' system calls on files of the modules.
func (b *builder) calls(list []result.Call) {
	last := make(map[int]*callRun)
	var runs []*callRun
	for i := range list {
		c := &list[i]
		if run := last[c.By.PID]; run != nil && alike(run.first, c) {
			run.add(c)
			continue
		}
		run := &callRun{first: c, until: c.AtNS}
		run.add(c)
		last[c.By.PID] = run
		runs = append(runs, run)
	}
	for _, run := range shorter(runs) {
		b.calledRun(run)
	}
}

func (r *callRun) add(c *result.Call) {
	r.n++
	r.last = c
	r.gone += c.Omitted
	r.open = c.EndNS == nil
	if refused(c) {
		r.failed++
	}
	if c.EndNS != nil {
		r.until = max(r.until, *c.EndNS)
	}
	r.until = max(r.until, c.AtNS)
}

// refused reports whether a call did not do what it was to do.
func refused(c *result.Call) bool { return c.Ret != nil && *c.Ret < 0 }

func alike(a, b *result.Call) bool {
	same := a.Ret == b.Ret || a.Ret != nil && b.Ret != nil && *a.Ret == *b.Ret
	return same && a.By == b.By && a.Name == b.Name && a.File == b.File && a.FD == b.FD && a.Args == b.Args &&
		a.Serving == b.Serving
}

// shorter joins those calls on a file for which there is no room.
func shorter(runs []*callRun) []*callRun {
	type room struct {
		callPlace
		failed bool
	}
	shown, rest := make(map[room]int), make(map[callPlace]*callRun)
	var list []*callRun
	for _, run := range runs {
		at := callPlace{run.first.By.PID, run.first.File}
		in := room{at, run.failed > 0}
		if shown[in]++; shown[in] <= maxFileCalls && len(list) < maxCalls {
			list = append(list, run)
			continue
		}
		all := rest[at]
		switch {
		case all != nil:
			all.join(run)
		case len(rest) < maxCalls:
			run.rest = true
			rest[at] = run
			list = append(list, run)
		}
	}
	return list
}

func (r *callRun) join(more *callRun) {
	r.n += more.n
	r.failed += more.failed
	r.gone += more.gone
	r.until = max(r.until, more.until)
	r.open = r.open || more.open
	r.last = more.last
}

func (b *builder) calledRun(r *callRun) {
	c := r.first
	lane := b.who(&c.By, c.AtNS, false)
	file := Short(c.File)
	name := join(" ", Short(c.Name), file)
	what, how, tone := name, join(", ", Short(c.Args), returnedWords(c), servedWords(c)), Tone("")
	if refused(c) || c.Ret == nil {
		tone = Warn
	}
	if r.n > 1 {
		name = fmt.Sprintf("%s ×%d", name, r.n+r.gone)
		how = join(", ", how, fmt.Sprintf("%d more like it until %s", r.n-1, plain.Moment(r.last.AtNS)))
	}
	if r.rest {
		what = fmt.Sprintf("%d further calls on %s", r.n, file)
		name = what
		how, tone = fmt.Sprintf("until %s; the JSON has each of them", plain.Moment(r.until)), ""
		if r.failed > 0 {
			how, tone = join(", ", fmt.Sprintf("%d of them failed", r.failed), how), Warn
		}
	}
	if r.gone > 0 {
		how = join(", ", how, fmt.Sprintf("and %d of which no record was kept", r.gone))
	}
	subject := b.subject("call", what, c)
	event := b.event(Event{At: c.AtNS, Lane: lane, Subject: subject, Moment: "at_ns", What: what, How: how, Tone: tone})
	stage := Call
	if r.failed > 0 || r.open {
		stage = Refused
	}
	end := &r.until
	if r.open {
		end = b.programs.ends[lane] // what never returned ends with its process
	}
	b.segment(lane, stage, name, c.AtNS, end, event)
}

func returnedWords(c *result.Call) string {
	switch {
	case c.Ret == nil:
		return "has not returned"
	case *c.Ret < 0:
		return join(" ", "returned -"+errno.Name(int(-max(*c.Ret, -1<<31))), after(&c.AtNS, c.EndNS))
	}
	return join(" ", fmt.Sprintf("returned %d", *c.Ret), after(&c.AtNS, c.EndNS))
}

func servedWords(c *result.Call) string {
	if c.Serving == "" {
		return ""
	}
	return "by " + Short(c.Serving)
}
