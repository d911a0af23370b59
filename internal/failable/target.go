// SPDX-License-Identifier: MIT

package failable

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Target is a task that is to end just before a module uses it, as a person wrote it.
type Target struct {
	Name   string // the task's
	Nth    int    // before which use, 1 if it was left out
	Module string // whose use; "" if it was left out
}

// maxComm is how long a task's name can be.
const maxComm = 15

// ParseTarget reads NAME[#N][@MODULE].
func ParseTarget(s string) (Target, error) {
	t := Target{Nth: 1}
	rest, module, named := strings.Cut(s, "@")
	name, nth, numbered := strings.Cut(rest, "#")
	t.Name, t.Module = name, module
	if named && module == "" {
		return t, fmt.Errorf("%q has no module after @: write NAME#N@MODULE", s)
	}
	if numbered {
		n, err := strconv.Atoi(nth)
		if err != nil || n < 1 {
			return t, fmt.Errorf("%q is not a number of a use, from 1: write NAME#N@MODULE", nth)
		}
		t.Nth = n
	}
	return t, t.Check()
}

// Check finds what can be no target.
func (t Target) Check() error {
	odd := func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && !strings.ContainsRune("_-./:", r)
	}
	switch {
	case t.Name == "" || len(t.Name) > maxComm || strings.ContainsFunc(t.Name, odd):
		return fmt.Errorf("%q cannot be the name of a task: it has 1 to %d letters or digits, and _ - . / : may be among them", t.Name, maxComm)
	case t.Nth < 1 || t.Nth > MaxNth:
		return fmt.Errorf("%d is not a number of a use: the first one is 1", t.Nth)
	case t.Module != "" && !isName(strings.ReplaceAll(t.Module, "-", "_")):
		return fmt.Errorf("%q is not the name of a module", t.Module)
	}
	return nil
}

func (t Target) String() string {
	s := fmt.Sprintf("%s#%d", t.Name, t.Nth)
	if t.Module != "" {
		s += "@" + t.Module
	}
	return s
}

// uses are the functions of the kernel to which a module gives a task that it has found, or the task's pid. The helper
// module has the same.
var uses = []string{
	"get_pid_task", "get_task_mm", "get_task_pid", "kill_pid", "pid_task", "send_sig", "send_sig_info", "wake_up_process",
}

// Uses are those of a module with these imports.
func Uses(imports []string) []string {
	var list []string
	for _, s := range uses {
		if slices.Contains(imports, s) {
			list = append(list, s)
		}
	}
	return list
}

// NoUses is why a task cannot end before a module uses it.
func NoUses(module string) *Unfit {
	return &Unfit{
		Message: module + " uses no task that it has found",
		Hint:    "before a call of one of these a task can end: " + strings.Join(uses, ", "),
	}
}

// ExitFacts are the parameters of the helper module that say how the target ended.
var ExitFacts = []string{"exit_end", "exit_pid", "exit_unheld"}
