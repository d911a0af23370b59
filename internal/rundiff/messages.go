// SPDX-License-Identifier: MIT

package rundiff

import (
	"regexp"
	"slices"
	"strconv"

	"github.com/kmodlab/kmodlab/result"
)

// messages compares which lines the modules printed. How often a line came is a matter of time, and so are the numbers
// in a line that came several times, such as a counter's. Elsewhere a number counts, except pids.
func (d *differ) messages() {
	if d.a.LogLost > 0 || d.b.LogLost > 0 {
		d.Notes = append(d.Notes, "one of the runs lost lines of the kernel's log, so what modules print is not compared")
		return
	}
	before, after := linesOf(d.a), linesOf(d.b)
	gone, come := before.without(after), after.without(before)
	for _, l := range gone {
		now := line{}
		if i := slices.IndexFunc(come, func(c line) bool { return c.shape == l.shape }); i >= 0 {
			now = come[i]
			come = slices.Delete(come, i, i+1)
		}
		d.add("message", l.module, "prints", l.text, now.text)
	}
	for _, l := range come {
		d.add("message", l.module, "prints", "", l.text)
	}
}

// line is what a module printed.
type line struct {
	module, text string
	key          string // without what differs between any two runs
	shape        string // without numbers
}

var digits = regexp.MustCompile(`[0-9]+`)

// lines are what the modules of a run printed.
type lines struct {
	list   []line
	shapes map[string]int  // how many have this shape
	keys   map[string]bool // which are there
	part   map[string]bool // modules of which lines are not kept
}

func linesOf(r *result.Result) *lines {
	own := pids(r)
	l := &lines{shapes: make(map[string]int), keys: make(map[string]bool), part: make(map[string]bool)}
	for _, m := range r.Messages {
		key := digits.ReplaceAllStringFunc(unlike(m.Text), func(n string) string {
			if own[n] {
				return "…"
			}
			return n
		})
		next := line{module: m.Module, text: m.Text, key: m.Module + "\x00" + key}
		next.shape = digits.ReplaceAllString(next.key, "…")
		l.list = append(l.list, next)
		l.shapes[next.shape]++
		l.keys[next.key] = true
		l.part[m.Module] = l.part[m.Module] || m.Omitted > 0
	}
	return l
}

// pids are the pids of a run, as they are printed.
func pids(r *result.Result) map[string]bool {
	all := make(map[string]bool)
	for i := range r.Threads {
		all[strconv.Itoa(r.Threads[i].PID)], all[strconv.Itoa(r.Threads[i].Requester.PID)] = true, true
	}
	for i := range r.Signals {
		all[strconv.Itoa(r.Signals[i].From.PID)], all[strconv.Itoa(r.Signals[i].To.PID)] = true, true
	}
	for _, m := range r.Messages {
		if m.Task != nil {
			all[strconv.Itoa(m.Task.PID)] = true
		}
	}
	delete(all, "0")
	return all
}

// without are the lines that the other run does not have, each once.
func (l *lines) without(other *lines) []line {
	said := make(map[string]bool)
	var list []line
	for _, m := range l.list {
		there, key := other.keys[m.key], m.key
		if l.shapes[m.shape] > 1 || other.shapes[m.shape] > 1 {
			there, key = other.shapes[m.shape] > 0, m.shape
		}
		if !there && !said[key] && !other.part[m.module] {
			said[key] = true
			list = append(list, m)
		}
	}
	return list
}
