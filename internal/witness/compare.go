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

// Compare tells where a view differs from what the guest says, and from the first view.
func Compare(first, last *View, guest Account) []Difference {
	var list []Difference
	say := func(what, format string, args ...any) {
		list = append(list, Difference{what, fmt.Sprintf(format, args...)})
	}
	if guest.Taint != last.Taint {
		say("taint", "the guest says that its taint mask is %d, and its memory has %d", guest.Taint, last.Taint)
	}
	for _, m := range last.Modules {
		said, what := slices.Contains(guest.Modules, m.Name), fmt.Sprintf("module at %#x", m.At)
		switch {
		case !m.Listed:
			say(what, "module %s is in memory, and not in the kernel's list", m.Name)
		case !m.Treed:
			say(what, "module %s is in the kernel's list, and its code is not known to the kernel", m.Name)
		case !said:
			say(what, "module %s is in memory, and the guest does not list it", m.Name)
		}
	}
	for _, name := range guest.Modules {
		if !slices.ContainsFunc(last.Modules, func(m Module) bool { return m.Name == name }) {
			say("module "+name, "the guest lists module %s, and its memory has none", name)
		}
	}
	for _, t := range last.Hidden() {
		where := "among the kernel's tasks"
		switch {
		case t.Listed:
			where = "among the kernel's process numbers"
		case !t.Numbered:
			where += ", nor among its process numbers"
		}
		say(fmt.Sprintf("task at %#x", t.At), "task %s[%d] exists, and is not %s", t.Comm, t.PID, where)
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
			say(fmt.Sprintf("program at %#x", p.At), "a program of the tracer's, %s, is gone", p.Tag)
		case last.Programs[i].Sum != p.Sum:
			say(fmt.Sprintf("program at %#x", p.At), "a program of the tracer's, %s, has other code", p.Tag)
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
			say("tracepoint "+name, "the tracepoint %s does not call what it did", name)
		}
	}
	if len(last.Changed) > 0 { // which functions may vary
		say("code", "the kernel's own code is not as it was, in %s", Names(last.Changed))
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
