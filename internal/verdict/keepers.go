// SPDX-License-Identifier: MIT

package verdict

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/result"
)

// keepers say who held the modules whose unload was refused, and where each file was opened.
func (m *maker) keepers() []result.Keeper {
	var list []result.Keeper
	for _, k := range m.e.Left.Keepers {
		r := result.Keeper{
			Module: k.Module, PID: k.PID, Comm: k.Comm, Program: k.Program, How: k.How, File: k.Path, FD: k.FD,
		}
		if test := m.testOf(k.PID); test >= 0 && test < len(m.e.Tests) {
			r.Test = m.e.Tests[test].Name
		}
		if call := m.openedBy(&k); call != nil {
			r.OpenedNS, r.OpenedBy = &call.AtNS, &call.By
		}
		list = append(list, r)
	}
	return list
}

// testOf is the index of the test that a process belongs to, -1 if it is not known.
func (m *maker) testOf(pid int) int {
	for _, p := range m.res.Processes {
		if p.Task.PID == pid && pid != 0 {
			return p.Test
		}
	}
	return -1
}

// openedBy is the call that opened a file which a process holds: its own, or one of a process that it comes from.
func (m *maker) openedBy(k *evidence.Keeper) *result.Call {
	var found *result.Call
	line := m.ancestors(k.PID)
	for i := range m.res.Calls {
		c := &m.res.Calls[i]
		if !opens(c) || c.Module != k.Module || !slices.Contains(line, c.By.PID) {
			continue
		}
		if c.File == k.Path && (k.How == evidence.KeptMapped || c.FD == k.FD) {
			found = c // the last one: the descriptor may have been another file's before
		}
	}
	return found
}

// maxLine bounds a line of processes.
const maxLine = 64

// ancestors are a process and those that it comes from, as far as they were followed.
func (m *maker) ancestors(pid int) []int {
	line := []int{pid}
	for len(line) < maxLine {
		i := slices.IndexFunc(m.res.Processes, func(p result.Process) bool { return p.Task.PID == line[len(line)-1] })
		if i < 0 || m.res.Processes[i].Parent == 0 {
			break
		}
		line = append(line, m.res.Processes[i].Parent)
	}
	return line
}

// explained reports whether what programs and mounts hold accounts for all references to a module.
func explained(l *evidence.Loaded, keepers []evidence.Keeper) bool {
	files := make(map[uint64]bool)
	for _, k := range keepers {
		switch {
		case k.Module != l.Name:
		case k.How == evidence.KeptMounted, strings.HasPrefix(k.Path, "socket:"): // each takes several
			return true
		default:
			files[k.File] = true
		}
	}
	return len(files) > 0 && len(files) >= l.Refcount
}

// judgeKept returns the verdict of modules that stay because something uses them: that is not the modules' doing.
func judgeKept(e *evidence.Evidence, res *result.Result) (result.Verdict, bool) {
	if len(res.Keepers) == 0 {
		return judgeUnseenKeeper(e, res)
	}
	v := result.Verdict{Class: result.Load, Message: res.Keepers[0].Module + " cannot be unloaded: "}
	var module *evidence.Loaded
	for i := range e.Left.Modules {
		if e.Left.Modules[i].Name == res.Keepers[0].Module {
			module = &e.Left.Modules[i]
		}
	}
	var words []string
	for i := range res.Keepers {
		if k := &res.Keepers[i]; k.Module == res.Keepers[0].Module {
			words = append(words, keeperWords(k))
		}
	}
	v.Evidence = words
	v.Message += list(words)
	v.Hint = keptHint(&res.Keepers[0])
	switch {
	case module == nil: // it has gone meanwhile
	case !explained(module, e.Left.Keepers):
		v.Message += "; that does not explain all of its " + plural(uint64(module.Refcount), "reference", "references")
		v.Hint += ", and pair every try_module_get of the module with a module_put"
	case len(e.Tests) > 0:
		v.Class = result.TestFailed
	}
	return v, true
}

// judgeUnseenKeeper returns the verdict of a module that stays although nobody is seen to use it, if tests have opened
// its files: a file can be open without a descriptor of any process.
func judgeUnseenKeeper(e *evidence.Evidence, res *result.Result) (result.Verdict, bool) {
	i := slices.IndexFunc(e.Left.Modules, func(l evidence.Loaded) bool {
		return slices.Contains(e.Studied, l.Name) && kept(&l)
	})
	if i < 0 || !e.Left.Sought {
		return result.Verdict{}, false
	}
	module := &e.Left.Modules[i]
	var last *result.Call
	for i := range res.Calls {
		if c := &res.Calls[i]; opens(c) && c.Module == module.Name && opensForReal(c.File) {
			last = c
		}
	}
	if last == nil {
		return result.Verdict{}, false
	}
	who := fmt.Sprintf("%s[%d]", last.By.Comm, last.By.PID)
	for _, p := range res.Processes {
		if p.Task.PID == last.By.PID && p.Test >= 0 && p.Test < len(e.Tests) {
			who += ", of the test " + e.Tests[p.Test].Name + ","
		}
	}
	return result.Verdict{
		Class: result.Load,
		Message: fmt.Sprintf("%s cannot be unloaded: it has %s, although no program has a file of it open or mapped and no "+
			"mount that programs see is of it; %s opened %s at %.3f s", module.Name,
			plural(uint64(module.Refcount), "reference", "references"), who, last.File, float64(last.AtNS)/1e9),
		Hint: "a descriptor that was sent through a socket and not received keeps its file open without a program; else some " +
			"function takes a reference that nobody drops",
	}, true
}

// opensForReal reports whether an open file of that name holds its module: those of /proc and sysfs do not.
func opensForReal(file string) bool {
	return !strings.HasPrefix(file, "/proc/") &&
		(!strings.HasPrefix(file, "/sys/") || strings.HasPrefix(file, "/sys/kernel/debug/"))
}

// opens reports whether a call opened a file.
func opens(c *result.Call) bool {
	return slices.Contains([]string{"open", "openat", "openat2", "creat", "socket"}, c.Name) && c.Ret != nil && *c.Ret >= 0
}

func keptHint(k *result.Keeper) string {
	if k.How == evidence.KeptMounted {
		return "umount it before the unload: a mount stays when the program that made it ends"
	}
	return "have the program close the file, or end it before the unload: one that leaves its control group is not ended " +
		"with its test"
}

// keeperWords say who holds a module, and since when.
func keeperWords(k *result.Keeper) string {
	if k.How == evidence.KeptMounted {
		return "a file system of its type, or on its device, is mounted at " + k.File
	}
	who := fmt.Sprintf("%s[%d]", k.Comm, k.PID)
	if k.Test != "" {
		who += ", of the test " + k.Test + ","
	}
	what := fmt.Sprintf(" has %s open as descriptor %d", k.File, k.FD)
	if k.How == evidence.KeptMapped {
		what = fmt.Sprintf(" has %s mapped", k.File)
	}
	if k.OpenedNS == nil {
		return who + what
	}
	what += fmt.Sprintf(", opened at %.3f s", float64(*k.OpenedNS)/1e9)
	if k.OpenedBy != nil && k.OpenedBy.PID != k.PID {
		what += fmt.Sprintf(" by %s[%d]", k.OpenedBy.Comm, k.OpenedBy.PID)
	}
	return who + what
}
