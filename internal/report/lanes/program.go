// SPDX-License-Identifier: MIT

package lanes

import (
	"cmp"
	"fmt"
	"path"
	"strings"

	"github.com/kmodlab/kmodlab/result"
)

// programs are the lanes of tests and of the processes that they started.
type programs struct {
	tests     []int // the lane of each test, -1 if the time of its start is not known
	processes []int // the lane of each process; the first process of a test has the test's
	ends      map[int]*int64
}

// openPrograms makes the lanes of tests and their processes, so that later events can find their actors there.
func (b *builder) openPrograms(r *result.Result) {
	b.programs.ends = map[int]*int64{}
	first := make(map[int]int) // the first process of each test
	for i := range r.Processes {
		if p := &r.Processes[i]; p.Test >= 0 && p.Test < len(r.Tests) && p.Task.PID == r.Tests[p.Test].PID {
			first[p.Test] = i
		}
	}
	for i := range r.Tests {
		t, none := &r.Tests[i], result.Process{}
		p := &none
		if at, ok := first[i]; ok {
			p = &r.Processes[at]
		}
		lane := -1
		if t.PID != 0 && (t.StartNS != nil || p.StartNS != nil) {
			lane = b.openProgram(path.Base(t.Name), t.PID, Test, earliest(t.StartNS, p.StartNS), latest(t.EndNS, p.EndNS))
			b.story.Lanes[lane].group = lane
			b.story.Lanes[lane].Note, b.story.Lanes[lane].Tone = "test, "+testWords[t.Outcome].done, testWords[t.Outcome].tone
		}
		b.programs.tests = append(b.programs.tests, lane)
	}
	for i := range r.Processes {
		p, lane := &r.Processes[i], -1
		of := b.testLane(p.Test)
		switch at, ok := first[p.Test]; {
		case ok && at == i:
			lane = of
		case p.Task.PID != 0 && p.StartNS != nil:
			lane = b.openProgram(p.Task.Comm, p.Task.PID, Program, p.StartNS, p.EndNS)
			l := &b.story.Lanes[lane]
			l.group, l.Background = of, true // until something of the modules is found in it
			if of >= 0 {
				l.Note = "of " + b.story.Lanes[of].Name
			}
		}
		b.programs.processes = append(b.programs.processes, lane)
	}
}

func (b *builder) openProgram(name string, pid int, kind Kind, from, to *int64) int {
	lane := b.lane(Short(name), pid, kind, false)
	b.span(pid, lane, from, to)
	b.programs.ends[lane] = to
	return lane
}

func (b *builder) testLane(i int) int {
	if i < 0 || i >= len(b.programs.tests) {
		return -1
	}
	return b.programs.tests[i]
}

// testWords say how a test ended, and how its lane shows it.
var testWords = map[result.TestOutcome]struct {
	done  string
	stage Stage
	tone  Tone
}{
	result.TestPass:   {"passed", Passed, Good},
	result.TestFail:   {"failed", Failed, Bad},
	result.TestSkip:   {"skipped", Skipped, Warn},
	result.TestXFail:  {"failed as expected", Skipped, Warn},
	result.TestNotRun: {"not run", Skipped, Warn},
}

// tellPrograms tells the lives of tests and processes. It comes after the calls and signals, which decide whether a
// process has to do with the modules.
func (b *builder) tellPrograms(r *result.Result) {
	b.concern(r)
	for i := range r.Tests {
		began := -1
		if lane := b.programs.tests[i]; lane >= 0 {
			began = b.test(lane, &r.Tests[i])
		}
		b.story.starts = append(b.story.starts, began)
	}
	for i := range r.Processes {
		lane, p := b.programs.processes[i], &r.Processes[i]
		if lane < 0 {
			continue
		}
		subject := b.story.Lanes[lane].Subject
		if b.story.Lanes[lane].Kind == Program {
			subject = b.process(lane, p)
		}
		for j, e := range p.Execs[:min(len(p.Execs), maxExecs)] {
			b.point(b.event(Event{At: e.AtNS, Lane: lane, Subject: subject, Moment: fmt.Sprintf("execs[%d].at_ns", j),
				What: "executes " + Short(e.Path), Background: b.story.Lanes[lane].Background}))
		}
	}
}

// maxExecs bounds the programs of one process that are told.
const maxExecs = 16

// concern takes processes out of the background: those that a signal ended, that the kernel reports about, and the
// ancestors of those that are shown.
func (b *builder) concern(r *result.Result) {
	byPID := make(map[int]int)
	for i := range r.Processes {
		byPID[r.Processes[i].Task.PID] = i
	}
	show := func(i int) (changed bool) {
		lane := b.programs.processes[i]
		if lane < 0 || !b.story.Lanes[lane].Background {
			return false
		}
		b.story.Lanes[lane].Background = false
		return true
	}
	for i := range r.Crashes {
		if t := r.Crashes[i].Task; t != nil {
			if p, ok := byPID[t.PID]; ok {
				show(p)
			}
		}
	}
	for i := range r.Processes {
		lane := b.programs.processes[i]
		if r.Processes[i].KilledBy != "" {
			show(i)
		}
		if lane < 0 || b.story.Lanes[lane].Background {
			continue
		}
		for p, ok := byPID[r.Processes[i].Parent]; ok && show(p); {
			p, ok = byPID[r.Processes[p].Parent]
		}
	}
}

// test tells how a test began and ended, and returns the event of its beginning.
func (b *builder) test(lane int, t *result.Test) int {
	facts := *t
	facts.Output, facts.Subtests, facts.Place = "", nil, nil // the report has a section for them
	subject := b.subject("test", Short(t.Name), &facts)
	b.story.Subjects[subject].add("place", PlaceWords(t.Place))
	b.story.Lanes[lane].Subject = subject
	words := testWords[t.Outcome]
	who := "as the test " + Short(t.Name)
	if t.User != "" {
		who += ", by user " + Short(t.User)
	}
	began := b.event(Event{At: b.begin(lane, t.StartNS), Lane: lane, Subject: subject, Moment: "start_ns", What: "starts",
		How: who})
	end := cmp.Or(t.EndNS, b.programs.ends[lane])
	b.segment(lane, words.stage, Short(t.Name), b.story.Events[began].At, end, began)
	if end == nil {
		return began
	}
	b.point(b.event(Event{At: *end, Lane: lane, Subject: subject, Moment: "end_ns", What: "ends", How: endWords(t),
		Tone: words.tone, Cross: t.Signal != ""}))
	return began
}

// endWords say how a test ended, and why that is no pass.
func endWords(t *result.Test) string {
	how := fmt.Sprintf("exit status %d", t.Exit)
	if t.Signal != "" {
		how = join(" ", "killed by "+Short(t.Signal), PlaceWords(t.Place))
	}
	why := Short(t.Reason)
	if t.Reason == how || t.Signal != "" && t.Reason == "it was killed by "+t.Signal {
		why = ""
	}
	return join(": ", join(", ", how, testWords[t.Outcome].done), why)
}

// begin is when a lane's program started.
func (b *builder) begin(lane int, at *int64) int64 {
	if at != nil {
		return *at
	}
	for _, i := range b.byPID[b.story.Lanes[lane].PID] {
		if b.spans[i].lane == lane {
			return b.spans[i].from
		}
	}
	return 0
}

// process tells the life of a process that a test started, and returns its subject.
func (b *builder) process(lane int, p *result.Process) int {
	l := &b.story.Lanes[lane]
	background := l.Background
	subject := b.subject("process", join(" ", l.Name, l.Note), p)
	l.Subject = subject
	from := b.life(p.Parent, *p.StartNS)
	how := ""
	if from >= 0 {
		how = "by " + b.story.Lanes[from].Title()
	}
	began := b.event(Event{At: *p.StartNS, Lane: lane, Subject: subject, Moment: "start_ns", What: "is forked", How: how,
		Background: background})
	b.arrow(Arrow{Link: LinkFork, From: End{Lane: from, At: *p.StartNS}, To: End{Lane: lane, At: *p.StartNS},
		Event: began})
	name := Short(p.Task.Comm)
	if n := len(p.Execs); n > 0 {
		name = Short(p.Execs[n-1].Path)
	}
	b.segment(lane, Running, name, *p.StartNS, p.EndNS, began)
	if p.EndNS == nil {
		return subject
	}
	e := Event{At: *p.EndNS, Lane: lane, Subject: subject, Moment: "end_ns", What: "ends", Point: true,
		Background: background}
	switch {
	case p.KilledBy != "":
		e.How, e.Tone, e.Cross = "killed by "+Short(p.KilledBy), Warn, true
	case p.Exit != nil:
		e.How = fmt.Sprintf("exit status %d", *p.Exit)
	}
	b.event(e)
	return subject
}

// PlaceWords say where in a program something happened; "" if that is not known.
func PlaceWords(p *result.Place) string {
	if p == nil || p.Object == "" && p.Function == "" {
		return ""
	}
	at := fmt.Sprintf("at offset 0x%x of %s", p.Offset, Short(p.Object))
	if p.Function != "" {
		at = join(" of ", fmt.Sprintf("in %s+0x%x", Short(p.Function), p.Offset), Short(path.Base(p.Object)))
	}
	if p.File != "" && p.Line > 0 {
		at += fmt.Sprintf(" (%s:%d)", Short(p.File), p.Line)
	}
	return strings.TrimSpace(at)
}
