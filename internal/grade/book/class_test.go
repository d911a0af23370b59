// SPDX-License-Identifier: MIT

package book

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/kmodlab/kmodlab/internal/grade"
)

var titles = []string{
	"the module builds", "it loads and unloads", "the parameter is in /sys", "the thread starts once",
	"the thread stops exactly once, and kthread_stop returns what it returned", "nothing is left behind after unload",
	"the request waits for modprobe", "a missing helper is told by its error number", "SIGUSR1 arrives within two jiffies",
	"no signal is lost", "it survives 100 loads", "the error path gives everything back",
}

var (
	first = strings.Fields("Ada Grace Linus Barbara Edsger Margaret Ken Radia Dennis Frances Donald Katherine")
	last  = strings.Fields("Lovelace Hopper Torvalds Liskov Dijkstra Hamilton Thompson Perlman Ritchie Allen Knuth " +
		"Johnson")
)

// randomClass is a class as one could be, the same for the same seed.
func randomClass(t testing.TB, seed uint64, students int) *grade.Book {
	t.Helper()
	rnd := rand.New(rand.NewPCG(seed, 18))
	var list []grade.Grade
	for i := range students {
		g := randomGrade(rnd)
		g.Student = fmt.Sprintf("%s %s %d", first[rnd.IntN(len(first))], last[rnd.IntN(len(last))], i+1)
		switch {
		case i == 7:
			g.Student = "Wolfeschlegelsteinhausenbergerdorff-Vandenberghe-Papadopoulou, Maria-Magdalena Anastasia " +
				"Christina of the exchange programme"
		case i == 11:
			g.Student = "שלום עולם"
		case i == 12:
			g.Student = "s3171045@students.example.edu"
		}
		list = append(list, *g)
	}
	if students > 40 {
		list[20].Submission = list[21].Submission
		list[30].Shape, list[31].Shape, list[32].Shape = "07e4", "07e4", "07e4"
		list[30].Fault, list[31].Fault = "", ""
	}
	for i := range list {
		list[i].Sum()
	}
	b, err := grade.NewBook(list)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func randomGrade(rnd *rand.Rand) *grade.Grade {
	g := &grade.Grade{Lab: "thread-life", LabTitle: "A thread's life: from kthread_run to kthread_stop",
		Submission: fmt.Sprintf("%016x%016x", rnd.Uint64(), rnd.Uint64()), Kernels: []string{"6.1.158", "6.12.57"},
		Graded: "2026-11-30T12:00:00Z", Seconds: 0.4 + rnd.ExpFloat64()*2, Shape: "501"}
	skill, unbuilt := rnd.Float64(), rnd.IntN(25) == 0
	for i, title := range titles {
		c := grade.Check{ID: fmt.Sprintf("check-%d", i), Title: title, Max: float64(1 + i%3), Visibility: grade.Visible,
			Status: grade.Failed}
		if i == 9 {
			c.Visibility = grade.Hidden
		}
		if i == 11 {
			c.Visibility = grade.AfterDue
		}
		if i > 0 {
			c.Needs = []string{"check-0"}
		}
		dice := rnd.Float64() * (1.2 - float64(i)/20)
		switch {
		case unbuilt && i > 0:
			c.Status, c.Say = grade.Skipped, []string{"skipped: “the module builds” did not pass"}
		case unbuilt:
		case i == 0 || dice < skill:
			c.Status, c.Points = grade.Passed, c.Max
		case dice < skill+0.1:
			c.Status, c.Points = grade.Partial, c.Max/2
		case rnd.IntN(30) == 0:
			c.Status, c.Say = grade.Unknown, []string{"The trace lost records, so that nobody can tell."}
		}
		if c.Status == grade.Failed || c.Status == grade.Partial {
			c.Say = []string{"worker/2 was stopped twice: at 12.3 ms by stop_exit+0x1c, at 12.9 ms by stop_exit+0x40."}
			c.Hint, c.File, c.Line = "Who calls kthread_stop, and who else?", "stop.c", 10+rnd.IntN(90)
			c.Scenario = "plain"
		}
		g.Checks = append(g.Checks, c)
	}
	if unbuilt {
		g.Build = []string{"stop.c:42:17: error: ‘thread’ undeclared (first use in this function)",
			"   42 |         kthread_stop(thread);", "      |                      ^~~~~~"}
		g.Shape = ""
	}
	if rnd.IntN(12) == 0 {
		n := rnd.IntN(4)
		g.Crashes = []grade.Crash{{Class: "oops", Place: fmt.Sprintf("stop.c:%d", 40+n), Scenario: "plain",
			Message: []string{"BUG: kernel NULL pointer dereference", "general protection fault",
				"WARNING: refcount_t: underflow", "BUG: unable to handle page fault"}[n]}}
		g.Shape = fmt.Sprintf("c%d", n)
	}
	if rnd.IntN(60) == 0 {
		g.Fault = "start the machine: QEMU was killed by signal 9 (the node ran out of memory)"
	}
	g.Sum()
	return g
}

// with changes a class and makes it valid again.
func with(t testing.TB, b *grade.Book, change func(g *grade.Grade)) *grade.Book {
	t.Helper()
	for i := range b.Grades {
		change(&b.Grades[i])
		b.Grades[i].Sum()
	}
	b, err := grade.NewBook(b.Grades)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func failAll(g *grade.Grade) {
	for i := range g.Checks {
		g.Checks[i].Status, g.Checks[i].Points = grade.Failed, 0
	}
}

func faultAll(g *grade.Grade) { g.Fault = "boot: no room on the disk" }
