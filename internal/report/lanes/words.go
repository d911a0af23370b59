// SPDX-License-Identifier: MIT

package lanes

import (
	"fmt"
	"strconv"
	"strings"
)

// words are what people read for the names of the contract, by the kind of subject and the path with [] for an index.
// "*" holds for every kind. A name that is not here is read as it is written, with blanks for its marks.
var words = map[string]map[string]string{
	"thread": {
		"requester":                "requested by",
		"stages_ns.picked_up":      "taken by kthreadd",
		"stages_ns.created":        "handed to the requester",
		"stages_ns.function":       "function called",
		"stages_ns.stop_asked":     "asked to stop",
		"stages_ns.stop_seen":      "saw the stop request",
		"stages_ns.exited":         "ended at",
		"stages_ns.stop_returned":  "kthread_stop returned",
		"stages_ns.module_freed":   "its module was freed",
		"stops":                    "calls of kthread_stop",
		"stop_ret":                 "kthread_stop gave",
		"result":                   "return value",
		"alive":                    "still alive",
		"ended":                    "how it ended",
		"ending":                   "kind of end",
		"inexact":                  "matched by function and argument only",
		"create_ret":               "kthread_create gave",
		"flags":                    "task flags",
		"node":                     "memory node",
		"cpu":                      "bound to CPU",
		"stop_calls[].by":          "stop %d: called by",
		"stop_calls[].asked_ns":    "stop %d: called",
		"stop_calls[].returned_ns": "stop %d: returned",
		"stop_calls[].ret":         "stop %d: gave",
		"parks[].by":               "park %d: called by",
		"parks[].asked_ns":         "park %d: called",
		"parks[].parked_ns":        "park %d: parked",
		"parks[].returned_ns":      "park %d: returned",
		"parks[].ret":              "park %d: gave",
		"parks[].unparked_by":      "park %d: unparked by",
		"parks[].unparked_ns":      "park %d: unparked",
		"works[].function":         "work %d: function",
		"works[].by":               "work %d: queued by",
		"works[].queued_ns":        "work %d: queued",
		"works[].started_ns":       "work %d: started",
		"works[].ended_ns":         "work %d: ended",
		"wakeups[].by":             "wake-up %d: by",
		"wakeups[].at_ns":          "wake-up %d",
		"wakeups[].omitted":        "wake-up %d: further ones, not listed",
	},
	"request": {
		"name":                "asked for",
		"wait":                "waits for the helper",
		"returned":            "return value",
		"meaning":             "which means",
		"helper.path":         "helper",
		"helper.argv":         "command",
		"helper.pid":          "pid of the helper",
		"helper.exit":         "exit status",
		"helper.env":          "environment",
		"helper.killed_by":    "killed by",
		"helper.not_executed": "could not be executed",
		"loaded":              "modules loaded",
		"stages_ns.asked":     "called",
		"stages_ns.named":     "name known",
		"stages_ns.throttled": "passed the limiter",
		"stages_ns.queued":    "helper queued",
		"stages_ns.forked":    "helper forked",
		"stages_ns.exec":      "helper executed",
		"stages_ns.loaded":    "module loaded",
		"stages_ns.exited":    "helper ended",
		"stages_ns.waited":    "exit status known",
		"stages_ns.duplicate": "other request ended",
		"stages_ns.returned":  "returned",
		"throttled_ns":        "time in the limiter",
		"duplicate":           "same name already requested",
		"modules[].name":      "module %d",
		"modules[].init_ns":   "module %d: init took",
		"modules[].init_ret":  "module %d: init returned",
	},
	"signal": {
		"signo":        "number",
		"from":         "sent by",
		"to":           "sent to",
		"outcome":      "what became of it",
		"reason":       "why",
		"site":         "taken in",
		"group":        "to the whole process",
		"sender":       "kind of sender",
		"syscall":      "system call",
		"siginfo.code": "si_code",
		"siginfo.name": "kind of sending",
		"siginfo.pid":  "pid of the sender",
		"siginfo.uid":  "user of the sender",
		"target_state": "the target was",
	},
	"module": {
		"depends":      "needs",
		"init_ms":      "init took",
		"init_ret":     "init returned",
		"loaded":       "was loaded",
		"unloaded":     "was unloaded",
		"by":           "loaded by",
		"freed_by":     "unloaded by",
		"loaded_ns":    "loaded at",
		"freed_ns":     "unloaded at",
		"refs[].at_ns": "reference %d: at",
		"refs[].put":   "reference %d: dropped",
		"refs[].count": "reference %d: count",
		"refs[].by":    "reference %d: by",
		"refs_before":  "references before these",
		"refcount":     "references at the end",
	},
	"test": {
		"argv": "command", "exit": "exit status", "ms": "took", "start_ns": "started", "end_ns": "ended",
		"timed_out": "ran out of time", "left": "processes that it left", "signal": "killed by", "place": "where",
		"omitted": "bytes of output not kept", "untold": "subtests not read",
	},
	"process": {
		"task": "process", "parent": "parent's PID", "start_ns": "forked", "end_ns": "ended", "exit": "exit status",
		"killed_by": "killed by", "execs[].at_ns": "program %d: at", "execs[].path": "program %d",
	},
	"call": {
		"by": "called by", "name": "system call", "fd": "descriptor", "module": "module that serves it", "args": "given",
		"ret": "returned", "at_ns": "called at", "end_ns": "returned at", "serving": "served by",
		"omitted": "further calls not kept",
	},
	"*": {
		"background": "of other modules",
		"unknown":    "not known",
		"refs":       "references",
		"pid":        "PID",
		"cpu":        "CPU",
	},
}

// stackTitles are the stacks, as headings.
var stackTitles = map[string]string{
	"thread stack":              "Stack of the requester",
	"thread stop_calls[].stack": "Stack of stop %d",
	"request stack":             "Stack of the caller",
}

// moments are the labels of events, by the moment with [] for an index. They are as short as a button.
var moments = map[string]string{
	"picked_up":                "taken by kthreadd",
	"created":                  "handed over",
	"function":                 "function called",
	"exited":                   "ended",
	"start_ns":                 "started",
	"end_ns":                   "ended",
	"execs[].at_ns":            "program %d",
	"refs[].at_ns":             "reference %d",
	"stop_calls[].asked_ns":    "stop %d",
	"stop_calls[].returned_ns": "stop %d returned",
	"parks[].asked_ns":         "park %d",
	"parks[].parked_ns":        "parked",
	"parks[].returned_ns":      "park %d returned",
	"parks[].unparked_ns":      "unparked",
	"works[].queued_ns":        "work %d queued",
	"works[].started_ns":       "work %d started",
	"works[].ended_ns":         "work %d ended",
	"wakeups[].at_ns":          "wake-up %d",
}

// fieldWords is the name of a field for people.
func fieldWords(kind, path string) string {
	plain, n := unindexed(path)
	for _, kind := range []string{kind, "*"} {
		if w, ok := words[kind][plain]; ok {
			return numbered(w, n)
		}
	}
	return readable(path)
}

func stackWords(kind, path string) string {
	plain, n := unindexed(path)
	if w, ok := stackTitles[kind+" "+plain]; ok {
		return numbered(w, n)
	}
	return "Stack: " + readable(strings.TrimSuffix(path, "stack"))
}

// label is the name of a moment for people.
func label(moment string) string {
	plain, n := unindexed(moment)
	if w, ok := moments[plain]; ok {
		return numbered(w, n)
	}
	return readable(moment)
}

// unindexed returns a path with [] for its first index, and that index.
func unindexed(path string) (plain string, n int) {
	before, rest, found := strings.Cut(path, "[")
	digits, after, closed := strings.Cut(rest, "]")
	n, err := strconv.Atoi(digits)
	if !found || !closed || err != nil {
		return path, 0
	}
	return before + "[]" + after, n
}

// numbered puts an index into words, where people count from 1.
func numbered(words string, n int) string {
	if !strings.Contains(words, "%d") {
		return words
	}
	return fmt.Sprintf(words, n+1)
}

// readable makes a path of the contract readable: no unit, no marks. What comes before a dot is said only where it says
// more than "the times".
func readable(path string) string {
	path = strings.TrimPrefix(path, "stages_ns.")
	path = strings.TrimSuffix(strings.TrimSuffix(path, "_ns"), "_ms")
	plain, n := unindexed(path)
	if plain != path {
		path = strings.Replace(plain, "[]", fmt.Sprintf(" %d", n+1), 1)
	}
	return strings.TrimSpace(strings.NewReplacer("_", " ", ".", " ", "[", " ", "]", " ").Replace(path))
}
