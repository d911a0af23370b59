// SPDX-License-Identifier: MIT

package result

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmodlab/kmodlab/tracer/event"
	"github.com/kmodlab/kmodlab/tracer/timeline"
)

var (
	oopsCrash    = Crash{Class: Oops, Title: "BUG: kernel NULL pointer dereference in f+0x1 [m]"}
	panicCrash   = Crash{Class: Panic, Title: "Kernel panic: Fatal exception"}
	warningCrash = Crash{Class: Oops, Title: "WARNING: refcount_t: addition on 0 at lib/refcount.c:25"}
	lockupCrash  = Crash{Class: Lockup, Title: "BUG: soft lockup in f+0x1 [m]"}
	hungCrash    = Crash{Class: Hung, Title: "INFO: task modprobe hung in f+0x1"}
)

func TestJudge(t *testing.T) {
	fail := &Failure{Message: "so it was", Hint: "do this"}
	loaded := []Module{{Name: "m", Loaded: true, Unloaded: true}}
	stays := []Module{{Name: "m", Loaded: true}}
	alive := []Thread{{Name: "K1", PID: 89, Function: "fn [m]", Alive: true}}
	tests := []struct {
		name    string
		in      Inputs
		class   Class
		message string // contained in the verdict's
	}{
		{"pass", Inputs{Finished: true, Unloaded: true, Modules: loaded, Threads: []Thread{{PID: 1}}}, Pass, "1 module loaded and unloaded, 1 kernel thread born and ended"},
		{"pass, still loaded", Inputs{Finished: true, Modules: stays, Threads: alive}, Pass, "1 module loaded, 1 kernel thread born,"},
		{"nothing said", Inputs{Unloaded: true, Modules: loaded}, Lost, "without saying"},
		{"zero", Inputs{}, Lost, "without saying"},
		{"build", Inputs{Build: fail}, Build, "so it was"},
		{"preflight", Inputs{Preflight: fail}, Preflight, "so it was"},
		{"host", Inputs{Host: fail}, Host, "so it was"},
		{"lost", Inputs{Lost: fail, Load: fail}, Lost, "so it was"},
		{"timeout", Inputs{Timeout: fail, Unload: fail}, Timeout, "so it was"},
		{"load", Inputs{Load: fail, Finished: true}, Load, "so it was"},
		{"unload", Inputs{Unload: fail, Finished: true, Unloaded: true, Modules: stays}, Load, "so it was"},
		{"expectation", Inputs{Unmet: []string{"K1 took 1 signal, not 2", "no stop"}, Finished: true}, Expectation, "K1 took 1 signal, not 2; no stop"},
		{"leaked thread", Inputs{Finished: true, Unloaded: true, Modules: loaded, Threads: alive}, Leak, "still alive after unload: K1[89] (fn [m])"},
		{"thread of a failed load", Inputs{Finished: true, Unloaded: true, Modules: []Module{{Name: "m", InitRet: -12}}, Threads: alive}, Leak, "K1[89]"},
		{"leaked module", Inputs{Finished: true, Unloaded: true, Modules: stays}, Leak, "still loaded after unload: m"},
		{"stranger's thread", Inputs{Finished: true, Unloaded: true, Modules: loaded, Threads: []Thread{{Function: "w [other]", Alive: true}, {Function: "w", Alive: true}}}, Pass, "no complaint"},
		{"in-tree module stays", Inputs{Finished: true, Unloaded: true, Modules: []Module{{Name: "ext4", Loaded: true, Background: true}}}, Pass, "0 modules"},
		{"oops before all else", Inputs{Crashes: []Crash{oopsCrash, panicCrash}, Host: fail, Lost: fail, Timeout: fail, Load: fail}, Oops, "f+0x1 [m] (and 1 more report)"},
		{"oops though finished", Inputs{Crashes: []Crash{oopsCrash}, Finished: true, Unloaded: true}, Oops, "NULL"},
		{"panic", Inputs{Crashes: []Crash{panicCrash}}, Panic, "Kernel panic"},
		{"warning", Inputs{Crashes: []Crash{warningCrash}, Finished: true}, Oops, "WARNING"},
		{"warning, then panic", Inputs{Crashes: []Crash{warningCrash, panicCrash}}, Panic, "Kernel panic"},
		{"lockup", Inputs{Crashes: []Crash{lockupCrash}, Timeout: fail}, Lockup, "soft lockup"},
		{"hung", Inputs{Crashes: []Crash{hungCrash}, Timeout: fail}, Hung, "hung"},
		{"spins", Inputs{Timeout: fail, Stuck: []Stuck{{Comm: "modprobe", PID: 9, State: "uninterruptible", Wait: "kthread_stop+0x1", Step: true}, {Comm: "K1", PID: 8, State: Running, Site: "fn+0x1 [m]"}}},
			Lockup, "K1[8] runs on and on in fn+0x1 [m]"},
		{"waits", Inputs{Timeout: fail, Stuck: []Stuck{{Comm: "modprobe", PID: 9, State: "uninterruptible", Wait: "kthread_stop+0x1", Site: "out+0x2 [m]", Step: true}, {Comm: "K1", PID: 8, State: "interruptible", Wait: "msleep+0x3", Site: "fn+0x1 [m]"}}},
			Hung, "modprobe[9] waits (uninterruptible) in kthread_stop+0x1, called by out+0x2 [m]; K1[8] waits (interruptible) in msleep+0x3, called by fn+0x1 [m]"},
		{"slow, and nobody is to blame", Inputs{Timeout: fail, Stuck: []Stuck{{Comm: "modprobe", PID: 9, State: Running, Step: true}}}, Timeout, "so it was"},
		{"left behind", Inputs{Finished: true, Unloaded: true, Modules: loaded, Leaks: []Leftover{{Kind: "memory", What: "8 bytes", Site: "init+0x1 [m]"}, {Kind: "file", What: "/proc/x"}}},
			Leak, "left behind after unload: 8 bytes (init+0x1 [m]), /proc/x"},
		{"held by nobody", Inputs{Finished: true, Unload: fail, Modules: stays, Leaks: []Leftover{{Kind: "reference", What: "1 reference to m", Site: "init+0x1 [m]"}}},
			Leak, "never put back: 1 reference to m (init+0x1 [m])"},
		{"drops do not pass in silence", Inputs{Finished: true, Modules: loaded, Dropped: Dropped{Total: 3}}, Pass, "3 trace records were lost"},
		{"drops elsewhere", Inputs{Finished: true, Unloaded: true, Modules: loaded, Threads: alive, Dropped: Dropped{Total: 1}}, Leak, "1 trace record was lost"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v := Judge(tt.in)
			if v.Class != tt.class || !strings.Contains(v.Message, tt.message) {
				t.Errorf("%s: %q, want %s: …%q…", v.Class, v.Message, tt.class, tt.message)
			}
			if v.Class != Pass && v.Hint == "" {
				t.Error("no hint")
			}
			if strings.Contains(v.Message, "\n") {
				t.Errorf("message of several lines: %q", v.Message)
			}
		})
	}
}

// TestJudgeAlso: one verdict, the earliest cause, and the others behind it.
func TestJudgeAlso(t *testing.T) {
	v := Judge(Inputs{
		Crashes: []Crash{warningCrash, oopsCrash, panicCrash}, Lost: &Failure{Message: "gone"}, Unloaded: true,
		Modules: []Module{{Name: "m", Loaded: true, Unloaded: true}}, Threads: []Thread{{Name: "K1", Function: "fn [m]", Alive: true}},
	})
	var classes []Class
	for _, a := range v.Also {
		classes = append(classes, a.Class)
	}
	if diff := cmp.Diff([]Class{Panic, Leak}, classes); v.Class != Oops || diff != "" {
		t.Errorf("%s, also (-want +got):\n%s", v.Class, diff)
	}
	if v := Judge(Inputs{Finished: true}); v.Also != nil {
		t.Errorf("a pass, and also %+v", v.Also)
	}
}

// TestJudgeWords: a Failure without words still gives a sentence and a hint.
func TestJudgeWords(t *testing.T) {
	empty := &Failure{}
	for _, in := range []Inputs{{Build: empty}, {Preflight: empty}, {Host: empty}, {Lost: empty}, {Timeout: empty}, {Load: empty}, {Unload: empty}} {
		if v := Judge(in); v.Message == "" || v.Hint == "" {
			t.Errorf("%+v", v)
		}
	}
}

func TestExitStatus(t *testing.T) {
	want := map[Class]int{Pass: 0, Build: 1, Preflight: 1, Load: 1, Expectation: 1, Leak: 1, Oops: 1, Panic: 1, Lockup: 1, Hung: 1, Timeout: 1, Lost: 3, Host: 3}
	for class, status := range want {
		if got := class.ExitStatus(); got != status {
			t.Errorf("%s: %d, want %d", class, got, status)
		}
	}
}

func TestCrashClass(t *testing.T) {
	tests := []struct {
		crashes []Crash
		want    Class
	}{
		{nil, Pass},
		{[]Crash{warningCrash}, Oops},
		{[]Crash{warningCrash, hungCrash, panicCrash}, Hung},
		{[]Crash{panicCrash, oopsCrash}, Panic},
		{[]Crash{{Class: Oops, Title: "WARNING: refcount_t: addition on 0; use-after-free at lib/refcount.c:25"}, panicCrash}, Oops},
	}
	for _, tt := range tests {
		if got := CrashClass(tt.crashes); got != tt.want {
			t.Errorf("%v: %s, want %s", tt.crashes, got, tt.want)
		}
	}
}

func TestMergeModules(t *testing.T) {
	at := int64(5)
	known := []Module{{Name: "a", Loaded: true, Unloaded: true, InitMS: 9}, {Name: "b", Depends: []string{"a"}, Loaded: true}, {Name: "gone", Loaded: true, InitMS: 2}}
	traced := []Module{{Name: "b", Loaded: true, LoadedNS: &at, InitMS: 1}, {Name: "a", LoadedNS: &at}, {Name: "b", LoadedNS: &at}}
	want := []Module{
		{Name: "a", Loaded: true, Unloaded: true, LoadedNS: &at, InitMS: 9},
		{Name: "b", Depends: []string{"a"}, Loaded: true, LoadedNS: &at, InitMS: 1},
		{Name: "gone", Loaded: true, InitMS: 2},
		{Name: "b", Depends: []string{"a"}, LoadedNS: &at},
	}
	if diff := cmp.Diff(want, MergeModules(known, traced)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestFromTimeline(t *testing.T) {
	worker := event.Task{PID: 95, TGID: 93, Comm: "modprobe"}
	k1 := event.Task{PID: 89, TGID: 89, Comm: "K1", Kthread: true}
	tl := &timeline.Timeline{
		Start: 1000,
		Threads: []timeline.Thread{{
			Task: k1, Func: event.Site{Symbol: "fn", Module: "m"}, Requester: timeline.Actor{Task: worker, Site: event.Site{Symbol: "init", Offset: 0x1c, Module: "m"}},
			Requested: 1000, Exited: 900, Result: 7, Stops: []timeline.Stop{{Asked: 1500, Returned: 1600, Result: 7}, {Asked: 1700}},
		}, {Format: "%s", Requested: math.MaxUint64}},
		Signals: []timeline.Signal{
			{Signo: 10, To: worker, Group: true, Sent: 2000, Taken: 2400, Outcome: timeline.Delivered},
			{Signo: 10, To: worker, Sent: 2000, Outcome: timeline.Pending},
		},
		Loads: []timeline.Load{{Name: "m", By: worker, Loaded: 1100, InitBegin: 1200, InitEnd: 1_001_200, InitRet: -5, Freed: 1_002_000}},
	}
	threads, requests, signals, modules := FromTimeline(tl)
	if requests == nil {
		t.Error("nil slice")
	}
	got := threads[0]
	if got.Requester != (Task{"modprobe", 93, "init+0x1c [m]"}) || got.Function != "fn [m]" {
		t.Errorf("%+v", got)
	}
	if *got.Stages.Requested != 0 || *got.Stages.Exited != -100 || *got.Stages.StopAsked != 500 || got.Stages.Woken != nil {
		t.Errorf("stages %s", mustJSON(t, got.Stages))
	}
	if got.Stops != 2 || *got.StopRet != 7 || got.Result != 7 {
		t.Errorf("%+v", got)
	}
	if far := threads[1]; far.Name != "%s" || *far.Stages.Requested <= 0 {
		t.Errorf("%+v %d", far, *far.Stages.Requested)
	}
	if signals[0].To.PID != 93 || signals[1].To.PID != 95 || *signals[0].ConsumedNS != 1400 || signals[1].ConsumedNS != nil || signals[0].Name != "SIGUSR1" {
		t.Errorf("%+v", signals)
	}
	if m := modules[0]; m.InitMS != 1 || m.InitRet != -5 || m.Loaded || !m.Unloaded || *m.LoadedNS != 100 {
		t.Errorf("%s", mustJSON(t, m))
	}
}

func mustJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestJudgeVictim: a processor that waits for one that cannot answer is not to blame.
func TestJudgeVictim(t *testing.T) {
	zero := 0
	spins := []Stuck{{Comm: "processor 1", State: Running, Site: "spin_init+0x17 [spin]"}}
	waits := []Stuck{{Comm: "modprobe", PID: 7, State: "uninterruptible", Wait: "kthread_stop+0x66", Step: true}}
	soft := Crash{Class: Lockup, Type: "soft-lockup", Title: "BUG: soft lockup in smp_call_function_many_cond+0x345"}
	ours := Crash{Class: Lockup, Type: "soft-lockup", Title: "BUG: soft lockup in out+0x1 [spin]", Guilty: &zero, Frames: []Frame{{Function: "out", Module: "spin"}}}
	bug := Crash{Class: Oops, Type: "bug", Title: "kernel BUG at a.c:1"}
	for name, tt := range map[string]struct {
		crash Crash
		stuck []Stuck
		want  string
	}{
		"waits for the one that spins": {soft, spins, "processor 1 runs on and on"},
		"nobody else spins":            {soft, nil, soft.Title},
		"somebody waits":               {soft, waits, soft.Title},
		"is the module itself":         {ours, spins, ours.Title},
		"an oops goes first":           {bug, spins, bug.Title},
	} {
		v := Judge(Inputs{Crashes: []Crash{tt.crash}, Stuck: tt.stuck})
		if !strings.HasPrefix(v.Message, tt.want) {
			t.Errorf("%s: %q, want %q", name, v.Message, tt.want)
		}
	}
}
