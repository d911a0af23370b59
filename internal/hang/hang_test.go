// SPDX-License-Identifier: MIT

package hang

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmodlab/kmodlab/result"
)

// console is that of modules/faults/spin_thread on Debian's 6.1, shortened.
const console = `[   33.061575] sysrq: Show backtrace of all active CPUs
[   33.066651] NMI backtrace for cpu 0
[   33.067004] CPU: 0 PID: 1 Comm: init Tainted: G           OE      6.1.0-56-cloud-amd64 #1  Debian 6.1.192-2
[   33.072233] Call Trace:
[   33.072587]  <TASK>
[   33.072948]  dump_stack_lvl+0x44/0x5c
[   33.092810] RIP: 0033:0x40a98e
[   33.132270]  </TASK>
[   33.133641] NMI backtrace for cpu 1
[   33.134978] CPU: 1 PID: 114 Comm: spin_thread Tainted: G           OE      6.1.0-56-cloud-amd64 #1  Debian 6.1.192-2
[   33.151117] RIP: 0010:spin_fn+0x9/0x1a [spin_thread]
[   33.160481] Call Trace:
[   33.160529]  <TASK>
[   33.160542]  kthread+0xda/0x100
[   33.160591]  ? kthread_complete_and_exit+0x20/0x20
[   33.160647]  ret_from_fork+0x22/0x30
[   33.160698]  </TASK>
[   33.170000]  stranger+0x1/0x2
`

func TestFindRunning(t *testing.T) {
	tasks := []Task{
		{PID: 2, TGID: 2, Comm: "kthreadd", State: "S", Kernel: true, Stack: []string{"kthreadd+0x2a"}},
		{PID: 114, TGID: 114, Comm: "spin_thread", State: "R", Kernel: true},
		{PID: 113, TGID: 113, Comm: "modprobe", State: "S", Stack: []string{"do_epoll_wait+0x6a0"}},
		{
			PID: 115, TGID: 113, Comm: "modprobe", State: "D",
			Stack: []string{"kthread_stop+0x66", "__do_sys_delete_module+0x1b9"},
		},
	}
	want := []result.Stuck{
		{Comm: "modprobe", PID: 115, State: "uninterruptible", Wait: "kthread_stop+0x66", Step: true,
			Stack: []string{"kthread_stop+0x66", "__do_sys_delete_module+0x1b9"}},
		{Comm: "spin_thread", PID: 114, State: result.Running, Site: "spin_fn+0x9 [spin_thread]",
			Stack: []string{"spin_fn+0x9 [spin_thread]", "kthread+0xda", "ret_from_fork+0x22"}},
	}
	if diff := cmp.Diff(want, study(113, []string{"spin_thread"}).Find(tasks, []byte(console))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestUnseen(t *testing.T) {
	spins := Task{PID: 114, Comm: "spin_thread", State: "R", Kernel: true}
	waits := Task{PID: 115, Comm: "modprobe", State: "D"}
	if Unseen([]Task{spins, waits}, []byte(console)) {
		t.Error("the console shows the running task")
	}
	spins.PID = 7
	if !Unseen([]Task{waits, spins}, []byte(console)) {
		t.Error("the console shows only another task")
	}
}

// TestFindTruncated: a flood left only the beginning of a second backtrace.
func TestFindTruncated(t *testing.T) {
	spins := []Task{{PID: 114, Comm: "spin_thread", State: "R", Kernel: true}}
	again := console + "[   34.0] NMI backtrace for cpu 1\n" +
		"[   34.0] CPU: 1 PID: 114 Comm: spin_thread Tainted: G\n[   34.1] flood\n"
	got := study(1, []string{"spin_thread"}).Find(spins, []byte(again))
	if len(got) != 1 || got[0].Site != "spin_fn+0x9 [spin_thread]" {
		t.Errorf("got %+v", got)
	}
}

// TestFindWaiting is the deadlock of modules/faults/request_init.
func TestFindWaiting(t *testing.T) {
	tasks := []Task{
		{
			PID: 110, TGID: 110, Comm: "modprobe", State: "D",
			Stack: []string{
				"call_usermodehelper_exec+0x14a", "__request_module+0x1a5", "request_init+0x16 [request_init]",
				"__do_sys_finit_module+0xac",
			},
		},
		{PID: 111, Comm: "other", State: "S", Stack: []string{"wait_here+0x1 [virtio_net]"}},
		{PID: 115, Comm: "modprobe", State: "S", Stack: []string{"load_module+0x8d4", "__do_sys_finit_module+0xac"}},
		{PID: 116, Comm: "held", State: "D", Kernel: true, Stack: []string{"held_fn+0x4 [request_init]", "kthread+0xda"}},
	}
	got := study(110, []string{"request_init"}).Find(tasks, nil)
	var words []string
	for _, s := range got {
		words = append(words, s.Comm+" "+s.State+" "+s.Wait+" "+s.Site)
	}
	want := []string{
		"modprobe uninterruptible call_usermodehelper_exec+0x14a request_init+0x16 [request_init]",
		"held uninterruptible  held_fn+0x4 [request_init]",
		"modprobe interruptible load_module+0x8d4 ",
	}
	if diff := cmp.Diff(want, words); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestBounds: a guest may list any number of tasks, and print anything.
func TestBounds(t *testing.T) {
	var tasks []Task
	for i := range 10 * maxStuck {
		tasks = append(tasks, Task{PID: i, State: "?", Stack: []string{"f+0x1 [m]"}})
	}
	noise := strings.Repeat("NMI backtrace for cpu 0\n"+
		"CPU: 0 PID: 99999999999999999999 Comm: x\nRIP: 0010:\x00/0x1 [\n Call Trace:\n", 50)
	if n := len(study(0, []string{"m"}).Find(tasks, []byte(noise))); n != maxStuck {
		t.Errorf("%d tasks, want %d", n, maxStuck)
	}
}

func FuzzBacktraces(f *testing.F) {
	f.Add([]byte(console))
	f.Fuzz(func(t *testing.T, b []byte) {
		for pid := range backtraces(b) {
			if pid <= 0 {
				t.Errorf("pid %d", pid)
			}
		}
	})
}

func study(pid int, modules []string) *Study {
	return &Study{Modules: modules, Step: Command{PID: pid}}
}
