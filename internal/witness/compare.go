// SPDX-License-Identifier: MIT

package witness

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Account is what a guest says of itself.
type Account struct {
	Taint   uint64   `json:"taint"`
	Modules []string `json:"modules"`
}

// Difference is one of a view: what differs, by which it is known again in another view, and a sentence without a stop.
type Difference struct{ What, Text string }

// MaxDifferences is how many sentences are kept: a guest may list, or hide, any number of things.
const MaxDifferences = 1000

// Compare tells where a view differs from what the guest says, and from the first view.
func Compare(first, last *View, guest Account) []Difference {
	var list []Difference
	listed, found := make(map[string]bool), make(map[string]bool)
	for _, name := range guest.Modules {
		listed[name] = true
	}
	say := func(what, format string, args ...any) {
		list = append(list, Difference{what, fmt.Sprintf(format, args...)})
	}
	if guest.Taint != last.Taint {
		say("taint", "the guest reports taint mask %d, but its memory holds %d", guest.Taint, last.Taint)
	}
	for _, m := range last.Modules {
		found[m.Name] = true
		what := fmt.Sprintf("module at %#x", m.At)
		switch {
		case !m.Listed:
			say(what, "module %s is in memory but missing from the kernel's list", m.Name)
		case !m.Treed:
			say(what, "module %s is in the kernel's list, but the kernel does not know its code", m.Name)
		case !listed[m.Name]:
			say(what, "module %s is in memory, but the guest does not list it", m.Name)
		}
	}
	for _, name := range guest.Modules {
		if !found[name] {
			say("module "+name, "the guest lists module %s, but it is not in memory", name)
		}
	}
	for _, t := range last.Hidden() {
		where := "not in the task list"
		switch {
		case t.Listed:
			where = "not in the table of process IDs"
		case !t.Numbered:
			where = "neither in the task list nor in the table of process IDs"
		}
		say(fmt.Sprintf("task at %#x", t.At), "task %s[%d] exists, but is %s", t.Comm, t.PID, where)
	}
	return append(list, changes(first, last)...)
}

// Hidden are the tasks that the kernel does not find in each way. A task that is being born or that ends may be among
// them for a moment. The idle tasks have no number.
func (v *View) Hidden() []Task {
	var list []Task
	for _, t := range v.Tasks {
		if !(t.Listed && t.Numbered) && t.PID != 0 {
			list = append(list, t)
		}
	}
	return list
}

// changes tells what keeps the guest's kernel from telling what it does.
func changes(first, last *View) []Difference {
	var list []Difference
	say := func(what, format string, args ...any) {
		list = append(list, Difference{what, fmt.Sprintf(format, args...)})
	}
	for _, p := range first.Programs {
		i := slices.IndexFunc(last.Programs, func(q program) bool { return q.At == p.At && q.Tag == p.Tag })
		switch {
		case i < 0:
			say(fmt.Sprintf("program at %#x", p.At), "the tracer's program %s is gone", p.Tag)
		case last.Programs[i].Sum != p.Sum:
			say(fmt.Sprintf("program at %#x", p.At), "the machine code of the tracer's program %s has changed", p.Tag)
		}
	}
	for _, s := range switches {
		switch v := last.Switches[s.name]; {
		case v == first.Switches[s.name]:
		case v == 0:
			say(s.name, "%s is 0 again", s.name)
		default:
			say(s.name, "%s is %d: %s", s.name, v, s.means)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(first.Tracepoints)) {
		if !last.Tracepoints[name].goesOn(first.Tracepoints[name]) {
			say("tracepoint "+name, "the tracepoint %s no longer calls what it called before", name)
		}
	}
	if len(last.Changed) > 0 { // which functions may vary
		say("code", "the kernel's own code has changed in %s", Names(last.Changed))
	}
	return list
}

// goesOn reports whether a tracepoint still calls what it called before. A module may have added functions of its own.
func (t tracepoint) goesOn(before tracepoint) bool {
	for _, call := range before.Calls {
		if !slices.Contains(t.Calls, call) {
			return false
		}
	}
	return !before.Enabled || t.Enabled && t.Direct
}

// Names joins some names, of many only the first.
func Names(names []string) string {
	const most = 5
	text := strings.Join(names[:min(len(names), most)], ", ")
	if n := len(names); n > most {
		text += fmt.Sprintf(" and %d more", n-most)
	}
	return text
}
