// SPDX-License-Identifier: MIT

package verdict

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/result"
)

var (
	oopsCrash    = result.Crash{Class: result.Oops, Title: "BUG: kernel NULL pointer dereference in f+0x1 [m]"}
	panicCrash   = result.Crash{Class: result.Panic, Title: "Kernel panic: Fatal exception"}
	warningCrash = result.Crash{Class: result.Oops, Title: "WARNING: refcount_t: addition on 0 at lib/refcount.c:25"}
	lockupCrash  = result.Crash{Class: result.Lockup, Title: "BUG: soft lockup in f+0x1 [m]"}
	hungCrash    = result.Crash{Class: result.Hung, Title: "INFO: task modprobe hung in f+0x1"}
)

// inputs are what Judge looks at, of the evidence and of the result.
type inputs struct {
	Build, Preflight, Host, Lost, Timeout, Load, Unload *evidence.Failure

	Finished, Unloaded bool
	Cut                bool
	Crashes, Unrelated []result.Crash
	Modules            []result.Module
	Threads            []result.Thread
	Dropped            result.Dropped
	Leaks              []result.Leftover
	Stuck              []result.Stuck
	Unmet, Studied     []string
}

func (in inputs) judge() result.Verdict {
	e := &evidence.Evidence{Finished: in.Finished, Unloaded: in.Unloaded, Unmet: in.Unmet, Studied: in.Studied,
		Cut: in.Cut}
	for _, f := range []struct {
		kind evidence.Kind
		why  *evidence.Failure
	}{
		{evidence.Build, in.Build}, {evidence.Preflight, in.Preflight}, {evidence.Host, in.Host}, {evidence.Lost, in.Lost},
		{evidence.Timeout, in.Timeout}, {evidence.Load, in.Load}, {evidence.Unload, in.Unload},
	} {
		if f.why != nil {
			e.Failures = append(e.Failures, evidence.Failure{Kind: f.kind, Message: f.why.Message, Hint: f.why.Hint})
		}
	}
	return Judge(e, &result.Result{
		Crashes: in.Crashes, Unrelated: in.Unrelated,
		Modules: in.Modules, Threads: in.Threads, Dropped: in.Dropped, Leaks: in.Leaks, Stuck: in.Stuck,
	})
}

func TestJudge(t *testing.T) {
	fail := &evidence.Failure{Message: "so it was", Hint: "do this"}
	loaded := []result.Module{{Name: "m", Loaded: true, Unloaded: true}}
	stays := []result.Module{{Name: "m", Loaded: true}}
	alive := []result.Thread{{Name: "K1", PID: 89, Function: "fn [m]", Alive: true}}
	tests := []struct {
		name    string
		in      inputs
		class   result.Class
		message string // contained in the verdict's
	}{
		{
			"pass", inputs{Finished: true, Unloaded: true, Modules: loaded, Threads: []result.Thread{{PID: 1}}}, result.Pass,
			"1 module loaded and unloaded, 1 kernel thread born and ended",
		},
		{
			"pass, still loaded", inputs{Finished: true, Modules: stays, Threads: alive}, result.Pass,
			"1 module loaded, 1 kernel thread born,",
		},
		{
			"pass, an end not seen", inputs{
				Finished: true, Unloaded: true, Modules: loaded,
				Threads: []result.Thread{{PID: 1}, {PID: 2, Unknown: []string{"alive"}}},
			}, result.Pass, "2 kernel threads born, 1 of which may not have ended",
		},
		{"nothing said", inputs{Unloaded: true, Modules: loaded}, result.Lost, "never reported"},
		{"zero", inputs{}, result.Lost, "never reported"},
		{"build", inputs{Build: fail}, result.Build, "so it was"},
		{"preflight", inputs{Preflight: fail}, result.Preflight, "so it was"},
		{"host", inputs{Host: fail}, result.Host, "so it was"},
		{"lost", inputs{Lost: fail, Load: fail}, result.Lost, "so it was"},
		{"timeout", inputs{Timeout: fail, Unload: fail}, result.Timeout, "so it was"},
		{"load", inputs{Load: fail, Finished: true}, result.Load, "so it was"},
		{"unload", inputs{Unload: fail, Finished: true, Unloaded: true, Modules: stays}, result.Load, "so it was"},
		{
			"expectation", inputs{Unmet: []string{"K1 took 1 signal, not 2", "no stop"}, Finished: true}, result.Expectation,
			"K1 took 1 signal, not 2; no stop",
		},
		{
			"leaked thread", inputs{Finished: true, Unloaded: true, Modules: loaded, Threads: alive}, result.Leak,
			"still alive after unload: K1[89] (fn [m])",
		},
		{
			"thread of a failed load",
			inputs{Finished: true, Unloaded: true, Modules: []result.Module{{Name: "m", InitRet: -12}}, Threads: alive},
			result.Leak, "K1[89]",
		},
		{
			"leaked module", inputs{Finished: true, Unloaded: true, Modules: stays, Studied: []string{"m"}},
			result.Leak, "still loaded after unload: m",
		},
		{
			"stranger's thread",
			inputs{
				Finished: true, Unloaded: true, Modules: loaded,
				Threads: []result.Thread{{Function: "w [other]", Alive: true}, {Function: "w", Alive: true}},
			}, result.Pass, "no complaint",
		},
		{
			"in-tree module stays",
			inputs{Finished: true, Unloaded: true, Modules: []result.Module{{Name: "ext4", Loaded: true, Background: true}}},
			result.Pass, "no module",
		},
		{
			"oops before all else",
			inputs{Crashes: []result.Crash{oopsCrash, panicCrash}, Host: fail, Lost: fail, Timeout: fail, Load: fail},
			result.Oops, "f+0x1 [m] (and 1 more report)",
		},
		{
			"oops though finished", inputs{Crashes: []result.Crash{oopsCrash}, Finished: true, Unloaded: true}, result.Oops,
			"NULL",
		},
		{"panic", inputs{Crashes: []result.Crash{panicCrash}}, result.Panic, "Kernel panic"},
		{
			"cut short by what is not about the modules",
			inputs{Cut: true, Finished: true, Modules: stays, Unrelated: []result.Crash{hungCrash}}, result.Host,
			"the run was cut short: INFO: task modprobe hung in f+0x1, and the modules took no part in it",
		},
		{"cut short", inputs{Cut: true, Finished: true, Modules: stays}, result.Host, "the run was cut short: the guest"},
		{
			"not cut short", inputs{Finished: true, Unloaded: true, Modules: loaded, Unrelated: []result.Crash{hungCrash}},
			result.Pass, "no complaint about it",
		},
		{"warning", inputs{Crashes: []result.Crash{warningCrash}, Finished: true}, result.Oops, "WARNING"},
		{"warning, then panic", inputs{Crashes: []result.Crash{warningCrash, panicCrash}}, result.Panic, "Kernel panic"},
		{"lockup", inputs{Crashes: []result.Crash{lockupCrash}, Timeout: fail}, result.Lockup, "soft lockup"},
		{"hung", inputs{Crashes: []result.Crash{hungCrash}, Timeout: fail}, result.Hung, "hung"},
		{"spins", inputs{
			Timeout: fail,
			Stuck: []result.Stuck{
				{Comm: "modprobe", PID: 9, State: "uninterruptible", Wait: "kthread_stop+0x1", Step: true},
				{Comm: "K1", PID: 8, State: result.Running, Site: "fn+0x1 [m]"},
			},
		}, result.Lockup, "K1[8] spins in fn+0x1 [m]"},
		{"waits", inputs{
			Timeout: fail,
			Stuck: []result.Stuck{
				{Comm: "modprobe", PID: 9, State: "uninterruptible", Wait: "kthread_stop+0x1", Site: "out+0x2 [m]", Step: true},
				{Comm: "K1", PID: 8, State: "interruptible", Wait: "msleep+0x3", Site: "fn+0x1 [m]"},
			},
		}, result.Hung, "modprobe[9] waits (uninterruptible) in kthread_stop+0x1, called by out+0x2 [m]; " +
			"K1[8] waits (interruptible) in msleep+0x3, called by fn+0x1 [m]"},
		{
			"slow, and no task is to blame",
			inputs{Timeout: fail, Stuck: []result.Stuck{{Comm: "modprobe", PID: 9, State: result.Running, Step: true}}},
			result.Timeout, "so it was",
		},
		{"left behind", inputs{
			Finished: true, Unloaded: true, Modules: loaded,
			Leaks: []result.Leftover{{Kind: "memory", What: "8 bytes", Site: "init+0x1 [m]"}, {Kind: "file", What: "/proc/x"}},
		}, result.Leak, "left behind after unload: 8 bytes (init+0x1 [m]), /proc/x"},
		{"held by nobody", inputs{
			Finished: true, Unload: fail, Modules: stays,
			Leaks: []result.Leftover{{Kind: "reference", What: "1 reference to m", Site: "init+0x1 [m]"}},
		}, result.Leak, "never dropped: 1 reference to m (init+0x1 [m])"},
		{"a reference and memory", inputs{
			Finished: true, Unloaded: true, Modules: loaded,
			Leaks: []result.Leftover{{Kind: "memory", What: "8 bytes"}, {Kind: "reference", What: "a reference to a pid"}},
		}, result.Leak, "never dropped: a reference to a pid; left behind: 8 bytes"},
		{
			"drops do not pass in silence", inputs{Finished: true, Modules: loaded, Dropped: result.Dropped{Total: 3}},
			result.Pass, "3 trace records were lost",
		},
		{
			"drops elsewhere",
			inputs{Finished: true, Unloaded: true, Modules: loaded, Threads: alive, Dropped: result.Dropped{Total: 1}},
			result.Leak, "1 trace record was lost",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v := tt.in.judge()
			if v.Class != tt.class || !strings.Contains(v.Message, tt.message) {
				t.Errorf("%s: %q, want %s: …%q…", v.Class, v.Message, tt.class, tt.message)
			}
			if v.Class != result.Pass && v.Hint == "" {
				t.Error("no hint")
			}
			if strings.Contains(v.Message, "\n") {
				t.Errorf("message of several lines: %q", v.Message)
			}
		})
	}
}

// TestJudgeAlso: one verdict, which is the earliest cause, and the others after it.
func TestJudgeAlso(t *testing.T) {
	v := inputs{
		Crashes: []result.Crash{
			warningCrash, oopsCrash, panicCrash,
		}, Lost: &evidence.Failure{Message: "gone"}, Unloaded: true,
		Modules: []result.Module{{Name: "m", Loaded: true, Unloaded: true}}, Threads: []result.Thread{
			{Name: "K1", Function: "fn [m]", Alive: true},
		},
	}.judge()
	var classes []result.Class
	for _, a := range v.Also {
		classes = append(classes, a.Class)
	}
	if diff := cmp.Diff([]result.Class{result.Panic, result.Leak}, classes); v.Class != result.Oops || diff != "" {
		t.Errorf("%s, also (-want +got):\n%s", v.Class, diff)
	}
	killed := oopsCrash
	killed.Log = []string{"Oops: 0000 [#1] PREEMPT SMP NOPTI"}
	for _, tt := range []struct {
		crash result.Crash
		also  int
	}{{killed, 0}, {lockupCrash, 0}, {warningCrash, 1}} { // who has died with a lock held makes others wait
		v := inputs{Crashes: []result.Crash{tt.crash}, Timeout: &evidence.Failure{Message: "late"}}.judge()
		if v.Class != tt.crash.Class || len(v.Also) != tt.also {
			t.Errorf("%s: %s, and also %+v", tt.crash.Title, v.Class, v.Also)
		}
	}
	if v := (inputs{Finished: true}).judge(); v.Also != nil {
		t.Errorf("a pass, and also %+v", v.Also)
	}
}

// TestJudgeWords: a Failure without words still gives a sentence and a hint.
func TestJudgeWords(t *testing.T) {
	empty := &evidence.Failure{}
	for _, in := range []inputs{
		{Build: empty}, {Preflight: empty}, {Host: empty}, {Lost: empty}, {Timeout: empty}, {Load: empty}, {Unload: empty},
	} {
		if v := in.judge(); v.Message == "" || v.Hint == "" {
			t.Errorf("%+v", v)
		}
	}
}

// TestJudgeVictim: a CPU that waits for one that cannot answer is not to blame.
func TestJudgeVictim(t *testing.T) {
	zero := 0
	spins := []result.Stuck{{Comm: "CPU 1", State: result.Running, Site: "spin_init+0x17 [spin]"}}
	waits := []result.Stuck{{Comm: "modprobe", PID: 7, State: "uninterruptible", Wait: "kthread_stop+0x66", Step: true}}
	soft := result.Crash{
		Class: result.Lockup, Type: "soft-lockup", Title: "BUG: soft lockup in smp_call_function_many_cond+0x345",
	}
	ours := result.Crash{
		Class: result.Lockup, Type: "soft-lockup", Title: "BUG: soft lockup in out+0x1 [spin]", Guilty: &zero,
		Frames: []result.Frame{{Function: "out", Module: "spin"}},
	}
	late := result.Crash{Class: result.Hung, Type: "hung-task", Title: "INFO: task modprobe:7 blocked"}
	bug := result.Crash{Class: result.Oops, Type: "bug", Title: "kernel BUG at a.c:1"}
	for name, tt := range map[string]struct {
		crash result.Crash
		stuck []result.Stuck
		want  string
	}{
		"waits for the one that spins": {soft, spins, "CPU 1 spins in"},
		"nobody else spins":            {soft, nil, soft.Title},
		"somebody waits":               {soft, waits, soft.Title},
		"is the module itself":         {ours, spins, "CPU 1 spins in"},
		"its task is not known":        {ours, nil, ours.Title},
		"waits, as the kernel says":    {late, waits, "modprobe[7] waits"},
		"waits for what crashed":       {bug, waits, bug.Title},
		"an oops goes first":           {bug, spins, bug.Title},
	} {
		v := inputs{Crashes: []result.Crash{tt.crash}, Stuck: tt.stuck}.judge()
		if !strings.HasPrefix(v.Message, tt.want) {
			t.Errorf("%s: %q, want %q", name, v.Message, tt.want)
		}
	}
}

// TestDeadlock: tasks that hold what the next one waits for are named in a ring, however many there are.
func TestDeadlock(t *testing.T) {
	task := func(name, object, holder string) result.Stuck {
		return result.Stuck{Comm: name, PID: 1, State: "uninterruptible", Wait: "mutex_lock", Object: object, Holder: holder}
	}
	for name, tt := range map[string]struct {
		stuck []result.Stuck
		want  string
	}{
		"two": {[]result.Stuck{task("one", "b", "two[1]"), task("two", "a", "one[1]")},
			"deadlock: one[1] holds a and waits for b, two[1] holds b and waits for a"},
		"three": {[]result.Stuck{task("one", "b", "two[1]"), task("two", "c", "three[1]"), task("three", "a", "one[1]")},
			"deadlock: one[1] holds a and waits for b, two[1] holds b and waits for c, three[1] holds c and waits for a"},
		"one waits for a ring": {
			[]result.Stuck{task("late", "a", "one[1]"), task("one", "b", "two[1]"), task("two", "a", "one[1]")},
			"deadlock: one[1] holds a and waits for b, two[1] holds b and waits for a",
		},
		"itself":    {[]result.Stuck{task("one", "a", result.Itself)}, ""},
		"no holder": {[]result.Stuck{task("one", "a", ""), task("two", "a", "one[1]")}, ""},
	} {
		if got := deadlock(tt.stuck); got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}

// TestUndoHint: what one function took is given back in reverse order, whatever the order in which it was found.
func TestUndoHint(t *testing.T) {
	left := []result.Leftover{
		{What: "/sys/class/net/lab0", Undo: "unregister_netdev", Site: "lab_init+0x46 [lab]"},
		{What: "the memory of a network device", Undo: "free_netdev", Site: "lab_init+0x32 [lab]"},
	}
	if got := undoHint(left, ""); !strings.HasPrefix(got, "call unregister_netdev, then free_netdev in") {
		t.Error(got)
	}
}

// TestLoadedModules: tests may load and unload the modules themselves.
func TestLoadedModules(t *testing.T) {
	life := func(name string, unloaded bool) result.Module {
		return result.Module{Name: name, Loaded: true, Unloaded: unloaded}
	}
	kernels := life("loop", false)
	kernels.Background = true
	for _, c := range []struct {
		modules []result.Module
		n       uint64
		gone    bool
	}{
		{nil, 0, false},
		{[]result.Module{kernels}, 0, false},
		{[]result.Module{life("a", false)}, 1, false},
		{[]result.Module{life("a", true), kernels}, 1, true},
		{[]result.Module{life("a", true), life("a", true), life("b", true)}, 2, true},
		{[]result.Module{life("a", true), life("a", false), life("b", true)}, 2, false},
		{[]result.Module{{Name: "a"}}, 0, false},
	} {
		if n, gone := loadedModules(c.modules); n != c.n || gone != c.gone {
			t.Errorf("%+v: %d, %v, want %d, %v", c.modules, n, gone, c.n, c.gone)
		}
	}
}
