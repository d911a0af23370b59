// SPDX-License-Identifier: MIT

package expect

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/kmodlab/kmodlab/internal/plain"
	"github.com/kmodlab/kmodlab/result"
)

// maxCells bounds a value in a sentence.
const maxCells = 80

// named is what a story calls this, and whether it has a name there at all.
func (o *object) named() (string, bool) {
	switch m := o.v.Addr().Interface().(type) {
	case *result.Thread:
		return "thread " + taskName(m.Name, m.PID), true
	case *result.Request:
		return "request of " + phrase(m.Name), true
	case *result.Signal:
		name := m.Name
		if name == "" {
			name = fmt.Sprint(m.Signo)
		}
		return "signal " + phrase(name) + " to " + taskName(m.To.Comm, m.To.PID), true
	case *result.Module:
		return "module " + phrase(m.Name), true
	case *result.Message:
		return "message " + quoted(m.Text), true
	case *result.Test:
		return "test " + phrase(m.Name), true
	case *result.Process:
		return "process " + taskName(m.Task.Comm, m.Task.PID), true
	case *result.Call:
		return phrase(m.Name) + " of " + phrase(m.File) + " by " + taskName(m.By.Comm, m.By.PID), true
	case *result.Crash:
		return "report " + quoted(m.Title), true
	case *result.Leftover:
		return "leftover " + quoted(m.What), true
	case *result.Stuck:
		return "task " + taskName(m.Comm, m.PID), true
	case *result.Hook:
		return "hook " + phrase(m.Name), true
	case *result.Command:
		return "command " + quoted(strings.Join(m.Argv, " ")), true
	case *result.Phase:
		return "phase " + phrase(m.Name), true
	}
	return "", false
}

// at is when a member began, or what of it a person looks for in the story; nil if it has no time.
func (o *object) at() *int64 {
	if o.member == nil {
		return nil
	}
	switch m := o.member.v.Addr().Interface().(type) {
	case *result.Thread:
		return cmp.Or(m.Stages.Exited, m.Stages.StopAsked, m.Stages.Function, m.Stages.Requested)
	case *result.Request:
		return m.Stages.Asked
	case *result.Signal:
		return &m.SentNS
	case *result.Module:
		return cmp.Or(m.LoadedNS, m.FreedNS)
	case *result.Message:
		return m.AtNS
	case *result.Test:
		return m.StartNS
	case *result.Process:
		return m.StartNS
	case *result.Call:
		return &m.AtNS
	}
	return nil
}

func taskName(comm string, pid int) string {
	if comm == "" {
		comm = "?"
	}
	return fmt.Sprintf("%s[%d]", phrase(comm), pid)
}

// phrase is text from a guest for a sentence: harmless and short.
func phrase(s string) string {
	if len(s) > 4*maxCells { // a rune has at most four bytes
		s = s[:4*maxCells]
	}
	return shorten(plain.Text(s))
}

// quoted is text from a guest as a value.
func quoted(s string) string { return `"` + phrase(s) + `"` }

func shorten(s string) string {
	runes := 0
	for i := range s {
		if runes == maxCells {
			return s[:i] + "…"
		}
		runes++
	}
	return s
}
