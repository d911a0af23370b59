// SPDX-License-Identifier: MIT

package report

import (
	"fmt"
	"strings"

	"github.com/kmodlab/kmodlab/internal/errno"
	"github.com/kmodlab/kmodlab/result"
)

// firstCalls is how many calls of one process on one file the story shows, if it is not verbose.
const firstCalls = 20

// testEntries are the beginnings and ends of the tests, and of what they started.
func testEntries(r *result.Result, verbose bool) []entry {
	var entries []entry
	for i := range r.Tests {
		t := &r.Tests[i]
		task := result.Task{Comm: commOf(t.Name), PID: t.PID}
		if t.StartNS != nil {
			entries = append(entries, at(*t.StartNS, row{who: who(task), what: "starts", how: "as the test " + clean(t.Name)}))
		}
		if t.EndNS != nil {
			entries = append(entries, at(*t.EndNS, row{who: who(task), what: "ended", how: howEnded(t.Exit, t.Signal),
				color: outcomeColors[t.Outcome]}))
		}
	}
	return append(entries, processEntries(r, verbose)...)
}

// processEntries are the ends of the processes that tests have started; without verbose, of those that a signal killed.
func processEntries(r *result.Result, verbose bool) []entry {
	type crowd struct {
		test   int
		signal string
	}
	var list []*result.Process
	for i := range r.Processes {
		p := &r.Processes[i]
		if !root(r, p) && p.EndNS != nil && (verbose || p.KilledBy != "") { // else its test says it
			list = append(list, p)
		}
	}
	of := func(p *result.Process) crowd { return crowd{p.Test, p.KilledBy} }
	return firstOf(list, of, verbose, func(p *result.Process) entry {
		exit := -1
		if p.Exit != nil {
			exit = *p.Exit
		}
		return at(*p.EndNS, row{who: who(p.Task), what: "ended", how: howEnded(exit, p.KilledBy)})
	}, func(p *result.Process, n int) entry {
		return callNote(*p.EndNS, fmt.Sprintf("… %d more processes were killed by %s (-v and --json list them all)", n,
			clean(p.KilledBy)))
	})
}

// commOf is what the kernel calls the process of a program: the first bytes of its name.
func commOf(name string) string {
	const most = 15 // TASK_COMM_LEN without the zero
	name = name[strings.LastIndexByte(name, '/')+1:]
	return strings.ToValidUTF8(name[:min(len(name), most)], "")
}

// root reports whether a process is a test's own.
func root(r *result.Result, p *result.Process) bool {
	return p.Test >= 0 && p.Test < len(r.Tests) && r.Tests[p.Test].PID == p.Task.PID
}

func howEnded(exit int, signal string) string {
	if signal != "" {
		return "killed by " + clean(signal)
	}
	return fmt.Sprintf("exit status %d", exit)
}

// callEntries are the tests' system calls on files of the modules. Equal calls in a row become one.
func callEntries(r *result.Result, verbose bool) []entry {
	type place struct {
		pid  int
		file string
	}
	seen := make(map[place]int)
	var entries []entry
	for list := r.Calls; len(list) > 0; {
		n := sameCalls(list)
		group := list[:n]
		list = list[n:]
		c := &group[0]
		at := place{c.By.PID, c.File}
		if seen[at]++; seen[at] > firstCalls && !verbose {
			if seen[at] == firstCalls+1 {
				entries = append(entries, callNote(c.AtNS, "… further calls on "+clean(c.File)+" are in --json and -v"))
			}
			continue
		}
		entries = append(entries, callEntry(group))
	}
	return entries
}

func callNote(ns int64, text string) entry { return at(ns, row{what: text}) }

// sameCalls is how many of the calls are like the first, in a row.
func sameCalls(list []result.Call) int {
	n := 1
	for n < len(list) && likeCall(&list[0], &list[n]) {
		n++
	}
	return n
}

func likeCall(a, b *result.Call) bool {
	same := a.Ret == b.Ret || a.Ret != nil && b.Ret != nil && *a.Ret == *b.Ret
	return same && a.By == b.By && a.Name == b.Name && a.File == b.File && a.FD == b.FD && a.Args == b.Args &&
		a.Serving == b.Serving
}

func callEntry(group []result.Call) entry {
	c, last := &group[0], &group[len(group)-1]
	r := row{who: who(c.By), what: clean(c.Name) + " " + clean(c.File)}
	took, _ := gap(&c.AtNS, c.EndNS)
	r.how = join(", ", clean(c.Args), returned(c, took), servedBy(c))
	if c.Ret == nil || *c.Ret < 0 {
		r.color = yellow
	}
	var more []row
	if n := len(group) - 1; n > 0 {
		more = append(more, row{what: moreLike(n, &c.AtNS, &last.AtNS)})
	}
	omitted := 0
	for i := range group {
		omitted += group[i].Omitted
	}
	if omitted > 0 {
		more = append(more, row{what: fmt.Sprintf("… %s on this file %s no record",
			plural(uint64(omitted), "further call", "further calls"), hasOrHave(omitted))})
	}
	return at(c.AtNS, r, more...)
}

func hasOrHave(n int) string {
	if n == 1 {
		return "has"
	}
	return "have"
}

func returned(c *result.Call, took string) string {
	switch {
	case c.Ret == nil:
		return "has not returned"
	case *c.Ret < 0:
		return join(" after ", "returned -"+errno.Name(int(-*c.Ret)), took)
	}
	return join(" after ", fmt.Sprintf("returned %d", *c.Ret), took)
}

func servedBy(c *result.Call) string {
	if c.Serving == "" {
		return ""
	}
	return "by" + glue + glued(clean(strings.TrimSpace(c.Serving)))
}
