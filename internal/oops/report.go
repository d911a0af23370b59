// SPDX-License-Identifier: MIT

package oops

import (
	"strings"

	"github.com/kmodlab/kmodlab/internal/lazyregexp"
	"github.com/kmodlab/kmodlab/result"
)

// report is one complaint while its lines go by.
type report struct {
	*header
	first   string // the header's line
	caller  string
	message string // what a WARNING says before its header
	log     []string
	cut     bool // lines beyond maxLogLines were left out
	trace   bool // inside or behind a call trace
	ended   bool // the end mark was seen; only registers may follow
	site    string
	frames  []string
}

var (
	ripLine   = lazyregexp.New(`^RIP: (?:[0-9a-f]{4}:)?(\S+)`)
	frameLine = lazyregexp.New(`^ {1,2}(\? )?([A-Za-z_.$][\w.$]*\+0x[0-9a-f]+)/0x[0-9a-f]+( \[[\w-]+[^\]]*\])?$`)
	// What an oops prints behind its end mark, and around its call trace.
	register = lazyregexp.New(`^(?:RIP|RSP|RAX|RDX|RBP|R\d\d|FS|CS|CR2|DR\d|PKRU|EFLAGS|Code|Call Trace|Modules linked in|CPU|Hardware name|Workqueue|Tainted|note|Stack): ?|^(?:R\d\d|CR2|DR\d): `)
	// What stands in every report and says nothing of where it went wrong.
	waiting = lazyregexp.New(`^(?:__)?(?:schedule|schedule_timeout|schedule_preempt_disabled|wait_for_|io_schedule|` +
		`mutex_lock|down|rwsem_down|rt_mutex|sched_show_task|show_stack|dump_stack|print_|rcu_|sched_show|dump_cpu_task|nmi_|` +
		`schedule_bug|might_resched|might_sleep|ubsan_|warn|report_bug|handle_bug|exc_|asm_|die|page_fault_oops)[\w.]*\+`)
)

// foreign lines come from another context while this report prints; only a
// console that names its contexts tells.
func (r *report) foreign(l line) bool {
	return r.caller != "" && l.caller != "" && l.caller != r.caller && !r.ended
}

// continues reports whether a line belongs to the open report.
func (r *report) continues(h *header, l line) bool {
	text := l.text
	switch {
	case h != nil:
		// A fault names itself in two or three headers before its trace.
		return h.inner && !r.trace && !r.ended && r.class == result.Oops && !strings.HasPrefix(r.first, "WARNING")
	case strings.HasPrefix(text, "------------[ cut here ]"):
		return false
	case r.class == result.Panic && strings.HasPrefix(text, "---[ end Kernel panic"):
		return true
	case r.ended:
		return register.MatchString(text)
	case r.short && r.trace && !strings.HasPrefix(text, " ") && !register.MatchString(text):
		return false
	}
	return true
}

func (r *report) add(l line) {
	text := l.text
	switch {
	case strings.HasPrefix(text, "Call Trace:"):
		r.trace = true
	case strings.HasPrefix(text, "---[ end trace"), strings.HasPrefix(text, "---[ end Kernel panic"):
		r.ended = true
	case strings.HasPrefix(text, " </TASK>") && r.short:
		r.ended = true
	}
	if m := ripLine.FindStringSubmatch(text); m != nil && r.site == "" && !strings.HasPrefix(text, "RIP: 0033:") {
		r.site = place(m[1], text)
	}
	if m := frameLine.FindStringSubmatch(text); m != nil && m[1] == "" && len(r.frames) < maxLogLines {
		r.frames = append(r.frames, m[2]+m[3])
	}
	if len(r.log) < maxLogLines {
		r.log = append(r.log, text)
	} else {
		r.cut = true
	}
}

// place prints a RIP as function+offset, with its module where the line has it.
func place(rip, text string) string {
	if strings.HasPrefix(rip, "0x") {
		return rip // code without a name: freed, or never any
	}
	name, _, _ := strings.Cut(rip, "/")
	if _, module, ok := strings.Cut(text, rip+" ["); ok {
		if module, _, ok = strings.Cut(module, "]"); ok {
			name += " [" + module + "]"
		}
	}
	return name
}

func (r *report) crash() result.Crash {
	c := result.Crash{Class: r.class, Log: r.log}
	if r.cut {
		c.Log = append(c.Log, "… (the rest of this report is left out)")
	}
	m := r.line.FindStringSubmatchIndex(r.first)
	c.Title = string(r.line.ExpandString(nil, r.title, r.first, m))
	if r.message != "" && strings.HasPrefix(c.Title, "WARNING at ") {
		c.Title = "WARNING: " + strings.TrimRight(r.message, ".") + strings.TrimPrefix(c.Title, "WARNING")
	}
	if where := r.where(); where != "" && r.class != result.Panic {
		c.Title += " in " + where
	}
	return c
}

// where is the instruction that faulted or was caught, or else the innermost
// frame in a module, or else the innermost that says something: a task that
// waits always stands in the scheduler.
func (r *report) where() string {
	if r.site != "" {
		return r.site
	}
	for _, f := range r.frames {
		if strings.HasSuffix(f, "]") {
			return f
		}
	}
	for _, f := range r.frames {
		if !waiting.MatchString(f) {
			return f
		}
	}
	return ""
}
