// SPDX-License-Identifier: MIT

package hang

import (
	"slices"
	"strconv"
	"strings"

	"github.com/kmodlab/kmodlab/internal/code"
)

// Study is what is known about the modules under study.
type Study struct {
	Modules []string
	Code    func(module string) *code.Module // nil if it is unknown
	Step    Command
	// Before are the PIDs of the kernel threads that were there before the first load, without workers; nil if that is
	// not known.
	Before map[int]bool

	tailsOf map[string][]tail // by module
}

// Command is the step that does not end.
type Command struct {
	PID    int
	Unload bool
	Module string // that it loads or unloads, "" if that is unknown
}

// place is a frame, taken apart.
type place struct {
	function string
	offset   uint64
	module   string // "" for the kernel itself
}

func placeOf(frame string) place {
	name, module, _ := strings.Cut(frame, " [")
	function, offset, _ := strings.Cut(name, "+0x")
	n, _ := strconv.ParseUint(offset, 16, 64)
	return place{function: function, offset: n, module: strings.TrimSuffix(module, "]")}
}

func (p place) String() string {
	s := p.function + "+0x" + strconv.FormatUint(p.offset, 16)
	if p.module != "" {
		s += " [" + p.module + "]"
	}
	return s
}

// wait is where a task waits.
type wait struct {
	call   string // the function as it was called, with its offset if it is in the stack
	site   string // the place in the modules that called it, "" if there is none
	of     string // init, exit, work or thread, if the site is such a function's last call, which is not in the stack
	object string // the variable that it waits for, if the call names it
	ends   bool   // by itself, after a time
	known  bool   // it is in the tables
}

// waitOf finds what a stack waits in.
func (s *Study) waitOf(t *Task) wait {
	if len(t.Stack) == 0 {
		return wait{}
	}
	var w wait
	i := slices.IndexFunc(t.Stack, func(frame string) bool { return inside(frame, s.Modules) })
	top := placeOf(t.Stack[0])
	switch {
	case i >= 0:
		w.site = t.Stack[i]
		p := placeOf(w.site)
		if c := s.code(p.module); c != nil {
			if i == 0 {
				w.object = c.Object(p.function, p.offset).Name
				w.call = c.Callee(p.function, p.offset)
			}
		}
		if i > 0 {
			w.call = t.Stack[0]
		}
	case loads(*t):
		w = s.jumped(t)
	default:
		if w = s.tailed(t); w.site == "" {
			w.call = t.Stack[0]
		}
	}
	name := placeOf(w.call).function
	w.ends = ending(name)
	w.known = w.ends || endless(name)
	if i > 0 && !w.known { // a wait in a function that is not in the table, called by one that is
		w.known = slices.ContainsFunc(t.Stack[1:i], func(frame string) bool { return endless(placeOf(frame).function) })
	}
	// For the symbols of a module whose init runs, or since another task loads the same file.
	if i < 0 && !t.Kernel && slices.Contains(initAwaiters, top.function) && s.other(t) {
		w.known, w.ends = true, false
	}
	if slices.ContainsFunc(t.Stack[:above(i, len(t.Stack))], foreign) { // who ends its waits is not known
		w.known = w.ends
	}
	return w
}

// above is the number of frames that the first one of the modules, i, has called; all of n if there is none.
func above(i, n int) int {
	if i < 0 {
		return n
	}
	return i
}

// foreign reports whether a frame is in a module that is not under study, if it is above those that are.
func foreign(frame string) bool { return placeOf(frame).module != "" }

// other reports whether a task is not of the step itself.
func (s *Study) other(t *Task) bool { return t.TGID != s.Step.PID }

func (s *Study) code(module string) *code.Module {
	if s.Code == nil || module == "" {
		return nil
	}
	return s.Code(module)
}

// jumped is the wait of a task in the system call that loads or unloads, without a frame of a module: the last call of
// its init or exit function became a jump.
func (s *Study) jumped(t *Task) wait {
	w := wait{call: t.Stack[0]}
	hidden := slices.Contains(loaders, placeOf(t.Stack[0]).function)
	unloads := slices.ContainsFunc(t.Stack, func(f string) bool { return strings.Contains(f, "delete_module") })
	inInit := slices.ContainsFunc(t.Stack, func(f string) bool { return placeOf(f).function == "do_one_initcall" })
	if s.other(t) || !unloads && !inInit {
		return w
	}
	c := s.code(s.Step.Module)
	if c == nil {
		return w
	}
	w.of = "init"
	name := c.Init()
	if unloads {
		w.of, name = "exit", c.Exit()
	}
	if name == "" {
		return wait{call: w.call}
	}
	var jumps []code.Jump
	for _, jump := range c.Jumps(name) {
		inStack := slices.ContainsFunc(t.Stack, func(f string) bool { return placeOf(f).function == jump.Callee })
		if inStack || hidden && (ending(jump.Callee) || endless(jump.Callee)) {
			jumps = append(jumps, jump)
		}
	}
	if len(jumps) == 0 {
		return wait{call: w.call}
	}
	site := place{function: name, module: s.Step.Module}
	if len(jumps) == 1 { // else only the function is known
		site.offset = jumps[0].Offset
		if hidden {
			w.call = jumps[0].Callee
		}
	}
	w.site = site.String()
	return w
}

// Place takes a frame apart: function+0x1 [module].
func Place(frame string) (function string, offset uint64, module string) {
	p := placeOf(frame)
	return p.function, p.offset, p.module
}
