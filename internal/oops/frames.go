// SPDX-License-Identifier: MIT

package oops

import (
	"strconv"
	"strings"

	"github.com/kmodlab/kmodlab/internal/lazyregexp"
	"github.com/kmodlab/kmodlab/result"
)

var (
	ripLine = lazyregexp.New(`^RIP: ([0-9a-f]{4}):(.+)$`)
	// function+0xoffset/0xsize [module build-id], or a bare address.
	place     = `(?:([A-Za-z_.$][\w.$]*)\+0x([0-9a-f]{1,16})/0x([0-9a-f]{1,16})(?: \[([\w-]+)[^\]]*\])?|0x([0-9a-f]{1,16}))`
	frameLine = lazyregexp.New(`^ {1,2}(\? )?` + place + `$`)
	ripPlace  = lazyregexp.New(`^` + place)
	// Functions that are in every such report and do not say where it went wrong.
	waiting = lazyregexp.New(`^(?:__)?(?:schedule|schedule_timeout|schedule_preempt_disabled|wait_for_|io_schedule|` +
		`mutex_lock|down|rwsem_down|rt_mutex|sched_show_task|show_stack|dump_stack|print_|rcu_|sched_show|dump_cpu_task|nmi_|` +
		`schedule_bug|might_resched|might_sleep|ubsan_|warn|report_bug|handle_bug|exc_|asm_|die|page_fault_oops)[\w.]*\+`)
)

// userCode is the code segment of programs; their RIP is not a place in the kernel.
const userCode = "0033"

// addFrame takes an instruction or a line of the first call trace. Later traces in a report belong to other tasks.
func (r *report) addFrame(text string) {
	if len(r.frames) >= maxFrames || r.ended || r.others {
		return
	}
	if m := ripLine.FindStringSubmatch(text); m != nil && m[1] != userCode {
		if p := ripPlace.FindStringSubmatch(m[2]); p != nil {
			f := frameOf(p[1:])
			f.Reliable, f.Exact = true, true
			r.frames = append(r.frames, f)
		}
		return
	}
	m := frameLine.FindStringSubmatch(text)
	if m == nil || !r.trace || r.traces > 1 {
		return
	}
	f := frameOf(m[2:])
	f.Reliable = m[1] == ""
	r.bottom = bottomFrame.MatchString(f.Function)
	r.frames = append(r.frames, f)
}

// frameOf reads the submatches of place.
func frameOf(m []string) result.Frame {
	hex := func(s string) uint64 {
		n, _ := strconv.ParseUint(s, 16, 64) // the pattern admits only valid numbers; an absent one is 0
		return n
	}
	return result.Frame{Function: m[0], Offset: hex(m[1]), Size: hex(m[2]), Module: m[3], Address: hex(m[4])}
}

// where is the instruction that faulted or was caught, else the innermost frame in a module, else the innermost frame
// that says something: a waiting task is always in the scheduler.
func (r *report) where() string {
	for i := range r.frames {
		if r.frames[i].Exact {
			return r.frames[i].Place()
		}
		if r.frames[i].Reliable { // an instruction after this is that of what was interrupted
			break
		}
	}
	for i := range r.frames {
		if r.frames[i].Reliable && r.frames[i].Module != "" {
			return r.frames[i].Place()
		}
	}
	if r.kind == "oom-kill" { // whoever asked last is not to blame
		return ""
	}
	for i := range r.frames {
		if f := &r.frames[i]; f.Reliable && f.Function != "" && !waiting.MatchString(f.Place()) {
			return f.Place()
		}
	}
	return ""
}

// number is nil if s is not a number.
func number(s string) *int {
	n, err := strconv.Atoi(strings.TrimSpace(s))
	if err != nil {
		return nil
	}
	return &n
}
