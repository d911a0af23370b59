// SPDX-License-Identifier: MIT

package hang

import (
	"slices"
	"strings"
)

// runners are the functions of the kernel that call a function of a module in a thread, and what such a function is.
var runners = map[string]string{"process_one_work": "work", "kthread_worker_fn": "work", "kthread": "thread"}

// unseen are the beginnings of the names of functions that the kernel leaves out of a task's stack.
var unseen = []string{
	"wait_for_completion", "schedule", "io_schedule", "mutex_lock", "ww_mutex_lock", "rt_mutex_lock", "down",
	"out_of_line_wait_on_bit", "usleep_range",
}

// tail is a wait at the end of a module's function, which the compiler made a jump.
type tail struct {
	module, function, callee string
	offset                   uint64
}

// tailed is the wait of a kernel thread in whose stack no frame of a module is left, because the last call of a work or
// of a thread's function became a jump. It is known only if one function of the modules has such a call.
func (s *Study) tailed(t *Task) wait {
	at := slices.IndexFunc(t.Stack, func(f string) bool { return runners[placeOf(f).function] != "" })
	if !t.Kernel || t.State == "R" || at < 0 {
		return wait{}
	}
	runner := placeOf(t.Stack[at]).function
	of := runners[runner]
	switch {
	case at > 0:
	case runner == "kthread_worker_fn", runner == "kthread" && t.Slept < 2:
		return wait{} // it waits itself: for work, or to be woken for the first time
	}
	var found []tail
	for _, name := range s.Modules {
		for _, last := range s.tails(name) {
			if at == 0 && has(nil, unseen, last.callee) || calledAbove(t.Stack[:at], last.callee) {
				found = append(found, last)
			}
		}
	}
	if len(found) != 1 {
		return wait{}
	}
	site := place{function: found[0].function, module: found[0].module, offset: found[0].offset}
	w := wait{call: found[0].callee, site: site.String(), of: of}
	if at > 0 {
		w.call = t.Stack[0]
	}
	return w
}

// calledAbove reports whether the outermost of the frames is of a function, or of the one that does its work.
func calledAbove(frames []string, callee string) bool {
	if len(frames) == 0 {
		return false
	}
	outermost := placeOf(frames[len(frames)-1]).function
	return strings.TrimLeft(outermost, "_") == strings.TrimLeft(callee, "_")
}

// tails are the waits at the end of a module's functions.
func (s *Study) tails(module string) []tail {
	if list, known := s.tailsOf[module]; known {
		return list
	}
	var list []tail
	if c := s.code(module); c != nil {
		for _, function := range c.Functions() {
			if function == c.Init() || function == c.Exit() { // no thread of the kernel runs these
				continue
			}
			for _, jump := range c.Jumps(function) {
				if ending(jump.Callee) || endless(jump.Callee) {
					list = append(list, tail{module, function, jump.Callee, jump.Offset})
				}
			}
		}
	}
	if s.tailsOf == nil {
		s.tailsOf = make(map[string][]tail)
	}
	s.tailsOf[module] = list
	return list
}
