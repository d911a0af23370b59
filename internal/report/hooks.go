// SPDX-License-Identifier: MIT

package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kmodlab/kmodlab/result"
)

// hooks is the table of the tracer's hooks.
func (p *printer) hooks(hooks []result.Hook) {
	if len(hooks) == 0 {
		return
	}
	p.title("Hooks")
	measured := slices.ContainsFunc(hooks, func(h result.Hook) bool { return h.Runs > 0 })
	heads := []string{"hook", "kind", "state", "fired"}
	if measured {
		heads = append(heads, "ns/call")
	}
	var rows [][]string
	for _, h := range hooks {
		cells := []string{clean(h.Name), clean(h.Kind), hookState(h, selfTestRan(hooks)), fmt.Sprint(h.Fired)}
		if measured {
			cells = append(cells, perCall(h))
		}
		note := clean(h.Note)
		if h.Fallback != "" {
			note = join("; ", "fallback: "+clean(h.Fallback), note)
		}
		rows = append(rows, append(cells, note))
	}
	p.table(append(heads, "note"), rows)
}

// selfTestRan reports whether there was a self-test: without one, no hook at all is proved.
func selfTestRan(hooks []result.Hook) bool {
	return slices.ContainsFunc(hooks, func(h result.Hook) bool { return h.Proved })
}

func hookState(h result.Hook, tested bool) string {
	switch {
	case !h.Attached:
		return "not attached"
	case h.Proved:
		return "proved"
	case tested:
		return "NOT PROVED"
	}
	return "attached"
}

// perCall is what one call of a hook costs, "" if that was not measured.
func perCall(h result.Hook) string {
	if h.Runs == 0 {
		return ""
	}
	return fmt.Sprint(h.RunNS / h.Runs)
}

// unproved says what is unknown because hooks record nothing. Where many are silent, as after an early crash, the names
// would fill half a screen between the crash and the verdict, so there is only their number.
func (p *printer) unproved(r *result.Result) {
	var silent []string
	for _, h := range r.Hooks {
		if !h.Proved && (!h.Attached || selfTestRan(r.Hooks)) && (len(h.Kinds) == 0 || hides(h, r.Unknown)) {
			silent = append(silent, clean(h.Name))
		}
	}
	lost := unknownWords(r.Unknown)
	if len(silent) == 0 && len(lost) == 0 {
		return
	}
	words := ""
	if len(silent) > 0 {
		words = "not proved: " + strings.Join(silent, ", ")
	}
	if len(lost) > 0 {
		what := strings.Join(lost, ", ")
		words = join("; ", words, "so it is not known "+what)
		if len(silent) == 0 {
			words = "not known: " + what
		}
	}
	if !p.opt.Verbose {
		words += " (-v)"
		if cells(words) > p.opt.Width {
			words = unprovedCount(len(silent), len(r.Hooks), len(lost))
		}
	}
	p.para("", words)
}

// unprovedCount is unproved in one line.
func unprovedCount(silent, hooks, lost int) string {
	kinds := plural(uint64(lost), "kind of event", "kinds of events")
	switch {
	case silent == 0:
		return fmt.Sprintf("%s not known (-v lists them)", kinds)
	case lost == 0:
		return fmt.Sprintf("%d of %d hooks not proved (-v lists them)", silent, hooks)
	}
	return fmt.Sprintf("%d of %d hooks not proved, so %s not known (-v lists them)", silent, hooks, kinds)
}

// hides reports whether a hook's absence hides anything: it does not if other hooks write its records too.
func hides(h result.Hook, unknown map[string]string) bool {
	return slices.ContainsFunc(h.Kinds, func(kind string) bool { _, ok := unknown[kind]; return ok })
}

// hidden says for each kind of record what is not known without it.
var hidden = []struct{ kind, words string }{
	{"thread_requested", "where threads are requested"},
	{"thread_picked_up", "when kthreadd takes a request"},
	{"thread_forked", "when threads are forked"},
	{"thread_first_run", "when threads first run"},
	{"thread_created", "when requesters get their threads"},
	{"thread_woken", "who wakes new threads"},
	{"thread_function", "when thread functions are called"},
	{"thread_stop_asked", "who stops threads"},
	{"thread_stop_seen", "when threads see the stop request"},
	{"thread_stop_returned", "when kthread_stop returns"},
	{"task_exited", "when threads and helpers end"},
	{"task_freed", "when threads are freed"},
	{"request_asked", "where request_module is called"},
	{"request_named", "how long requests are throttled"},
	{"request_admitted", "when requests pass the limiter"},
	{"request_returned", "what request_module returns"},
	{"request_duplicate", "which requests are duplicates"},
	{"helper_queued", "which helper serves a request"},
	{"helper_forked", "which task a helper is"},
	{"helper_waited", "when the kernel gets a helper's exit status"},
	{"task_execed", "when helpers are executed"},
	{"module_loaded", "when modules are loaded"},
	{"module_init_begin", "how long inits take"},
	{"module_init_end", "what inits return"},
	{"module_freed", "when modules are freed"},
	{"module_got", "who takes references to modules"},
	{"module_put", "who drops references to modules"},
	{"tainted", "what taints the kernel"},
	{"signal_sent", "where and why signals are sent"},
	{"signal_generated", "which signals are queued"},
	{"signal_dequeued", "who dequeues signals"},
	{"signal_flushed", "who flushes signals"},
	{"signal_delivered", "what processes do with signals"},
	{"signal_allowed", "which signals threads allow"},
	{"thread_bound", "which CPU threads are bound to"},
	{"thread_park_asked", "who parks threads"},
	{"thread_parked", "when threads are parked"},
	{"thread_park_returned", "when kthread_park returns"},
	{"thread_unparked", "who unparks threads"},
	{"work_queued", "who queues work items"},
	{"work_started", "when work items start"},
	{"work_ended", "when work items end"},
	{"process_woke", "which threads programs wake"},
}

// unknownWords says what is not known, in the order of hidden.
func unknownWords(unknown map[string]string) []string {
	var parts []string
	for _, h := range hidden {
		if _, ok := unknown[h.kind]; ok {
			parts = append(parts, h.words)
		}
	}
	return parts
}
