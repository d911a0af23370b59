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
// and, in a task or a CPU that is stuck, the kernel calls modules there. What runs in an interrupt of init or exit is
// neither.
func (m *maker) unjump(c *result.Crash) {
	if slices.ContainsFunc(c.Frames, func(f result.Frame) bool { return m.studied(f.Module) && (f.Reliable || f.Exact) }) {
		return
	}
	of, end := everywhere, len(c.Frames)
	for i, f := range slices.Backward(c.Frames) {
		switch {
		case strings.HasSuffix(f.Function, "sys_delete_module"):
			of = exits
		case f.Function == "do_init_module":
			of = inits
		case (f.Reliable || f.Exact) && interruptRunners.MatchString(f.Function):
			of, end = everywhere, i
		}
	}
	at, found := -1, []result.Frame{}
	for i, f := range c.Frames[:end] {
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
	if len(found) == 0 && of != everywhere {
		at, found = m.lastJump(c, of)
	}
	if len(found) != 1 || of == everywhere && stuck(c) && !byRunner(c.Frames[at+1:]) {
		return
	}
	c.Frames = slices.Concat(c.Frames[:at+1], found, c.Frames[at+1:])
}

// ofUnload are the functions that delete_module calls besides the module's exit function.
var ofUnload = lazyregexp.New(`^(?:try_(?:force_unload|release_module_ref|stop_module)|(?:blocking_)?notifier_call_chain` +
	`|klp_\w+|ftrace_\w+|async_\w+|free_module|module_\w+|mutex_\w+|strncpy_from_user|kobject_\w+|wake_up\w*` +
	`|_?printk)\b`)

// comingOrGoing is a module in the kernel's list of modules whose init or exit runs.
var comingOrGoing = lazyregexp.New(`^Modules linked in:.* (\w+)\([A-Z]*[-+]\)`)

// lastJump finds how init or exit was left if the function that it jumped to has left in that way, too: the kernel
// calls nothing else there, and the module's code has only one such jump. at is the frame that was called.
func (m *maker) lastJump(c *result.Crash, of int) (at int, found []result.Frame) {
	at = -1
	for i, f := range c.Frames {
		if of == inits && f.Function == "do_one_initcall" ||
			of == exits && strings.HasSuffix(f.Function, "sys_delete_module") {
			at = i - 1
			break
		}
	}
	if at < 0 || c.Frames[at].Module != "" || of == exits && ofUnload.MatchString(c.Frames[at].Function) {
		return at, nil
	}
	module := ""
	for _, line := range c.Log {
		if m := comingOrGoing.FindStringSubmatch(line); m != nil {
			module = m[1]
		}
	}
	for _, jump := range m.jumps(of, func(callee string) bool { return !strings.HasPrefix(callee, "__x86_") }) {
		if module == "" || jump.Module == module {
			found = append(found, jump)
		}
	}
	return at, found
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

// interruptRunners are those of them that run in an interrupt of a task. Others may be called by the task itself:
// register_netdev() calls the notifiers.
var interruptRunners = lazyregexp.New(`^(?:call_timer_fn|expire_timers|__run_timers|__hrtimer_run_queues` +
	`|tasklet_action_common|__handle_irq_event_percpu|rcu_do_batch|(?:__)?flush_smp_call_function_queue)(?:\.|$)`)

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
	return m.jumps(of, func(name string) bool {
		return name == callee || strings.HasPrefix(callee, name+".") // vfree.part.0
	})
}

// jumps returns the places in the modules that leave with a jump to a function of the kernel that is wanted.
func (m *maker) jumps(of int, wanted func(callee string) bool) []result.Frame {
	var frames []result.Frame
	for _, name := range m.e.Studied {
		c := m.codeOf(name)
		if c == nil {
			continue
		}
		all := c.Functions()
		functions := all
		switch of {
		case inits:
			functions = jumpedTo(c, c.Init())
		case exits:
			functions = jumpedTo(c, c.Exit())
		}
		for _, function := range functions {
			for _, jump := range c.Jumps(function) {
				if wanted(jump.Callee) && !slices.Contains(all, jump.Callee) {
					frames = append(frames, result.Frame{
						Function: function, Offset: jump.Offset, Module: name, Reliable: true, Exact: true,
					})
				}
			}
		}
	}
	return frames
}

// unjumpStops names the exit function that left with a jump to kthread_stop, which then seems to be delete_module's.
func (m *maker) unjumpStops() {
	stops := func(callee string) bool { return strings.HasPrefix(callee, "kthread_stop") }
	for i := range m.res.Threads {
		t := &m.res.Threads[i]
		for j := range t.StopCalls {
			s := &t.StopCalls[j]
			if !strings.Contains(s.By.Site, "_sys_delete_module+") {
				continue
			}
			jumps := slices.DeleteFunc(m.jumps(exits, stops), func(f result.Frame) bool {
				return f.Module != moduleOf(t.Function)
			})
			if len(jumps) != 1 {
				continue
			}
			s.By.Site = jumps[0].Place()
			s.Stack = slices.Insert(s.Stack, 0, s.By.Site)
			if j == 0 && t.StoppedBy != nil {
				t.StoppedBy.Site = s.By.Site
			}
		}
	}
}

// jumpedTo returns a function and those of the module that it leaves for with a jump, and these in turn.
func jumpedTo(c *code.Module, function string) []string {
	functions, all := []string{function}, c.Functions()
	for i := 0; i < len(functions); i++ {
		for _, jump := range c.Jumps(functions[i]) {
			if slices.Contains(all, jump.Callee) && !slices.Contains(functions, jump.Callee) {
				functions = append(functions, jump.Callee)
			}
		}
	}
	return functions
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
