// SPDX-License-Identifier: MIT

package verdict

import (
	"slices"
	"strings"

	"github.com/kmodlab/kmodlab/internal/code"
	"github.com/kmodlab/kmodlab/internal/lazyregexp"
	"github.com/kmodlab/kmodlab/result"
)

// unjump puts the module back into a call trace whose last call in the module became a jump: no frame of the module is
// left then. The module's own code tells which of its functions leave with a jump to a function of the trace. Below
// delete_module that is its exit function, below do_init_module its init, elsewhere any function, if there is one only
// and, in a task or a CPU that is stuck, the kernel calls modules there.
func (m *maker) unjump(c *result.Crash) {
	if slices.ContainsFunc(c.Frames, func(f result.Frame) bool { return m.studied(f.Module) && (f.Reliable || f.Exact) }) {
		return
	}
	of := everywhere
	for _, f := range c.Frames {
		switch {
		case strings.HasSuffix(f.Function, "sys_delete_module"):
			of = exits
		case f.Function == "do_init_module":
			of = inits
		}
	}
	at, found := -1, []result.Frame{}
	for i, f := range c.Frames {
		if f.Module != "" || f.Function == "" || !f.Reliable && !f.Exact || partOf(c.Frames[i:]) {
			continue
		}
		for _, jump := range m.jumpsTo(f.Function, of) {
			if at >= 0 && at != i { // a caller of the function that was found first
				break
			}
			at, found = i, append(found, jump)
		}
	}
	if len(found) != 1 || of == everywhere && stuck(c) && !byRunner(c.Frames[at+1:]) {
		return
	}
	c.Frames = slices.Concat(c.Frames[:at+1], found, c.Frames[at+1:])
}

// partOf reports whether the first frame is of a part that the compiler split off the function of the second, if the
// kernel is sure of that one.
func partOf(frames []result.Frame) bool {
	return len(frames) > 1 && frames[1].Function != "" && (frames[1].Reliable || frames[1].Exact) &&
		strings.HasPrefix(frames[0].Function, frames[1].Function+".")
}

func stuck(c *result.Crash) bool { return c.Class == result.Lockup || c.Class == result.Hung }

// moduleRunners are the functions of the kernel that call a module's functions by pointer, in tasks and interrupts that
// are not the module's.
var moduleRunners = lazyregexp.New(`^(?:process_one_work|call_timer_fn|expire_timers|__run_timers|__hrtimer_run_queues` +
	`|tasklet_action_common|__handle_irq_event_percpu|irq_thread_fn|irq_thread|kthread|kthread_worker_fn` +
	`|(?:raw_|atomic_|blocking_|srcu_)?notifier_call_chain|rcu_do_batch|smp_call_function_many_cond` +
	`|flush_smp_call_function_queue|__flush_smp_call_function_queue)(?:\.|$)`)

// byRunner reports whether frames begin with a function that calls functions of modules. A CPU of a starved guest is
// stuck anywhere, say in _printk(), and many a module leaves with a jump to that.
func byRunner(frames []result.Frame) bool {
	i := slices.IndexFunc(frames, func(f result.Frame) bool { return f.Function != "" && (f.Reliable || f.Exact) })
	return i >= 0 && moduleRunners.MatchString(frames[i].Function)
}

// Which functions of a module may have been left with a jump.
const (
	everywhere = iota
	inits
	exits
)

// jumpsTo returns the places in the modules that leave with a jump to a function of the kernel.
func (m *maker) jumpsTo(callee string, of int) []result.Frame {
	var frames []result.Frame
	for _, name := range m.e.Studied {
		c := m.codeOf(name)
		if c == nil {
			continue
		}
		functions := c.Functions()
		switch of {
		case inits:
			functions = []string{c.Init()}
		case exits:
			functions = []string{c.Exit()}
		}
		for _, function := range functions {
			for _, jump := range c.Jumps(function) {
				if jump.Callee == callee || strings.HasPrefix(callee, jump.Callee+".") { // vfree.part.0
					frames = append(frames, result.Frame{
						Function: function, Offset: jump.Offset, Module: name, Reliable: true, Exact: true,
					})
				}
			}
		}
	}
	return frames
}

// codeOf reads the code of a module; nil if it cannot be read.
func (m *maker) codeOf(name string) *code.Module {
	c, known := m.code[name]
	if !known {
		c, _ = code.Open(m.e.Files[name].Data)
		m.code[name] = c
	}
	return c
}
