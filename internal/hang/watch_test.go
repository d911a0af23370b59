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

// TestWatchStoppedTwice: who stops a thread that has ended waits in vain, unless another thread is there that may be
// meant.
func TestWatchStoppedTwice(t *testing.T) {
	of := loops(t)
	stopping := modprobe("D", "kthread_stop+0x66", "finish+0x9 [m]", "__do_sys_delete_module+0x1b9")
	kernels := func(pid int, comm string) stands {
		t := Task{PID: pid, TGID: pid, Comm: comm, State: "S", Kernel: true, Stack: []string{"kthread+0x1"}}
		return stands{Task: t}
	}
	swapper := kernels(20, "kswapd0")
	for name, tt := range map[string]struct {
		tasks  []stands
		before map[int]bool
		want   Kind
	}{
		"all have ended":       {[]stands{stopping, swapper, kernels(130, "kworker/0:3")}, map[int]bool{20: true}, Hung},
		"one is new":           {[]stands{stopping, swapper, kernels(130, "irq/9-x")}, map[int]bool{20: true}, Waits},
		"nobody looked before": {[]stands{stopping, swapper}, nil, Waits},
	} {
		w := watched(of, true, tt.tasks, Patience)
		w.Before = tt.before
		if got := w.Judge(false); got != tt.want {
			t.Errorf("%s: %d, want %d", name, got, tt.want)
		}
	}
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
		"a work and its helper":     {tasks: requesting("idempotent_init_module+0x1df"), want: Hung},
		"a work whose helper works": {tasks: requesting("do_syscall_64+0x1"), want: Waits},
		"no thread is seen":         {tasks: []stands{stopping}, want: Waits},
		"nobody else":               {tasks: []stands{never}, want: Hung},
		"a timer is still to come":  {tasks: []stands{never}, armed: true, want: Waits},
		"too soon":                  {tasks: []stands{never}, last: 7 * time.Second, want: Waits},
		"a lock":                    {tasks: []stands{modprobe("D", lock, loading)}, want: Hung},
		"a lock of the kernel's":    {tasks: []stands{modprobe("D", "rtnl_lock+0x1", "start+0x1 [m]", loading)}, want: Hung},
		"a lock, and a timer":       {tasks: []stands{modprobe("D", lock, loading)}, armed: true, want: Hung},
		"a sleep":                   {tasks: []stands{modprobe("D", append(naps("bounded"), loading)...)}, want: Sleeps},
		"a wait that is not known":  {tasks: []stands{modprobe("D", "odd_wait+0x1", "start+0x1 [m]", loading)}, want: Waits},
		"work":                      {tasks: []stands{computes}, want: Works},
		"a command of the person":   {tasks: []stands{modprobe("S", "do_wait+0x1", "__do_sys_wait4+0x1")}, want: Works},
		"an exit without a frame":   {tasks: []stands{modprobe("D", unloads)}, want: Hung},
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

// requesting are an init that waits for a work, the work, which waits for a modprobe, and the kernel's own worker,
// which waits for it too; at is where the modprobe is.
func requesting(at string) []stands {
	const loading = "__x64_sys_finit_module+0x71"
	worker := func(pid int, stack ...string) stands {
		return stands{Task: Task{PID: pid, TGID: pid, Comm: "kworker/0:1", State: "D", Kernel: true, Stack: stack}}
	}
	return []stands{
		modprobe("D", "__flush_work+0x1", "start+0x16 [m]", "do_one_initcall+0x1", loading),
		worker(39, "call_usermodehelper_exec+0x151", "__request_module+0x1cb", "job+0x9 [m]", "process_one_work+0x1cd"),
		worker(12, "do_wait+0x58", "kernel_wait+0x4a", "call_usermodehelper_exec_work+0x83", "process_one_work+0x1cd"),
		{Task: Task{PID: 138, TGID: 138, Comm: "modprobe", State: "S", Stack: []string{at, loading}}},
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

// TestEnoughTicks checks that two looks in quick succession see the same rate as two that are a Pause apart.
func TestEnoughTicks(t *testing.T) {
	for apart, want := range map[time.Duration]uint64{
		-1: 1, 0: 1, Pause / 20: 1, Pause / 5: 2, Pause / 2: 5, Pause: 10, 3 * Pause: 10,
	} {
		if got := enoughTicks(apart); got != want {
			t.Errorf("%s apart: %d ticks, want %d", apart, got, want)
		}
	}
}
