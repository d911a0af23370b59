// SPDX-License-Identifier: MIT

package perfetto

import (
	"cmp"
	"fmt"
	"math"
	"path"
	"strings"

	"github.com/kmodlab/kmodlab/internal/errno"
	"github.com/kmodlab/kmodlab/internal/report/lanes"
	"github.com/kmodlab/kmodlab/result"
)

// program is a test, or a process that it started. Several may have had the same pid.
type program struct {
	from, to int64
	track    *track
}

// tests draws tests, their processes and their calls on files of the modules. A process's life and its calls share a
// line: a call lies within the life.
func (b *builder) tests(r *result.Result) {
	first := make(map[int]int) // of each test, the process that is its own
	for i := range r.Processes {
		if p := &r.Processes[i]; p.Test >= 0 && p.Test < len(r.Tests) && p.Task.PID == r.Tests[p.Test].PID {
			first[p.Test] = i
		}
	}
	own := make(map[int]bool)
	for i := range r.Tests {
		t, none := &r.Tests[i], result.Process{}
		p := &none
		if at, ok := first[i]; ok {
			p, own[at] = &r.Processes[at], true
		}
		b.test(i, t, p)
	}
	for i := range r.Processes {
		if p := &r.Processes[i]; !own[i] && p.StartNS != nil {
			b.process(len(r.Tests)+i, p)
		}
	}
	for i := range r.Calls {
		b.called(&r.Calls[i])
	}
}

func (b *builder) program(n int, name string, pid int, from int64, to *int64) *track {
	line := b.track(trackKey{kind: testKind, name: name, pid: pid, n: n}, fmt.Sprintf("%s[%d]", name, pid))
	p := &program{from: from, to: math.MaxInt64, track: line}
	if to != nil {
		p.to = *to
	}
	b.programs[pid] = append(b.programs[pid], p)
	return line
}

func (b *builder) test(n int, t *result.Test, p *result.Process) {
	from, to := cmp.Or(t.StartNS, p.StartNS), cmp.Or(t.EndNS, p.EndNS)
	if from == nil || t.PID == 0 {
		return
	}
	line := b.program(n, path.Base(t.Name), t.PID, *from, to)
	b.call(line, *from, to, t.Name+": "+string(t.Outcome), word("outcome", string(t.Outcome)), word("reason", t.Reason),
		word("argv", strings.Join(t.Argv, " ")), word("user", t.User), number("exit", int64(t.Exit)),
		word("signal", t.Signal), word("place", lanes.PlaceWords(t.Place)), word("output", t.Output),
		number("subtests", int64(len(t.Subtests))))
	b.execs(line, p)
	if t.Signal != "" && to != nil {
		b.instant(line, *to, "killed by "+t.Signal, word("signal", t.Signal), word("place", lanes.PlaceWords(t.Place)))
	}
}

func (b *builder) process(n int, p *result.Process) {
	line := b.program(n, p.Task.Comm, p.Task.PID, *p.StartNS, p.EndNS)
	life := b.call(line, *p.StartNS, p.EndNS, p.Task.Comm, number("test", int64(p.Test)),
		number("parent", int64(p.Parent)), word("killed_by", p.KilledBy))
	if p.Exit != nil {
		life.fields = append(life.fields, number("exit", int64(*p.Exit)))
	}
	if parent := b.programOf(p.Parent, *p.StartNS); parent != nil {
		b.arrow(b.instant(parent.track, *p.StartNS, fmt.Sprintf("forks %s[%d]", p.Task.Comm, p.Task.PID)), life)
	}
	b.execs(line, p)
	if p.KilledBy != "" && p.EndNS != nil {
		b.instant(line, *p.EndNS, "killed by "+p.KilledBy, word("signal", p.KilledBy))
	}
}

func (b *builder) execs(line *track, p *result.Process) {
	for _, e := range p.Execs {
		b.instant(line, e.AtNS, "executes "+e.Path)
	}
}

// programOf is the program that had a pid then.
func (b *builder) programOf(pid int, at int64) *program {
	var found *program
	for _, p := range b.programs[pid] {
		if p.from <= at && at <= p.to {
			found = p
		}
	}
	return found
}

func (b *builder) called(c *result.Call) {
	end := c.EndNS
	if p := b.programOf(c.By.PID, c.AtNS); end == nil && p != nil && p.to != math.MaxInt64 {
		end = &p.to // what never returned ends with its process
	}
	fields := []field{word("file", c.File), number("fd", int64(c.FD)), word("module", c.Module), word("args", c.Args),
		word("serving", c.Serving), maybe("ret", c.Ret)}
	if c.Ret != nil && *c.Ret < 0 {
		fields = append(fields, word("error", errno.Name(int(-max(*c.Ret, -1<<31)))))
	}
	if c.Omitted > 0 {
		fields = append(fields, number("omitted", int64(c.Omitted)))
	}
	b.call(b.calls(c.By, c.AtNS, false), c.AtNS, end, c.Name+" "+c.File, fields...)
}
