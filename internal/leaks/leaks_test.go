// SPDX-License-Identifier: MIT

package leaks

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmodlab/kmodlab/result"
)

// The beginnings and the end of lines in the text of a trace.
const (
	by108 = "        modprobe-108     [001] .....    "
	by109 = "        modprobe-109     [001] .....    "
	flags = " gfp_flags=GFP_KERNEL node=-1 accounted=false\n"
)

const trace = "# tracer: nop\n#\n# entries-in-buffer/entries-written: 9/9   #P:2\n#\n" +
	by108 + "12.345678: kmalloc: call_site=hog_init+0x1b/0x40 [hog] ptr=ffff888004ebe000 " +
	"bytes_req=1000 bytes_alloc=1024" + flags +
	by108 + "12.345679: kmalloc: call_site=hog_init+0x1b/0x40 [hog] ptr=ffff888004ebf000 " +
	"bytes_req=24 bytes_alloc=32" + flags +
	by108 + "12.345680: kmalloc: call_site=probe+0x1b/0x40 [virtio_net] ptr=ffff888004ec0000 " +
	"bytes_req=8 bytes_alloc=8" + flags +
	by108 + "12.345681: kmem_cache_alloc: call_site=hog_init+0x30/0x40 [hog] " +
	"ptr=ffff888004ec1000 name=mine bytes_req=64 bytes_alloc=64" + flags +
	"        modprobe-108     [001] d..1.    12.345682: pid_take_1: (hog_init+0xf/0x40 " +
	"[hog] <- find_get_pid) ptr=0xffff888004ec2000\n" +
	"        modprobe-108     [001] d..1.    12.345683: pid_take_1: (hog_init+0x1f/0x40 " +
	"[hog] <- find_get_pid) ptr=0xffff888004ec3000\n" +
	"   kworker/0:1-9         [000] .....    12.345684: kfree: call_site=free_it+0x1/0x2 " +
	"ptr=ffff888004ebf000\n" +
	by109 + "13.000000: pid_give_2: (put_pid+0x0/0x60) ptr=0xffff888004ec2000 site=put_it+0x1/0x2\n" +
	by109 + "13.000000: pid_give_2: (put_pid+0x0/0x60) ptr=0xffff888004ec3000 " +
	"site=__do_sys_delete_module.isra.0+0x1/0x2\n" +
	by109 + "13.000001: kmalloc: call_site=0xffffffffc0260010 ptr=ffff888004ec4000 " +
	"bytes_req=16 bytes_alloc=16" + flags

// noName names no address.
func noName(uint64, uint64) (site, module string) { return "", "" }

func TestLeft(t *testing.T) {
	name := func(addr, at uint64) (string, string) {
		if addr != 0xffffffffc0260010 || at != 13_000_001_000 {
			t.Errorf("asked for %#x at %d", addr, at)
		}
		return "hog_exit+0x10 [hog]", "hog"
	}
	want := []result.Leftover{
		{Kind: "memory", What: "1000 bytes", Site: "hog_init+0x1b [hog]"},
		{Kind: "memory", What: "64 bytes", Site: "hog_init+0x30 [hog]"},
		{Kind: "reference", What: "a reference to a pid", Site: "hog_init+0xf [hog]"},
		{Kind: "memory", What: "16 bytes", Site: "hog_exit+0x10 [hog]"},
	}
	if diff := cmp.Diff(want, Read(NewPlan(nil, nil), []byte(trace)).Left([]string{"hog"}, name)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	bulk := Read(
		NewPlan([]Module{{Name: "hog", Imports: []string{"kmem_cache_free_bulk"}}}, nil), []byte(trace),
	).Left([]string{"hog"}, name)
	if len(bulk) != 1 || bulk[0].Kind != "reference" {
		t.Errorf("a module that frees in bulk, which is not traced: %+v, want the reference only", bulk)
	}
}

// TestOverrun: nothing is claimed of what the buffer could not hold.
func TestOverrun(t *testing.T) {
	b := Read(NewPlan(nil, nil), []byte("# entries-in-buffer/entries-written: 9/10   #P:2\n"+trace[len("# tracer: nop\n"):]))
	hog := func(uint64, uint64) (string, string) { return "x", "hog" }
	if left := b.Left([]string{"hog"}, hog); !b.Overrun || left != nil {
		t.Errorf("overrun %v, left %+v", b.Overrun, left)
	}
}

func TestAdded(t *testing.T) {
	before := &Objects{
		Files: []string{"/proc/a", "/sys/kernel/b"}, Devices: []string{"character device 1 mem"},
		Threads: []string{"kthreadd[2]"},
	}
	after := &Objects{
		// unsorted, as the kernel lists them
		Files:   []string{"/sys/kernel/c", "/proc/new/inside", "/proc/a", "/proc/new", "/proc/new-er", "/sys/kernel/b"},
		Devices: []string{"character device 1 mem", "character device 240 mine"}, Threads: []string{"kthreadd[2]", "K1[90]"},
	}
	want := []result.Leftover{
		{Kind: "file", What: "/proc/new"}, {Kind: "file", What: "/proc/new-er"}, {Kind: "file", What: "/sys/kernel/c"},
		{Kind: "device", What: "character device 240 mine"},
	}
	if diff := cmp.Diff(want, Added(before, after)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if left := Added(after, after); len(left) != 0 {
		t.Errorf("nothing new, and %+v", left)
	}
	if threads := AddedThreads(before, after); !cmp.Equal(threads, []string{"K1[90]"}) {
		t.Errorf("threads %v", threads)
	}
}

// TestLife takes things of each kind through their lives.
func TestLife(t *testing.T) {
	const at = by108 + "12.345678: "
	const softirq = "softirq: " // before a record that was made in one
	const m = "site=0xffffffffc0260010"
	refs := []TaskRef{
		{Symbol: "life_init", Offset: 16, Register: "bx", Shift: -8},
		{Symbol: "life_exit", Offset: 32, Register: "r12", Put: true},
	}
	plan := NewPlan([]Module{{Name: "life", Tasks: refs}}, nil)
	for _, tt := range []struct {
		name, want string
		lines      []string
	}{
		{
			"vmalloc", "100 bytes",
			[]string{
				"mem_size_1: (vmalloc+0x0/0x1) size=0x64 " + m,
				"mem_take_2: (life_init+0x5/0x40 [life] <- vmalloc) ptr=0xffffc90000001000",
			},
		},
		{
			"vmalloc, vfree", "",
			[]string{
				"mem_take_2: (life_init+0x5/0x40 [life] <- vmalloc) ptr=0xffffc90000001000",
				"mem_give_3: (vfree+0x0/0x1) ptr=0xffffc90000001000",
			},
		},
		{
			"an error is no pointer", "",
			[]string{
				"mem_take_2: (life_init+0x5/0x40 [life] <- memdup_user) ptr=0xfffffffffffffff4",
				"mem_take_2: (life_init+0x5/0x40 [life] <- vmalloc) ptr=0x0",
			},
		},
		{
			"kvmalloc, kfree", "",
			[]string{
				"mem_take_2: (life_init+0x5/0x40 [life] <- kvmalloc_node) ptr=0xffff888004ec1000",
				"kfree: call_site=kvfree+0x1/0x2 ptr=ffff888004ec1000",
			},
		},
		{
			"a wrapper counts once", "",
			[]string{
				"kmalloc: call_site=life_init+0x5/0x40 [life] ptr=ffff888004ec1000 bytes_req=8",
				"mem_take_2: (life_init+0x5/0x40 [life] <- memdup_user) ptr=0xffff888004ec1000",
				"kfree: call_site=x+0x1/0x2 ptr=ffff888004ec1000",
			},
		},
		{
			"kfree_rcu of 6.1", "",
			[]string{
				"kmalloc: call_site=life_init+0x5/0x40 [life] ptr=ffff888004ec1000 bytes_req=32",
				"mem_rcu_4: (kvfree_call_rcu+0x0/0x1) head=0xffff888004ec1010 func=0x10 " + m,
			},
		},
		{
			"kfree_rcu of 6.2", "",
			[]string{
				"kmalloc: call_site=life_init+0x5/0x40 [life] ptr=ffff888004ec1000 bytes_req=32",
				"mem_rcu_4: (kvfree_call_rcu+0x0/0x1) head=0xffff888004ec1010 func=0xffff888004ec1000 " + m,
			},
		},
		{
			"a timer", "a timer that is still armed, for tick [life]",
			[]string{"timer_arm_5: (mod_timer+0x0/0x1) ptr=0xffffffffc0262000 fn=0xffffffffc0260100 " + m},
		},
		{
			"a timer that went off", "",
			[]string{
				"timer_arm_5: (mod_timer+0x0/0x1) ptr=0xffffffffc0262000 fn=0xffffffffc0260100 " + m,
				"timer_expire_entry: timer=ffffffffc0262000 function=tick [life] now=1 baseclk=1",
			},
		},
		{
			"a timer of the kernel's", "",
			[]string{"timer_expire_entry: timer=ffffffffc0262000 function=delayed_work_timer_fn now=1"},
		},
		{
			"a timer that arms itself in its last call", "a timer that is still armed, for tick [life]",
			[]string{"timer_arm_5: (mod_timer+0x0/0x1) ptr=0xffffffffc0262000 fn=0xffffffffc0260100 site=0xffffffff81060100"},
		},
		{
			"a periodic hrtimer", "a timer that is still armed, for tick [life]",
			[]string{
				"hrtimer_arm_5: (hrtimer_start_range_ns+0x0/0x1) ptr=0xffffffffc0262000 " + m,
				"hrtimer_expire_entry: hrtimer=ffffffffc0262000 function=tick [life] now=1",
				"hrtimer_start: hrtimer=ffffffffc0262000 function=tick [life] expires=1 softexpires=1",
			},
		},
		{
			"a hrtimer that was cancelled", "",
			[]string{
				"hrtimer_arm_5: (hrtimer_start_range_ns+0x0/0x1) ptr=0xffffffffc0262000 " + m,
				"hrtimer_off_6: (hrtimer_cancel+0x0/0x1) ptr=0xffffffffc0262000 " + m,
			},
		},
		{
			"a timer that armed itself while it was deleted", "",
			[]string{
				"timer_arm_5: (mod_timer+0x0/0x1) ptr=0xffffffffc0262000 fn=0xffffffffc0260100 " + m,
				"timer_expire_entry: timer=ffffffffc0262000 function=tick [life] now=1 baseclk=1",
				"timer_off_6: (timer_delete_sync+0x0/0x1) ptr=0xffffffffc0262000",
				"timer_arm_5: (mod_timer+0x0/0x1) ptr=0xffffffffc0262000 fn=0xffffffffc0260100 " + m,
				"timer_over_7: (life_exit+0x10/0x40 [life] <- timer_delete_sync)",
			},
		},
		{
			"a timer whose function armed it while it was waited for", "",
			[]string{
				"timer_arm_5: (mod_timer+0x0/0x1) ptr=0xffffffffc0262000 fn=0xffffffffc0260100 " + m,
				"timer_expire_entry: timer=ffffffffc0262000 function=tick [life] now=1 baseclk=1",
				"timer_wait_6: (timer_delete_sync+0x0/0x1) ptr=0xffffffffc0262000",
				softirq + "timer_arm_5: (mod_timer+0x0/0x1) ptr=0xffffffffc0262000 fn=0xffffffffc0260100 " + m,
			},
		},
		{
			"a timer that exit arms after it was waited for", "a timer that is still armed, for tick [life]",
			[]string{
				"timer_expire_entry: timer=ffffffffc0262000 function=tick [life] now=1 baseclk=1",
				"timer_wait_6: (timer_delete_sync+0x0/0x1) ptr=0xffffffffc0262000",
				"timer_arm_5: (mod_timer+0x0/0x1) ptr=0xffffffffc0262000 fn=0xffffffffc0260100 " + m,
			},
		},
		{
			"a timer that goes on after it was waited for", "a timer that is still armed, for tick [life]",
			[]string{
				"timer_wait_6: (timer_delete_sync+0x0/0x1) ptr=0xffffffffc0262000",
				"timer_arm_5: (mod_timer+0x0/0x1) ptr=0xffffffffc0262000 fn=0xffffffffc0260100 " + m,
				"timer_expire_entry: timer=ffffffffc0262000 function=tick [life] now=1 baseclk=1",
				softirq + "timer_arm_5: (mod_timer+0x0/0x1) ptr=0xffffffffc0262000 fn=0xffffffffc0260100 " + m,
			},
		},
		{
			"a work item that queued itself while it was waited for", "",
			[]string{
				"workqueue_execute_start: work struct ffffffffc0262000: function tick [life]",
				"work_wait_6: (cancel_work_sync+0x0/0x1) ptr=0xffffffffc0262000",
				"work_arm_5: (queue_work_on+0x0/0x1) ptr=0xffffffffc0262000 fn=0xffffffffc0260100 " + m,
			},
		},
		{
			"an hrtimer that restarted while it was waited for", "",
			[]string{
				"hrtimer_arm_5: (hrtimer_start_range_ns+0x0/0x1) ptr=0xffffffffc0262000 " + m,
				"hrtimer_expire_entry: hrtimer=ffffffffc0262000 function=tick [life] now=1",
				"hrtimer_wait_6: (hrtimer_cancel+0x0/0x1) ptr=0xffffffffc0262000",
				softirq + "hrtimer_start: hrtimer=ffffffffc0262000 function=tick [life] expires=1 softexpires=1",
			},
		},
		{
			"a timer that is armed after it was deleted", "a timer that is still armed, for tick [life]",
			[]string{
				"timer_off_6: (timer_delete_sync+0x0/0x1) ptr=0xffffffffc0262000",
				"timer_over_7: (life_exit+0x10/0x40 [life] <- timer_delete_sync)",
				"timer_arm_5: (mod_timer+0x0/0x1) ptr=0xffffffffc0262000 fn=0xffffffffc0260100 " + m,
			},
		},
		{
			"a work item", "a work item that is still queued, for tick [life]",
			[]string{"work_arm_5: (queue_work_on+0x0/0x1) ptr=0xffffffffc0262000 fn=0xffffffffc0260100 " + m},
		},
		{
			"a work item that was done", "",
			[]string{
				"work_arm_5: (queue_work_on+0x0/0x1) ptr=0xffffffffc0262000 fn=0xffffffffc0260100 " + m,
				"workqueue_execute_start: work struct ffffffffc0262000: function tick [life]",
			},
		},
		{"a task", "a reference to a task", []string{"task_get_1: (life_init+0x10/0x40 [life]) ptr=0xffff888004ec0008"}},
		{
			"a task whose reference was dropped", "",
			[]string{
				"task_get_1: (life_init+0x10/0x40 [life]) ptr=0xffff888004ec0008",
				"task_give_2: (0xffffffffc0260020) ptr=0xffff888004ec0000",
			},
		},
		{
			"a task that is gone", "",
			[]string{
				"task_get_1: (life_init+0x10/0x40 [life]) ptr=0xffff888004ec0008",
				"task_take_9: (life_init+0x5/0x40 [life] <- get_pid_task) ptr=0xffff888004ec0000",
				"task_gone_2: (exit_creds+0x0/0x1) ptr=0xffff888004ec0000",
			},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			text := ""
			for _, line := range tt.lines {
				if rest, irq := strings.CutPrefix(line, softirq); irq {
					text += strings.Replace(at, ".....", "..s1.", 1) + rest + "\n"
				} else {
					text += at + line + "\n"
				}
			}
			left := Read(plan, []byte(text)).Left([]string{"life"}, func(addr, _ uint64) (string, string) {
				site := map[uint64]string{0xffffffffc0260010: "life_init+0x10 [life]", 0xffffffffc0260101: "tick+0x1 [life]"}[addr]
				if site == "" {
					return "somewhere+0x1", ""
				}
				return site, "life"
			})
			switch {
			case tt.want == "" && len(left) > 0,
				tt.want != "" && (len(left) != 1 || left[0].What != tt.want || left[0].Site == ""):
				t.Errorf("%+v, want %q", left, tt.want)
			}
			if holds := Read(plan, []byte(text)).Holds([]string{"life"}); holds != (tt.want != "") {
				t.Errorf("holds something: %t", holds)
			}
		})
	}
}

// TestNumbers: what one call site left several times is counted by its kind.
func TestNumbers(t *testing.T) {
	const site = "init+0x1 [m]"
	for _, tt := range []struct {
		sum  sum
		want string
	}{
		{sum{kind: "mem", count: 1, bytes: 1}, "1 byte"},
		{sum{kind: "mem", count: 2, bytes: 24}, "24 bytes in 2 allocations"},
		{sum{kind: "mem", count: 2}, "memory in 2 allocations"},
		{sum{kind: "pid", count: 3}, "3 references to a pid"},
		{sum{kind: "hrtimer", count: 2, calls: "tick [m]"}, "2 timers that are still armed, for tick [m]"},
		{sum{kind: "work", count: 2}, "2 work items that are still queued"},
	} {
		tt.sum.site = site
		if got := tt.sum.leftover(); got.What != tt.want || got.Site != site {
			t.Errorf("%+v, want %q", got, tt.want)
		}
	}
}

// TestOpaque: if a module's own put_task_struct may go unseen, only a task that has
// ended and is not freed has a reference too many.
func TestOpaque(t *testing.T) {
	opaque := NewPlan([]Module{{Name: "life", Imports: []string{"get_pid_task"}, Opaque: true}}, nil)
	const at = by108 + "12.345678: "
	lines := at + "task_take_1: (life_init+0x5/0x40 [life] <- get_pid_task) ptr=0xffff888004ec0000\n"
	if left := Read(opaque, []byte(lines)).Left([]string{"life"}, noName); len(left) > 0 {
		t.Errorf("of a task that lives: %+v", left)
	}
	lines += at + "task_dead_2: (release_task+0x0/0x1) ptr=0xffff888004ec0000\n"
	if left := Read(opaque, []byte(lines)).Left([]string{"life"}, noName); len(left) != 1 {
		t.Errorf("of a task that has ended: %+v, want the reference", left)
	}
	lines += at + "task_gone_3: (exit_creds+0x0/0x1) ptr=0xffff888004ec0000\n"
	if left := Read(opaque, []byte(lines)).Left([]string{"life"}, noName); len(left) > 0 {
		t.Errorf("of a task that is freed: %+v", left)
	}
}

// TestMade: what is left under a name gets the place that created it.
func TestMade(t *testing.T) {
	text := by108 + "12.345678: name_call_1: (proc_create+0x0/0x1) name=\"mine\" site=0xffffffffc0260010\n" +
		by108 + "12.345678: name_call_2: (alloc_chrdev_region+0x0/0x1) name=\"mine\" site=0xffffffffc0260010\n" +
		by108 + "12.345678: name_call_3: (0xffffffffc0260020) name=\"made\"\n" +
		by108 + "12.345678: name_call_4: (alloc_chrdev_region+0x0/0x1) name=\"other\" site=0xffffffffc0260010\n"
	left := []result.Leftover{
		{Kind: "file", What: "/proc/mine"}, {Kind: "device", What: "character device 240 mine"},
		{Kind: "file", What: "/proc/other"}, {Kind: "file", What: "/sys/kernel/made"},
	}
	made := func(addr, _ uint64) (string, string) { return "life_init+0x10 [life]", "life" }
	Read(NewPlan(nil, nil), []byte(text)).Made(left, []string{"life"}, made)
	if left[0].Site == "" || left[1].Site == "" || left[2].Site != "" || left[3].Undo != "kobject_put" {
		t.Errorf("%+v, want the sites of what is called mine", left)
	}
}

// TestPlan: what a module does not import is not traced.
func TestPlan(t *testing.T) {
	idle := Module{Name: "m", Imports: []string{"_printk", "msleep", "kthread_stop"}}
	if p := NewPlan([]Module{idle}, nil); len(p.Settings) != 0 || p.Late {
		t.Errorf("a module that takes nothing: %+v", p)
	}
	for imports, want := range map[string][]string{
		"kmalloc_trace kfree":  {"kmem/kmalloc/enable", "kmem/kfree/enable"},
		"vmalloc_noprof vfree": {"r:kmodlab/mem_take_1 vmalloc_noprof ptr=$retval", "vfree ptr=%di"},
		"__kvmalloc_node_noprof kvfree": {
			"__kvmalloc_node_noprof size=%di site=$stack0", "kmem/kfree/enable", "vfree ptr=%di",
		},
		"kmem_cache_alloc kmem_cache_free": {"kmem/kmem_cache_alloc/filter", "kmem/kmem_cache_free/enable"},
		"mod_timer timer_delete_sync": {
			"timer/timer_expire_entry/filter", "mod_timer ptr=%di fn=+24(%di):x64 site=$stack0",
		},
		"queue_delayed_work_on": {"workqueue/workqueue_execute_start/enable", "queue_delayed_work_on ptr=%dx"},
		"find_get_pid put_pid get_pid_task": {
			"find_get_pid ptr=$retval", "put_pid ptr=%di site=$stack0:symbol", "exit_creds ptr=%di",
		},
	} {
		p := NewPlan([]Module{{Name: "m", Imports: strings.Fields(imports)}}, nil)
		var all strings.Builder
		for _, s := range p.Settings {
			all.WriteString(s.Path + " " + s.Value + "\n")
		}
		for _, w := range want {
			if !strings.Contains(all.String(), w) {
				t.Errorf("%s: no %q in\n%s", imports, w, all.String())
			}
		}
	}
	if p := NewPlan([]Module{{Name: "m", Imports: []string{"call_rcu"}}}, nil); !p.Late {
		t.Error("a callback of RCU may run after unload")
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(trace))
	f.Fuzz(func(t *testing.T, b []byte) {
		Read(NewPlan(nil, nil), b).Left([]string{"hog"}, func(uint64, uint64) (string, string) { return "", "" })
	})
}

// TestEarly: after a crash that cut the wait short, what is armed or registered is claimed. What callbacks may still
// have given back is not.
func TestEarly(t *testing.T) {
	plan := NewPlan([]Module{{
		Name: "life", Imports: []string{"add_timer", "del_timer_sync", "kmalloc", "register_reboot_notifier"},
	}}, nil)
	text := by108 + "12.345678: kmalloc: call_site=life_init+0x5/0x40 [life] ptr=ffff888004ec1000 bytes_req=32\n" +
		by108 + "12.345679: timer_arm_5: (add_timer+0x0/0x1) ptr=0xffffffffc0262000 fn=0xffffffffc0260100 " +
		"site=0xffffffffc0260010\n"
	name := func(addr, _ uint64) (string, string) {
		return map[uint64]string{0xffffffffc0260010: "life_init+0x10 [life]", 0xffffffffc0260101: "tick+0x1 [life]"}[addr],
			"life"
	}
	for early, want := range map[bool]int{false: 2, true: 1} {
		plan.Early = early
		left := Read(plan, []byte(text)).Left([]string{"life"}, name)
		armed := slices.ContainsFunc(left, func(l result.Leftover) bool { return l.Kind == "timer" })
		if len(left) != want || !armed {
			t.Errorf("early %t: %+v", early, left)
		}
	}
	for kind, want := range map[string]bool{"timer": true, "hrtimer": true, "work": true, "mem": false, "pid": false} {
		if early(kind) != want {
			t.Errorf("%s: %t", kind, !want)
		}
	}
	for i := range Pairs {
		if p := &Pairs[i]; early(p.Kind()) != (p.Class == registration) {
			t.Errorf("%s: %s", p.Kind(), p.Class)
		}
	}
}
