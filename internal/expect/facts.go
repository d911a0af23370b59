// SPDX-License-Identifier: MIT

package expect

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/kmodlab/kmodlab/result"
)

// hidden says which fields say nothing if a fact is in their member's Unknown. A fact that is the name of a field of
// the member, and of nothing else, needs no line.
var hidden = map[string]map[string][]string{
	"Thread": {
		"requested": {"stages_ns.requested", "node"}, "picked_up": {"stages_ns.picked_up"},
		"first_run": {"stages_ns.first_run"}, "created": {"stages_ns.created", "create_ret"},
		"woken": {"stages_ns.woken", "woken_by"}, "function": {"stages_ns.function"},
		"stop_asked": {"stages_ns.stop_asked", "stopped_by", "stop_calls"}, "stop_seen": {"stages_ns.stop_seen"},
		"exited": {"stages_ns.exited"}, "stop_returned": {"stages_ns.stop_returned", "stop_ret", "stop_calls"},
		"freed": {"stages_ns.freed"}, "module_freed": {"stages_ns.module_freed"},
		"alive": {"alive", "ended", "ending"}, "result": {"result", "ended"}, "requester": {"requester", "stack"},
	},
	"Request": {
		"asked": {"stages_ns.asked"}, "named": {"stages_ns.named"}, "throttled": {"stages_ns.throttled", "throttled_ns"},
		"queued": {"stages_ns.queued"}, "forked": {"stages_ns.forked"}, "exec": {"stages_ns.exec"},
		"loaded": {"stages_ns.loaded", "loaded"}, "exited": {"stages_ns.exited"}, "waited": {"stages_ns.waited"},
		"returned": {"stages_ns.returned", "returned", "meaning"}, "pid": {"helper.pid"},
		"exit":      {"helper.exit", "helper.killed_by"},
		"duplicate": {"stages_ns.duplicate", "duplicate"}, "modules": {"modules", "loaded"}, "by": {"by", "stack"},
	},
	"Module": {"freed_ns": {"freed_ns", "freed_by"}},
	"Signal": {
		"from": {"from", "sender", "syscall", "siginfo"}, "outcome": {"outcome", "reason"},
		"consumed_ns": {"consumed_ns", "site"},
	},
}

// facts are the names in a member's field Unknown.
func (o *object) facts() []string {
	if o.of.unknown < 0 {
		return nil
	}
	facts, _ := o.v.Field(o.of.unknown).Interface().([]string)
	return facts
}

// hides reports whether a field says nothing, because the fact behind it was not recorded. What was seen
// nevertheless counts: a time, a thing, the members of a list.
func (o *object) hides(path string, v reflect.Value) bool {
	if o.member == nil {
		return false
	}
	switch v.Kind() {
	case reflect.Pointer:
		return v.IsNil() && o.member.hidesPath(path)
	case reflect.Slice:
		return v.Len() == 0 && o.member.hidesPath(path)
	}
	return o.member.hidesPath(path)
}

func (o *object) hidesPath(path string) bool {
	for _, fact := range o.facts() {
		paths, ok := hidden[o.of.name][fact]
		if slices.Contains(paths, path) || !ok && fact == path {
			return true
		}
	}
	return false
}

// unrecordedIn reports whether a null in a list's member, such as works[0].started_ns, is one that nothing recorded.
func (o *object) unrecordedIn(path string) bool {
	list, _, inList := strings.Cut(path, "[")
	return inList && o.hidesPath(list)
}

// sources are the kinds of record that lists are made from. A list may be incomplete if none of its kinds is recorded.
var sources = map[string][]string{
	"threads":   {"thread_requested", "thread_created"},
	"requests":  {"request_asked", "request_named"},
	"signals":   {"signal_sent", "signal_generated"},
	"processes": {"process_forked"},
	"calls":     {"call_entered"},
}

// unrecordedList says why a list of the result may be incomplete on this kernel, nil if it is not.
func unrecordedList(r *result.Result, name string) *unseen {
	kinds := sources[name]
	if len(kinds) == 0 {
		return nil
	}
	for _, kind := range kinds {
		if _, ok := r.Unknown[kind]; !ok {
			return nil
		}
	}
	why := fmt.Sprintf("%s are not recorded on this kernel", name)
	if reason := r.Unknown[kinds[0]]; reason != "" {
		why += ": " + phrase(reason)
	}
	return &unseen{path: name, unrecorded: true, why: why}
}
