// SPDX-License-Identifier: MIT

// Package hang finds the tasks that made no progress when a deadline passed, with their
// states and functions: from the stacks that the agent read while it still answered,
// and from the backtraces of running CPUs on the console. It is pure.
package hang

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/kmodlab/kmodlab/internal/lazyregexp"
	"github.com/kmodlab/kmodlab/result"
)

// maxStuck bounds the tasks reported for a module with many threads.
const maxStuck = 32

// Task is a task of the guest with its stack.
type Task struct {
	PID    int // of the thread
	TGID   int // of its process
	Comm   string
	State  string // one letter, as in /proc/PID/stat
	Kernel bool   // a kernel thread
	// Stack is /proc/PID/stack, innermost first: function+offset [module]. It is
	// empty while the task runs.
	Stack []string
	// Ticks are the processor time that it has used, in 1/100 s; Slept and Pushed are how often it waited, and how often
	// it had to make room for another task.
	Ticks, Slept, Pushed uint64
}

// Find returns the tasks that involve the modules: those with a frame in one of them, and those that load or unload a
// module; the step that did not end comes first, the others in the order of their names.
func (s *Study) Find(tasks []Task, console []byte) []result.Stuck {
	running := backtraces(console)
	var stuck []result.Stuck
	for _, t := range tasks {
		if t.State == "R" {
			if seen, ok := running[t.PID]; ok {
				t.Stack = seen
			}
		}
		i := slices.IndexFunc(t.Stack, func(frame string) bool { return inside(frame, s.Modules) })
		if (i >= 0 || loads(t) || s.tailed(&t).site != "") && len(stuck) < maxStuck {
			stuck = append(stuck, s.stuck(&t, i))
		}
	}
	slices.SortStableFunc(stuck, func(a, b result.Stuck) int {
		if a.Step != b.Step {
			return map[bool]int{true: -1, false: 1}[a.Step]
		}
		return cmp.Or(cmp.Compare(a.Comm, b.Comm), cmp.Compare(a.PID, b.PID))
	})
	return stuck
}

// stuck describes one task; i is its first frame in a module, -1 if it has none.
func (s *Study) stuck(t *Task, i int) result.Stuck {
	// Of the step's own process only the thread that is in its system call counts: the others wait for work.
	found := result.Stuck{
		Comm: t.Comm, PID: t.PID, State: stateWords(t.State), Stack: t.Stack, Step: t.TGID == s.Step.PID,
	}
	if i >= 0 {
		found.Site = t.Stack[i]
	}
	if found.State == result.Running {
		return found
	}
	w := s.waitOf(t)
	found.Site, found.Wait, found.Of, found.Object, found.Ends = w.site, w.call, w.of, w.object, w.ends
	if found.Step || !t.Kernel || !s.deaf(t) {
		return found
	}
	found.Note = "in a loop that does not look at kthread_should_stop()"
	return found
}

// Unseen reports whether some running task has no backtrace on the console.
func Unseen(tasks []Task, console []byte) bool {
	running := backtraces(console)
	return slices.ContainsFunc(tasks, func(t Task) bool { return t.State == "R" && len(running[t.PID]) == 0 })
}

func inside(frame string, modules []string) bool {
	_, module, ok := strings.Cut(frame, " [")
	return ok && slices.Contains(modules, strings.TrimSuffix(module, "]"))
}

// loads reports whether a process is in a system call that loads or unloads a module.
func loads(t Task) bool {
	return !t.Kernel && slices.ContainsFunc(t.Stack, func(frame string) bool {
		return strings.Contains(frame, "finit_module") || strings.Contains(frame, "load_module") ||
			strings.Contains(frame, "delete_module")
	})
}

func stateWords(letter string) string {
	switch letter {
	case "R":
		return result.Running
	case "S":
		return "interruptible"
	case "D":
		return "uninterruptible"
	case "I":
		return "idle"
	case "T", "t":
		return "stopped"
	case "Z", "X":
		return "dead"
	case "P":
		return "parked"
	}
	return "unknown state " + strconv.Quote(letter)
}

var (
	header = lazyregexp.New(`NMI backtrace for cpu \d+`)
	task   = lazyregexp.New(`CPU: \d+ (?:UID: \d+ )?PID: (\d+) Comm: `)
	rip    = lazyregexp.New(`RIP: [0-9a-f]{4}:(\S+?)/0x[0-9a-f]+(?: \[([\w-]+)[^\]]*\])?`)
	frame  = lazyregexp.New(`^(?:\[[^\]]*\])* *([A-Za-z_.$][\w.$]*\+0x[0-9a-f]+)/0x[0-9a-f]+(?: \[([\w-]+)[^\]]*\])?\s*$`)
	end    = lazyregexp.New(`</TASK>|---\[ end|cut here`)
)

// backtraces returns the stacks of running tasks on the console, by pid. Of each task it is
// the last one that a flood of other lines did not destroy entirely.
func backtraces(console []byte) map[int][]string {
	stacks := make(map[int][]string)
	pid, begun, inTrace := 0, false, false
	add := func(frame string) {
		if !begun {
			stacks[pid], begun = nil, true
		}
		stacks[pid] = append(stacks[pid], frame)
	}
	for line := range strings.Lines(string(console)) {
		line = strings.TrimRight(line, "\r\n")
		switch m := task.FindStringSubmatch(line); {
		case header.MatchString(line):
			pid, begun, inTrace = -1, false, false
			continue
		case m != nil && pid == -1:
			pid, _ = strconv.Atoi(m[1])
			continue
		}
		if pid <= 0 {
			continue
		}
		if m := rip.FindStringSubmatch(line); m != nil && !begun {
			add(joined(m))
		}
		switch {
		case strings.Contains(line, "Call Trace:"):
			inTrace = true
		case end.MatchString(line):
			pid, inTrace = 0, false
		case inTrace:
			if m := frame.FindStringSubmatch(line); m != nil {
				add(joined(m))
			}
		}
	}
	return stacks
}

func joined(m []string) string {
	if m[2] == "" {
		return m[1]
	}
	return m[1] + " [" + m[2] + "]"
}
