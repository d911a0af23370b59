// SPDX-License-Identifier: MIT

// Package shape makes a fingerprint of the story of a submission: what its threads, requests, signals and modules did,
// in which order, and how each ended. Times, process ids, names and places are left out, and so is what differs between
// two runs of the same module: the order between tasks, and how often something is repeated. So a submission has the
// same shape on each machine, and two that only name their functions differently have the same. It is pure.
package shape

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/kmodlab/kmodlab/result"
)

// Run is what one scenario of the lab gave.
type Run struct {
	Scenario string
	Result   *result.Result
}

// size is how many bytes of the hash a fingerprint has.
const size = 16

// Of returns the fingerprint of all runs of a submission, whatever their order. It is empty if there is none, or if the
// sources of one did not build: there is no story then.
func Of(runs []Run) string {
	var texts []string
	for _, run := range runs {
		if run.Result == nil {
			continue
		}
		if run.Result.Verdict.Class == result.Build {
			return ""
		}
		texts = append(texts, fmt.Sprintf("%q\n%s", run.Scenario, story(run.Result)))
	}
	if len(texts) == 0 {
		return ""
	}
	slices.Sort(texts)
	sum := sha256.Sum256([]byte(strings.Join(texts, "\n")))
	return hex.EncodeToString(sum[:size])
}

// story has a line for each kind of life in a run. Lives that are equal share a line, with their number.
func story(r *result.Result) string {
	w := newCast(r)
	lives := []string{"verdict " + string(r.Verdict.Class)}
	for i := range r.Modules {
		if !r.Modules[i].Background {
			lives = append(lives, module(&r.Modules[i]))
		}
	}
	for i := range r.Threads {
		if !r.Threads[i].Background {
			lives = append(lives, w.thread(&r.Threads[i]))
		}
	}
	for i := range r.Requests {
		if !r.Requests[i].Background {
			lives = append(lives, w.request(&r.Requests[i]))
		}
	}
	for i := range r.Signals {
		if s := &r.Signals[i]; !s.Background && !w.isThread(s.To.PID) { // a thread's are part of its life
			lives = append(lives, w.signal(s))
		}
	}
	for i := range r.Tests {
		lives = append(lives, "test "+string(r.Tests[i].Outcome))
	}
	for i := range r.Crashes {
		lives = append(lives, join("crash", string(r.Crashes[i].Class), r.Crashes[i].Type))
	}
	for i := range r.Leaks {
		lives = append(lives, "left "+r.Leaks[i].Kind)
	}
	slices.Sort(lives)
	return strings.Join(counted(lives), "\n")
}

// few is the largest number that is told from a larger one: a thread that works until it is stopped does so nine times
// in one run, and ten times in the next.
const few = 3

// counted makes equal neighbours one, with their number.
func counted(list []string) []string {
	var out []string
	for i := 0; i < len(list); {
		n := 1
		for i+n < len(list) && list[i+n] == list[i] {
			n++
		}
		out = append(out, number(n)+" × "+list[i])
		i += n
	}
	return out
}

func number(n int) string {
	if n > few {
		return "many"
	}
	return strconv.Itoa(n)
}

func module(m *result.Module) string {
	text := join("module, init", sign(m.InitRet), flag(m.Loaded, "loaded"), flag(m.Unloaded, "unloaded"))
	if m.Refcount != nil {
		text += ", references " + number(*m.Refcount)
	}
	return text
}

// role is what a task is, whatever it is called.
type role string

const (
	thread role = "thread" // of a module under study
	inside role = "module" // a task that acts in a module's code: an init, an exit, a file's operation
	other  role = "task"
)

// cast knows the threads of a run by their process ids, and the signals that each was sent.
type cast map[int][]*result.Signal

func newCast(r *result.Result) cast {
	c := cast{}
	for i := range r.Threads {
		if t := &r.Threads[i]; !t.Background && t.PID > 0 {
			c[t.PID] = nil
		}
	}
	for i := range r.Signals {
		s := &r.Signals[i]
		if list, ok := c[s.To.PID]; ok && !s.Background {
			c[s.To.PID] = append(list, s)
		}
	}
	return c
}

func (c cast) isThread(pid int) bool {
	_, ok := c[pid]
	return ok
}

func (c cast) of(t *result.Task) role {
	switch {
	case t == nil:
		return other
	case c.isThread(t.PID):
		return thread
	case strings.HasSuffix(t.Site, "]"):
		return inside
	}
	return other
}

func (c cast) signal(s *result.Signal) string {
	return join("signal", s.Name, "from", string(c.of(&s.From)), s.Sender, "to", string(c.of(&s.To)), string(s.Outcome),
		flag(s.Group, "group"))
}

func (c cast) request(q *result.Request) string {
	text := join("request from", string(c.of(&q.By)), flag(q.Wait, "waits"), flag(q.Duplicate, "duplicate"), "gave",
		pointed(q.Returned), "loaded", number(len(q.Loaded)))
	if h := q.Helper; h != nil {
		text = join(text, "helper", flag(h.NotExecuted, "not executed"), h.KilledBy)
		if h.Exit != nil {
			text = join(text, "exit", sign(int64(*h.Exit)))
		}
	}
	return text
}

func sign(n int64) string {
	switch {
	case n < 0:
		return strconv.FormatInt(n, 10) // which error it was
	case n > 0:
		return "positive"
	}
	return "0"
}

func pointed(n *int64) string {
	if n == nil {
		return "nothing"
	}
	return sign(*n)
}

func flag(set bool, word string) string {
	if set {
		return word
	}
	return ""
}

func join(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), " ")
}

// moment is something that happened in a life.
type moment struct {
	at   int64
	what string
}

// inOrder makes moments one text, in the order of time. Of moments at the same time the one that was added first is
// first.
func inOrder(list []moment) string {
	slices.SortStableFunc(list, func(a, b moment) int { return cmp.Compare(a.at, b.at) })
	var words []string
	for _, m := range list {
		words = append(words, m.what)
	}
	return strings.Join(counted(words), ", ")
}
