// SPDX-License-Identifier: MIT

package leaks

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/kmodlab/kmodlab/internal/lazyregexp"
	"github.com/kmodlab/kmodlab/result"
)

// Profile counts how often the kernel ran each probe, and how often it did not: a kprobe is left out while another one
// runs on the same CPU. Where an interrupt comes within a probe, all that is called in it is missed, such as the end of
// a task that RCU frees.
const Profile = Tracing + "/kprobe_profile"

var profiled = lazyregexp.New(`^\s*([a-z0-9]+)_([a-z]+)_\d+\s+\d+\s+(\d+)\s*$`)

// Accuses reports whether the ledger holds something against the modules, so that it matters what was missed.
func (l *Ledger) Accuses(modules []string) bool { return len(l.twice) > 0 || l.Holds(modules) }

// Missed enters the contents of Profile, and returns how many hits were missed. What was missed may be that a thing was
// given back, or taken, so nothing is claimed of its kind.
func (l *Ledger) Missed(profile []byte, modules []string) (sum uint64) {
	missed := make(map[string]uint64)
	for line := range bytes.Lines(profile) {
		if m := profiled.FindSubmatch(line); m != nil {
			n, _ := strconv.ParseUint(string(m[3]), 10, 63)
			missed[string(m[1])] += n
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(missed)) {
		if missed[kind] == 0 {
			continue
		}
		if l.plan.Missed == nil {
			l.plan.Missed = make(map[string]uint64)
		}
		l.plan.Missed[kind] = missed[kind]
		sum += missed[kind]
		l.uncheckedMissed(kind, modules)
	}
	return sum
}

// Dying reports whether a task to which a module has a reference has ended and is not freed: RCU may be about to drop
// the last one. If probes at tasks were missed, waiting tells nothing.
func (l *Ledger) Dying(modules []string) bool {
	if l.plan.Missed["task"] > 0 {
		return false
	}
	for of, list := range l.held {
		ours := func(e entry) bool { return e.place.Name == "" || slices.Contains(modules, e.place.Module) }
		if of.kind == "task" && l.dead[of.ptr] && slices.ContainsFunc(list, ours) {
			return true
		}
	}
	return false
}

// unseen reports whether things of a kind may have been given back without a record of it.
func (l *Ledger) unseen(kind string) bool { return l.plan.Unseen[kind] || l.plan.Missed[kind] > 0 }

// uncheckedMissed says of the modules that hold things of a kind that nothing is claimed of these.
func (l *Ledger) uncheckedMissed(kind string, modules []string) {
	holds := make(map[string]bool)
	for t, list := range l.held {
		for _, e := range list {
			if t.kind == kind && !e.idle {
				holds[e.place.Module] = true
			}
		}
	}
	for _, module := range modules {
		what := manyOf(kind)
		told := func(u result.Unchecked) bool { return u.Module == module && u.What == what }
		if what == "" || !holds[module] && !holds[""] || slices.ContainsFunc(l.plan.Unchecked, told) {
			continue
		}
		l.plan.Unchecked = append(l.plan.Unchecked, result.Unchecked{
			Module: module, What: what, Function: l.taker(kind, module), Why: fmt.Sprintf("the kernel missed %s of the probes, "+
				"so they may have been given back", times(l.plan.Missed[kind])),
		})
	}
}

func times(n uint64) string {
	if n == 1 {
		return "one hit"
	}
	return fmt.Sprintf("%d hits", n)
}

// taker is a function with which a module takes things of a kind.
func (l *Ledger) taker(kind, module string) string {
	for _, function := range slices.Sorted(maps.Keys(l.plan.importers)) {
		if takes(kind, trimmed(function)) && slices.Contains(l.plan.importers[function], module) {
			return function
		}
	}
	if kind == "task" {
		return "get_task_struct" // is inlined
	}
	return strings.TrimSpace(kind)
}

// manyOf are the things of a kind in words.
func manyOf(kind string) string {
	switch pair := pairOf[kind]; {
	case pair != nil:
		return pair.Many
	case kind == "task" || kind == "pid":
		return "references to " + kind + "s"
	}
	return rawKinds[kind]
}
