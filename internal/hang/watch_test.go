// SPDX-License-Identifier: MIT

package hang

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kmodlab/kmodlab/internal/code"
	"github.com/kmodlab/kmodlab/internal/testlab/needs"
)

// loops is a module with the loops of internal/code's tests.
func loops(t *testing.T) func(string) *code.Module {
	t.Helper()
	gcc := needs.Program(t, "gcc")
	object := filepath.Join(t.TempDir(), "loops.o")
	args := []string{
		"-O2", "-fno-pic", "-mcmodel=kernel", "-fno-asynchronous-unwind-tables", "-fcf-protection=none", "-w",
		"-c", "-o", object, "../code/testdata/loops.c",
	}
	if out, err := exec.Command(gcc, args...).CombinedOutput(); err != nil {
		t.Fatalf("gcc: %v\n%s", err, out)
	}
	b, err := os.ReadFile(object)
	if err != nil {
		t.Fatal(err)
	}
	m, err := code.Open(b)
	if err != nil {
		t.Fatal(err)
	}
	return func(module string) *code.Module {
		if module != "m" {
			return nil
		}
		return m
	}
}

// after is the frame of a function of the module while it is in a call of another one; of several it is the last.
func after(t *testing.T, of func(string) *code.Module, name, callee string) string {
	t.Helper()
	found := ""
	for at := uint64(5); at < 200; at++ {
		if of("m").Callee(name, at) == callee {
			found = fmt.Sprintf("%s+0x%x [m]", name, at)
		}
	}
	if found == "" {
		t.Fatalf("%s calls no %s", name, callee)
	}
	return found
}

// stands is a task that does the same at each look: step of switches is what it sleeps between two looks.
type stands struct {
	Task
	sleeps, ticks uint64
}

// watched looks at tasks once a second for some time.
func watched(of func(string) *code.Module, unload bool, list []stands, last time.Duration) *Watch {
	w := &Watch{Study: Study{Modules: []string{"m"}, Code: of, Step: Command{PID: 110, Unload: unload, Module: "m"}}}
	for at := FirstLook; at <= last; at += Pause {
		var tasks []Task
		for i := range list {
			list[i].Slept += list[i].sleeps
			list[i].Ticks += list[i].ticks
			tasks = append(tasks, list[i].Task)
		}
		w.Add(at, tasks)
	}
	return w
}

func modprobe(state string, stack ...string) stands {
	return stands{Task: Task{PID: 112, TGID: 110, Comm: "modprobe", State: state, Stack: stack}}
}

func thread(pid int, sleeps uint64, stack ...string) stands {
	t := stands{Task: Task{PID: pid, TGID: pid, Comm: "thread", State: "D", Kernel: true, Stack: stack}, sleeps: sleeps}
	return t
}

// woken is a thread that has slept since it was woken for the first time.
func woken(t stands) stands {
	t.Slept = 2
	return t
}

func TestWatch(t *testing.T) {
	of := loops(t)
	const unloads, loading = "__do_sys_delete_module+0x1b9", "__do_sys_finit_module+0xac"
	stopping := modprobe("D", "kthread_stop+0x66", "finish+0x9 [m]", unloads)
	naps := func(name string) []string { return []string{"msleep+0x29", after(t, of, name, "msleep")} }
	lock := after(t, of, "start", "mutex_lock")
	computes := modprobe("R")
	computes.ticks = 90
	never := modprobe("D", "wait_for_completion+0x1", "finish+0x9 [m]", unloads)
	flushing := modprobe("D", "__flush_work+0x1", "finish+0x9 [m]", unloads)
	idle, timed := after(t, of, "idling", "schedule"), after(t, of, "asking", "wait_for_completion")
	program := []string{"call_usermodehelper_exec+0x14a", "start+0x16 [m]", "process_one_work+0x1"}
	firmware := []string{"fw_load_sysfs_fallback+0x1", "request_firmware_work_func+0x1", "process_one_work+0x1"}
	busy := stands{Task: Task{PID: 130, TGID: 130, Comm: "thread", State: "R", Kernel: true}, ticks: 90}
	helper := func(stack ...string) stands {
		return stands{Task: Task{PID: 140, TGID: 140, Comm: "modprobe", State: "S", Stack: stack}}
	}
	for name, tt := range map[string]struct {
		tasks []stands
		armed bool
		last  time.Duration
		want  Kind
	}{
		"a thread that never ends":          {tasks: []stands{stopping, thread(130, 20, naps("endless")...)}, want: Hung},
		"the same, in one long sleep":       {tasks: []stands{stopping, thread(130, 0, naps("endless")...)}, want: Hung},
		"a thread that counts for ever":     {tasks: []stands{stopping, thread(130, 20, naps("counting")...)}, want: Hung},
		"a thread that does not look":       {tasks: []stands{stopping, thread(130, 20, naps("deaf")...)}, want: Hung},
		"the same, in one long sleep of it": {tasks: []stands{stopping, thread(130, 0, naps("deaf")...)}, want: Waits},
		"a thread that will look":           {tasks: []stands{stopping, thread(130, 0, naps("heeding")...)}, want: Waits},
		"a thread that has an end":          {tasks: []stands{stopping, thread(130, 20, naps("bounded")...)}, want: Waits},
		"a thread that looks at the clock":  {tasks: []stands{stopping, thread(130, 20, naps("timed")...)}, want: Waits},
		"one stuck, one that has looked": {
			tasks: []stands{stopping, thread(130, 0, lock), thread(131, 20, naps("heeding")...)}, want: Hung,
		},
		"one stuck, one that may be meant": {
			tasks: []stands{stopping, thread(130, 0, lock), thread(131, 0, naps("heeding")...)}, want: Waits,
		},
		"one idle, one that works off what is left": {
			tasks: []stands{stopping, thread(130, 0, idle), thread(131, 20, naps("draining")...)}, want: Waits,
		},
		"one idle, one stuck":        {tasks: []stands{stopping, thread(130, 0, idle), thread(131, 0, lock)}, want: Hung},
		"a thread that walks a list": {tasks: []stands{stopping, thread(130, 20, naps("walking")...)}, want: Waits},
		"a thread and its own timer": {tasks: []stands{stopping, thread(130, 0, timed)}, armed: true, want: Waits},
		"a work item and its own timer": {
			tasks: []stands{flushing, thread(130, 0, timed)}, armed: true, want: Waits,
		},
		"a work item without a frame": {
			tasks: []stands{flushing, thread(130, 0, "process_one_work+0x1")}, want: Hung,
		},
		"a thread without a frame": {tasks: []stands{stopping, woken(thread(130, 0, "kthread+0x1"))}, want: Hung},
		"a worker of the kernel without work": {
			tasks: []stands{stopping, woken(thread(130, 0, "kthread_worker_fn+0x1", "kthread+0x1"))}, want: Waits,
		},
		"a thread that never ran": {tasks: []stands{stopping, thread(130, 0, "kthread+0x1")}, want: Waits},
		"a work item of the kernel without a frame of ours": {
			tasks: []stands{never, thread(130, 0, "flush_work+0x1", "process_one_work+0x1")}, want: Waits,
		},
		"a work item that waits":      {tasks: []stands{flushing, thread(130, 0, timed)}, want: Hung},
		"a work item and its program": {tasks: []stands{flushing, thread(130, 0, program...)}, want: Waits},
		"a work item of the kernel":   {tasks: []stands{never, thread(130, 0, firmware...)}, want: Waits},
		"a worker without work":       {tasks: []stands{never, thread(130, 0, "worker_thread+0x50")}, want: Hung},
		"a thread that computes":      {tasks: []stands{flushing, busy}, want: Waits},
		"a module that it depends on": {
			tasks: []stands{modprobe("D", "__flush_work+0x1", "other_init+0x1 [other]", "do_one_initcall+0x1", loading)},
			want:  Waits,
		},
		"what it called of another module": {
			tasks: []stands{modprobe("D", "__flush_work+0x1", "other_put+0x1 [other]", "finish+0x9 [m]", unloads)},
			want:  Waits,
		},
		"a helper that works in its init": {tasks: []stands{
			modprobe("D", "call_usermodehelper_exec+0x14a", "__request_module+0x1a5", "start+0x16 [m]", loading),
			helper("__flush_work+0x1", "other_init+0x1 [other]", "do_one_initcall+0x1", loading),
		}, want: Waits},
		"a helper whose own helper waits for init": {tasks: []stands{
			modprobe("D", "call_usermodehelper_exec+0x14a", "__request_module+0x1a5", "start+0x16 [m]", loading),
			helper("call_usermodehelper_exec+0x14a", "__request_module+0x1a5", "start+0x16 [m]", loading),
			{Task: Task{PID: 150, TGID: 150, Comm: "modprobe", State: "S", Stack: []string{"load_module+0x8d4", loading}}},
		}, want: Hung},
		"no thread is seen":        {tasks: []stands{stopping}, want: Waits},
		"nobody else":              {tasks: []stands{never}, want: Hung},
		"a timer is still to come": {tasks: []stands{never}, armed: true, want: Waits},
		"too soon":                 {tasks: []stands{never}, last: 7 * time.Second, want: Waits},
		"a lock":                   {tasks: []stands{modprobe("D", lock, loading)}, want: Hung},
		"a lock of the kernel's":   {tasks: []stands{modprobe("D", "rtnl_lock+0x1", "start+0x1 [m]", loading)}, want: Hung},
		"a lock, and a timer":      {tasks: []stands{modprobe("D", lock, loading)}, armed: true, want: Hung},
		"a sleep":                  {tasks: []stands{modprobe("D", append(naps("bounded"), loading)...)}, want: Sleeps},
		"a wait that is not known": {tasks: []stands{modprobe("D", "odd_wait+0x1", "start+0x1 [m]", loading)}, want: Waits},
		"work":                     {tasks: []stands{computes}, want: Works},
		"a command of the person":  {tasks: []stands{modprobe("S", "do_wait+0x1", "__do_sys_wait4+0x1")}, want: Works},
		"an exit without a frame":  {tasks: []stands{modprobe("D", unloads)}, want: Hung},
		"a helper that waits for init": {tasks: []stands{
			modprobe("D", "call_usermodehelper_exec+0x14a", "__request_module+0x1a5", "start+0x16 [m]", loading),
			{Task: Task{PID: 140, TGID: 140, Comm: "modprobe", State: "S", Stack: []string{"load_module+0x8d4", loading}}},
		}, want: Hung},
		"a helper that works": {tasks: []stands{
			modprobe("D", "call_usermodehelper_exec+0x14a", "__request_module+0x1a5", "start+0x16 [m]", loading),
		}, want: Waits},
	} {
		if tt.last == 0 {
			tt.last = Patience
		}
		if got := watched(of, true, tt.tasks, tt.last).Judge(tt.armed); got != tt.want {
			t.Errorf("%s: %d, want %d", name, got, tt.want)
		}
	}
}

// TestWatchWords: what a person reads while the step is slow, and what the verdict is made of.
func TestWatchWords(t *testing.T) {
	of := loops(t)
	naps := thread(130, 20, "msleep+0x29", after(t, of, "endless", "msleep"))
	stopping := modprobe("D", "kthread_stop+0x66", "finish+0x9 [m]", "__do_sys_delete_module+0x1b9")
	w := watched(of, true, []stands{stopping, naps}, Patience)
	where := func(site string, jump bool) string { f, _, _ := Place(site); return f + " (m.c:3)" }
	want := "modprobe -r m waits in kthread_stop, called by finish (m.c:3); " +
		"thread[130] sleeps in msleep, called by endless (m.c:3)"
	if got := w.Text("modprobe -r m", where); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	preempted := thread(131, 0, "irqentry_exit+0x1", after(t, of, "endless", "msleep"))
	preempted.State = "R"
	text := watched(of, true, []stands{stopping, preempted}, Patience).Text("modprobe -r m", where)
	if !strings.HasSuffix(text, "; thread[131] runs") {
		t.Error(text)
	}
	napping := naps.Task
	napping.State, napping.Stack = "S", nil // just between two naps
	settled := w.Settle([]Task{napping})
	if len(settled[0].Stack) == 0 || settled[0].State != "D" {
		t.Errorf("%+v", settled)
	}
	stuck := w.Find([]Task{stopping.Task, settled[0]}, nil)
	if len(stuck) != 2 || !stuck[0].Step || !stuck[1].Ends || !strings.Contains(stuck[1].Note, "kthread_should_stop") {
		t.Errorf("%+v", stuck)
	}
	hidden := w.Find([]Task{modprobe("D", "__do_sys_delete_module+0x1b9").Task}, nil)
	if len(hidden) != 1 || hidden[0].Of != "exit" || hidden[0].Wait != "wait_for_completion" ||
		!strings.HasPrefix(hidden[0].Site, "finish+0x") {
		t.Errorf("%+v", hidden)
	}
}

// TestTasklet: a tasklet that is never run keeps a softirq's thread busy in vain, unless a CPU is seen in the modules.
func TestTasklet(t *testing.T) {
	of := loops(t)
	softirqs := stands{Task: Task{PID: 15, TGID: 15, Comm: "ksoftirqd/0", State: "R", Kernel: true}, ticks: 90}
	beside := stands{Task: Task{PID: 143, Comm: "modprobe", State: "S"}, ticks: 30}
	for name, tt := range map[string]struct {
		wait  string
		quiet bool
		ticks uint64 // that the step uses, as it is woken
		want  Kind
	}{
		"a tasklet that is disabled":            {"tasklet_kill+0x40", true, 0, Hung},
		"a disabled tasklet that wakes in vain": {"tasklet_kill+0x40", true, 30, Hung},
		"a tasklet that runs":                   {"tasklet_kill+0x40", false, 0, Waits},
		"a tasklet that runs and wakes":         {"tasklet_kill+0x40", false, 30, Works},
		"a timer in a softirq":                  {"wait_for_completion+0x1", true, 0, Waits},
	} {
		step := modprobe("D", tt.wait, "finish+0x9 [m]", "__do_sys_delete_module+0x1b9")
		step.ticks = tt.ticks
		beside.TGID = step.TGID
		w := watched(of, true, []stands{step, beside, softirqs}, Patience)
		w.Quiet = tt.quiet
		if got := w.Judge(false); got != tt.want {
			t.Errorf("%s: %d, want %d", name, got, tt.want)
		}
		if tt.want != Hung {
			continue
		}
		for _, stack := range [][]string{nil, step.Stack} { // it is just on a CPU, or about to be
			step.State, step.Task.Stack = "R", stack
			w.Add(Patience+Pause, []Task{step.Task, beside.Task, softirqs.Task})
			found := w.Find(w.Last(), nil)
			if len(found) != 1 || found[0].State != "uninterruptible" || found[0].Wait != tt.wait {
				t.Errorf("%s, on a CPU: %+v", name, found)
			}
		}
	}
}

// TestTail: a worker in whose stack no frame of the module is left is named by the function that leaves with a jump.
func TestTail(t *testing.T) {
	s := &Study{Modules: []string{"m"}, Code: loops(t)}
	stuck := s.Find([]Task{thread(130, 0, "process_one_work+0x1", "worker_thread+0x1").Task}, nil)
	if len(stuck) != 1 || stuck[0].Of != "work" || stuck[0].Wait != "wait_for_completion" ||
		!strings.HasPrefix(stuck[0].Site, "job+0x") {
		t.Errorf("%+v", stuck)
	}
}

// TestSpins: a loop without an end, or without any change, spins; a computation does not.
func TestSpins(t *testing.T) {
	of := loops(t)
	s := &Study{Modules: []string{"m"}, Code: of}
	for name, tt := range map[string]struct {
		place  func(i int) string
		called func(i int) []string
		states int
		n      int
		want   bool
	}{
		"the same registers":     {place: always("start+0x3 [m]"), states: 2, n: 28, want: true},
		"ever new registers":     {place: always("start+0x3 [m]"), states: 28, n: 28},
		"too few samples":        {place: always("start+0x3 [m]"), states: 1, n: 8},
		"a spinlock":             {place: always(""), called: frames("start+0x9 [m]"), states: 3, n: 28, want: true},
		"a printer in between":   {place: every(8, "", "start+0x3 [m]"), states: 2, n: 28, want: true},
		"mostly something else":  {place: every(2, "", "start+0x3 [m]"), states: 2, n: 28},
		"two functions in turns": {place: every(2, "deaf+0x3 [m]", "start+0x3 [m]"), states: 2, n: 28},
		"a timer that deletes itself": {
			place: always(""), called: frames(after(t, of, "expiring", "del_timer_sync")), states: 28, n: 28, want: true,
		},
		"a loop that sleeps":  {place: always(""), called: frames(after(t, of, "endless", "msleep")), states: 28, n: 28},
		"a thread that naps":  {place: always(""), called: frames(after(t, of, "deaf", "msleep")), states: 1, n: 28},
		"a count in memory":   {place: always(inLoop(t, of, "spending")), states: 2, n: 28},
		"a look at the clock": {place: always(inLoop(t, of, "polling")), states: 2, n: 28},
		"a wait for a flag":   {place: always(inLoop(t, of, "watching")), states: 2, n: 28, want: true},
		"a spinlock in a loop that counts": {
			place: always(""), called: frames(after(t, of, "locking", "_raw_spin_lock")), states: 2, n: 28, want: true,
		},
		"a CPU outside the module": {place: always(""), states: 1, n: 28},
		"a flood that printers interrupt": {
			place: always(""), called: seldom(9, after(t, of, "flooding", "_printk")), states: 28, n: 28, want: true,
		},
		"two looks at a flood": {
			place: always(""), called: seldom(20, after(t, of, "flooding", "_printk")), states: 28, n: 28,
		},
		"a flood that may wait elsewhere": {
			place: always(""), called: seldom(9, after(t, of, "flooding_and_more", "_printk")), states: 28, n: 28,
		},
	} {
		var samples []Sample
		for i := range tt.n {
			at := Sample{
				CPU: 1, At: FirstLook + time.Duration(i)*250*time.Millisecond, Place: tt.place(i), Task: 7,
				State: fmt.Sprint("RAX=", i%tt.states),
			}
			if tt.called != nil {
				at.Called = tt.called(i)
			}
			samples = append(samples, at)
		}
		got := s.Spins(samples)
		if (len(got) == 1) != tt.want || tt.want && (got[0].CPU != 1 || got[0].Task != 7 || got[0].Site == "") {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// TestSpinsBeside: a CPU that waits for one that works may be waited for, unless its own loop has no way out.
func TestSpinsBeside(t *testing.T) {
	of := loops(t)
	s := &Study{Modules: []string{"m"}, Code: of}
	var samples []Sample
	for i := range 28 {
		at := Sample{CPU: 0, At: FirstLook + time.Duration(i)*250*time.Millisecond, Place: "start+0x3 [m]", State: "RAX=1"}
		samples = append(samples, at)
		at.CPU, at.State = 1, fmt.Sprint("RAX=", i)
		samples = append(samples, at)
	}
	if got := s.Spins(samples); len(got) != 0 {
		t.Errorf("beside a CPU that works: %+v", got)
	}
	for i := range samples {
		if samples[i].CPU == 0 {
			samples[i].Place = inLoop(t, of, "counting_on")
		}
	}
	if got := s.Spins(samples); len(got) != 1 || got[0].CPU != 0 {
		t.Errorf("a loop without an end: %+v", got)
	}
}

// TestAtWork: a CPU that is on its way into a sleep, or back, does no work in the modules.
func TestAtWork(t *testing.T) {
	of := loops(t)
	s := &Study{Modules: []string{"m"}, Code: of}
	for name, tt := range map[string]struct {
		at   Sample
		want bool
	}{
		"elsewhere":                {Sample{}, false},
		"in the module":            {Sample{Place: "start+0x3 [m]"}, true},
		"in a call that sleeps":    {Sample{Called: []string{after(t, of, "deaf", "msleep")}}, false},
		"in a call that works":     {Sample{Called: []string{after(t, of, "flooding", "_printk")}}, true},
		"in a wait for a lock":     {Sample{Called: []string{after(t, of, "locking", "_raw_spin_lock")}}, true},
		"back in the module's own": {Sample{Place: "deaf+0x3 [m]", Called: []string{after(t, of, "deaf", "msleep")}}, true},
	} {
		if got := s.AtWork(tt.at); got != tt.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

// TestUnhelped: a CPU that waits for a flag may wait for a thread that naps and has an end.
func TestUnhelped(t *testing.T) {
	of := loops(t)
	for name, tt := range map[string]struct {
		thread string
		waits  bool
		later  time.Duration
		want   int
	}{
		"a thread with an end":            {thread: "bounded", waits: true},
		"a thread without one":            {thread: "endless", waits: true, want: 1},
		"a thread that only looks":        {thread: "heeding", waits: true, want: 1},
		"a loop without an end beside it": {thread: "bounded", want: 1},
		"a look long ago":                 {thread: "bounded", waits: true, later: 5 * time.Second, want: 1},
	} {
		w := watched(of, false, []stands{thread(130, 20, "msleep+0x29", after(t, of, tt.thread, "msleep"))}, Patience)
		if got := w.Unhelped([]Spin{{waits: tt.waits}}, Patience+tt.later); len(got) != tt.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// inLoop is a place in a loop of a function.
func inLoop(t *testing.T, of func(string) *code.Module, name string) string {
	t.Helper()
	for at := range uint64(200) {
		if flow, ok := of("m").Flow(name, at); ok && flow.Loops {
			return fmt.Sprintf("%s+0x%x [m]", name, at)
		}
	}
	t.Fatalf("%s has no loop", name)
	return ""
}

func always(place string) func(int) string { return func(int) string { return place } }

func every(n int, other, place string) func(int) string {
	return func(i int) string {
		if i%n == 0 {
			return other
		}
		return place
	}
}

// seldom is a call in one of n samples.
func seldom(n int, place string) func(int) []string {
	return func(i int) []string {
		if i%n == 0 {
			return []string{place}
		}
		return nil
	}
}

func frames(list ...string) func(int) []string { return func(int) []string { return list } }
