// SPDX-License-Identifier: MIT

package vm

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kmodlab/kmodlab/internal/boot"
	"github.com/kmodlab/kmodlab/internal/testlab/machine"
	"github.com/kmodlab/kmodlab/internal/testlab/needs"
	"github.com/kmodlab/kmodlab/internal/verdict"
	"github.com/kmodlab/kmodlab/internal/vm"
	"github.com/kmodlab/kmodlab/internal/wire"
	"github.com/kmodlab/kmodlab/result"
	"github.com/kmodlab/kmodlab/tracer/symbols"
	"github.com/kmodlab/kmodlab/tracer/timeline"
)

const callsModule = "kmodlab_calls"

// caller is a machine with the module of modules/calls, and use.c as /lab/use.
type caller struct {
	*testing.T
	*boot.Guest
	ko     string
	kernel *symbols.Kernel
	pids   map[string]uint32 // of the programs that ran, by their arguments
	lost   map[string]uint64
	hooks  []wire.Hook
}

// bootCaller boots it, and compiles use.c there.
func bootCaller(t *testing.T, name string) *caller {
	t.Helper()
	k := machine.Kernel(t, name)
	ko := machine.Build(t, k, "../../modules/calls")[callsModule]
	g := machine.Start(t, boot.Options{
		Kernel: k, MemoryMiB: 1024, StateDir: machine.CacheDir(t), Accel: vm.TCG, Log: func(line string) { t.Log(line) },
		Files: []boot.File{
			{Name: "/lab/kmodlab_calls.ko", Mode: 0o644, Host: ko},
			{Name: "/lab/use.c", Mode: 0o644, Host: "../../modules/calls/use.c"},
		},
	})
	c := &caller{T: t, Guest: g, ko: ko, pids: map[string]uint32{}}
	c.run(wire.ExecArgs{Argv: []string{"/usr/bin/gcc", "-O2", "-static", "-w", "-o", "/lab/use", "/lab/use.c"}})
	data, err := boot.ReadFile(t.Context(), g.Client, "/proc/kallsyms", 64<<20)
	if err != nil {
		t.Fatal(err)
	}
	if c.kernel, err = symbols.ReadKernel(bytes.NewReader(data)); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *caller) run(args wire.ExecArgs) (*wire.ExecResult, string) {
	c.Helper()
	ctx, cancel := context.WithTimeout(c.Context(), 5*time.Minute)
	defer cancel()
	var out strings.Builder
	ended := new(wire.ExecResult)
	if args.TimeoutMS == 0 {
		args.TimeoutMS = (4 * time.Minute).Milliseconds()
	}
	if _, err := c.Stream(ctx, wire.OpExec, args, nil, ended, func(b []byte) { out.Write(b) }); err != nil {
		c.Fatalf("%q: %v\n%s", args.Argv, err, out.String())
	}
	if !args.Follow && ended.Exit != 0 {
		c.Fatalf("%q: exit status %d\n%s", args.Argv, ended.Exit, out.String())
	}
	return ended, out.String()
}

// use runs /lab/use, followed, and returns what it printed.
func (c *caller) use(timeout time.Duration, words ...string) string {
	c.Helper()
	ended, out := c.run(wire.ExecArgs{
		Argv: append([]string{"/lab/use"}, words...), Follow: true, TimeoutMS: timeout.Milliseconds(),
	})
	c.pids[strings.Join(words, " ")] = uint32(ended.PID)
	return out
}

// traced records what happens while work works, as a run does.
func (c *caller) traced(args wire.TraceArgs, work func()) *timeline.Timeline {
	c.Helper()
	events, state := machine.Traced(c, c.Guest, args, work)
	c.lost, c.hooks = state.Lost, state.Hooks
	ko, err := os.ReadFile(c.ko)
	if err != nil {
		c.Fatal(err)
	}
	table := symbols.New(c.kernel, events, func(name string) *symbols.Module {
		if name == callsModule {
			return symbols.OfModule(ko)
		}
		return nil
	})
	return timeline.Build(events, table.Site, timeline.Options{
		AgentTGID: uint32(c.Hello.PID), Modules: []string{callsModule},
	})
}

// usual are the calls of use without arguments. Those of its child come before the last line.
const usual = `
openat /dev/kmodlab_calls fd -1 (O_RDWR|O_EXCL) = -16: dev_open
openat /dev/kmodlab_calls fd 3 (O_RDWR) = 3: dev_open
read /dev/kmodlab_calls fd 3 (16 bytes) = 16: dev_read
pread64 /dev/kmodlab_calls fd 3 (17 bytes, offset 0) = 17: dev_read
readv /dev/kmodlab_calls fd 3 (1 buffer) = 8: dev_read
read (32-bit) /dev/kmodlab_calls fd 3 (5 bytes) = 5: dev_read
write /dev/kmodlab_calls fd 3 (18 bytes) = 18: dev_write
write /dev/kmodlab_calls fd 3 (101 bytes) = -22: dev_write
lseek /dev/kmodlab_calls fd 3 (offset 5, whence 0) = 0: dev_llseek
ioctl /dev/kmodlab_calls fd 3 (request 0x40044801, argument 0x3) = 0: dev_ioctl
ioctl /dev/kmodlab_calls fd 3 (request 0x63, argument 0x0) = -25: dev_ioctl
fsync /dev/kmodlab_calls fd 3 () = 0: dev_fsync
poll /dev/kmodlab_calls fd 3 (1 descriptor) = 1: dev_poll
pselect6 /dev/kmodlab_calls fd 3 () = 1: dev_poll
epoll_ctl /dev/kmodlab_calls fd 3 (EPOLL_CTL_ADD) = 0: dev_poll
mmap /dev/kmodlab_calls fd 3 (4096 bytes, PROT_READ) = address: dev_mmap
close /dev/kmodlab_calls fd 3 () = 0: dev_release
openat /proc/kmodlab_calls/ops fd 3 (O_RDWR) = 3:
read /proc/kmodlab_calls/ops fd 3 (100 bytes) = 4: ops_read
write /proc/kmodlab_calls/ops fd 3 (2 bytes) = 2: ops_write
close /proc/kmodlab_calls/ops fd 3 () = 0:
openat /proc/kmodlab_calls/single fd 3 (O_RDONLY) = 3: single_opened
read /proc/kmodlab_calls/single fd 3 (100 bytes) = 6: show
close /proc/kmodlab_calls/single fd 3 () = 0:
openat /proc/kmodlab_calls/list fd 3 (O_RDONLY) = 3:
read /proc/kmodlab_calls/list fd 3 (100 bytes) = 7: list_show
close /proc/kmodlab_calls/list fd 3 () = 0:
openat /proc/kmodlab_calls/function fd 3 (O_RDONLY) = 3:
read /proc/kmodlab_calls/function fd 3 (100 bytes) = 6: show
close /proc/kmodlab_calls/function fd 3 () = 0:
openat /sys/devices/virtual/misc/kmodlab_calls/level fd 3 (O_RDWR) = 3:
read /sys/devices/virtual/misc/kmodlab_calls/level fd 3 (100 bytes) = 2: level_show
write /sys/devices/virtual/misc/kmodlab_calls/level fd 3 (2 bytes) = 2: level_store
close /sys/devices/virtual/misc/kmodlab_calls/level fd 3 () = 0:
openat /sys/module/kmodlab_calls/parameters/plain fd 3 (O_RDWR) = 3:
read /sys/module/kmodlab_calls/parameters/plain fd 3 (100 bytes) = 2: param_get_int
write /sys/module/kmodlab_calls/parameters/plain fd 3 (2 bytes) = 2: param_set_int
close /sys/module/kmodlab_calls/parameters/plain fd 3 () = 0:
openat /sys/module/kmodlab_calls/parameters/own fd 3 (O_RDWR) = 3:
read /sys/module/kmodlab_calls/parameters/own fd 3 (100 bytes) = 2: own_get
write /sys/module/kmodlab_calls/parameters/own fd 3 (2 bytes) = 2: own_set
close /sys/module/kmodlab_calls/parameters/own fd 3 () = 0:
openat /sys/kernel/debug/kmodlab_calls/ops fd 3 (O_RDWR) = 3:
read /sys/kernel/debug/kmodlab_calls/ops fd 3 (100 bytes) = 4: ops_read
write /sys/kernel/debug/kmodlab_calls/ops fd 3 (2 bytes) = 2: ops_write
close /sys/kernel/debug/kmodlab_calls/ops fd 3 () = 0:
openat /sys/kernel/debug/kmodlab_calls/seq fd 3 (O_RDONLY) = 3: debug_open
read /sys/kernel/debug/kmodlab_calls/seq fd 3 (100 bytes) = 6: debug_show
close /sys/kernel/debug/kmodlab_calls/seq fd 3 () = 0:
openat /sys/kernel/debug/kmodlab_calls/simple fd 3 (O_RDWR) = 3: simple_number_open
read /sys/kernel/debug/kmodlab_calls/simple fd 3 (100 bytes) = 2: number_get
write /sys/kernel/debug/kmodlab_calls/simple fd 3 (2 bytes) = 2: number_set
close /sys/kernel/debug/kmodlab_calls/simple fd 3 () = 0:
openat /sys/kernel/debug/kmodlab_calls/unsafe fd 3 (O_RDWR) = 3: debug_number_open
read /sys/kernel/debug/kmodlab_calls/unsafe fd 3 (100 bytes) = 2: number_get
write /sys/kernel/debug/kmodlab_calls/unsafe fd 3 (2 bytes) = 2: number_set
close /sys/kernel/debug/kmodlab_calls/unsafe fd 3 () = 0:
socket socket of family 19, type 2 fd 3 (family 19, type 2, protocol 0) = 3:
sendto socket of family 19, type 2 fd 3 (3 bytes) = 3: send_nothing
recvfrom socket of family 19, type 2 fd 3 (4 bytes) = 0: receive_nothing
ioctl socket of family 19, type 2 fd 3 (request 0x40044801, argument 0x0) = -25: socket_ioctl
close socket of family 19, type 2 fd 3 () = 0: end_socket
openat /dev/kmodlab_calls fd 3 (O_RDONLY) = 3: dev_open
child: read /dev/kmodlab_calls fd 3 (1 byte) = 1: dev_read
close /dev/kmodlab_calls fd -1 (the last reference is dropped) = 0: dev_release`

// callLine is what must be known of a call.
func callLine(c *result.Call, root uint32) string {
	ret := "never"
	switch {
	case c.Ret != nil && *c.Ret > 1<<32:
		ret = "address"
	case c.Ret != nil:
		ret = fmt.Sprint(*c.Ret)
	}
	name := c.Name
	if name == "select" { // which the C library calls in its stead on Debian 11
		name = "pselect6"
	}
	line := fmt.Sprintf("%s %s fd %d (%s) = %s: %s", name, c.File, c.FD, c.Args, ret,
		strings.TrimSuffix(c.Serving, " ["+callsModule+"]"))
	if c.Omitted > 0 {
		line += fmt.Sprintf(", %d more", c.Omitted)
	}
	if c.By.PID != int(root) {
		line = "child: " + line
	}
	return strings.TrimSpace(line)
}

// callsOf are the calls of a program that ran, and of its children.
func (c *caller) callsOf(processes []result.Process, calls []result.Call, words string) (lines []string) {
	root := c.pids[words]
	test := slices.IndexFunc(processes, func(p result.Process) bool { return p.Task.PID == int(root) })
	if test < 0 {
		c.Errorf("use %s: process %d was not seen", words, root)
		return nil
	}
	for i := range calls {
		ours := slices.ContainsFunc(processes, func(p result.Process) bool {
			return p.Task.PID == calls[i].By.PID && p.Test == processes[test].Test
		})
		if ours {
			lines = append(lines, callLine(&calls[i], root))
		}
	}
	return lines
}

// TestCalls lets a program call a module in all ways that the tracer knows: each call is recorded once, with the
// function that served it.
func TestCalls(t *testing.T) {
	needs.VM(t)
	table := hookTable{}
	for _, name := range testKernels(t) {
		t.Run(name, func(t *testing.T) {
			c := bootCaller(t, name)
			testCalls(t, c)
			table.add(&result.Result{Machine: result.Machine{Kernel: c.Hello.Release}, Hooks: c.callHooks()})
		})
	}
	table.checkBetween(t, "../../docs/events.md", callHookNames, callsBegin, callsEnd)
}

// The table of the hooks that only calls need stands between these lines of docs/events.md.
const (
	callsBegin = "<!-- The table of calls: KMODLAB_TEST_ALL=1 KMODLAB_UPDATE=1 go test ./test/vm -run '^TestCalls$' writes it. -->\n"
	callsEnd   = "<!-- The end of the table of calls. -->\n"
)

var callHookNames = []string{"process_forked", "call_entered", "call_returned", "call_unfinished", "file_opening",
	"file_opened", "file_release", "file_released", "process_faulted", "process_woke"}

// callHooks are those hooks as a result has them.
func (c *caller) callHooks() (hooks []result.Hook) {
	for _, h := range c.hooks {
		if slices.Contains(callHookNames, h.Name) {
			hooks = append(hooks, result.Hook{Name: h.Name, Target: h.Target, Kind: h.Kind, Attached: h.Attached,
				Proved: h.Fired > 0, Fired: h.Fired, Fallback: h.Fallback, Note: h.Note})
		}
	}
	return hooks
}

func testCalls(t *testing.T, c *caller) {
	const many = 100_000
	const rings = 20_000
	modes := []string{"", fmt.Sprint("many ", many), "thread", "ring 1", fmt.Sprint("ring ", rings), "later",
		"killed", "fault", "wait", "oops", "stay"}
	var roots []uint32
	tl := c.traced(wire.TraceArgs{Calls: true}, func() {
		c.run(wire.ExecArgs{Argv: []string{"/usr/sbin/insmod", "/lab/kmodlab_calls.ko"}})
		for _, mode := range modes {
			limit := time.Duration(0)
			if mode == "wait" {
				limit = 3 * time.Second
			}
			c.use(limit, strings.Fields(mode)...)
			roots = append(roots, c.pids[mode])
		}
	})
	for _, h := range c.hooks {
		if !h.Attached && slices.Contains(callHookNames, h.Name) {
			t.Errorf("hook %s is not attached: %s", h.Name, h.Note)
		}
	}
	if len(c.lost) > 0 {
		t.Errorf("lost: %v", c.lost)
	}
	processes, calls := verdict.FollowedProcesses(tl, roots, []string{callsModule})
	check := func(mode, want string) {
		t.Helper()
		got := c.callsOf(processes, calls, mode)
		if diff := cmp.Diff(strings.Split(strings.TrimSpace(want), "\n"), got); diff != "" {
			t.Errorf("use %s (-want +got):\n%s", mode, diff)
		}
	}
	check("", usual)
	opened := "openat /dev/kmodlab_calls fd 3 (O_RDWR) = 3: dev_open\n"
	const closed = "\nclose /dev/kmodlab_calls fd -1 (the last reference is dropped) = 0: dev_release"
	check("thread", opened+"ioctl /dev/kmodlab_calls fd 3 (request 0x40044802, argument 0x0) = 0: dev_ioctl"+closed)
	check("killed", opened+"ioctl /dev/kmodlab_calls fd 3 (request 0x40044803, argument 0x9) = 0: dev_ioctl"+closed)
	check("wait", opened+"ioctl /dev/kmodlab_calls fd 3 (request 0x40044804, argument 0x0) = -4: dev_ioctl"+closed)
	// The last call comes after those that have a record, and its task does not survive it.
	const last = "ioctl /dev/kmodlab_calls fd 3 (request 0x40044805, argument 0x8) = never: dev_ioctl"
	if got := c.callsOf(processes, calls, "oops"); !slices.Contains(got, last) {
		t.Errorf("use oops: no %q in\n%s", last, strings.Join(got, "\n"))
	}
	// One child hangs in open, the other one in a call that comes after those that have a record.
	stays := c.callsOf(processes, calls, "stay")
	for _, want := range []string{
		"child: openat /dev/kmodlab_calls fd -1 (O_RDWR|O_NONBLOCK) = never: dev_open",
		"child: ioctl /dev/kmodlab_calls fd 1 (request 0x40044804, argument 0x0) = never: dev_ioctl",
	} {
		if !slices.Contains(stays, want) {
			t.Errorf("use stay: no %q in\n%s", want, strings.Join(stays, "\n"))
		}
	}
	c.checkMany(calls, modes[1], many)
	c.checkWakeups(tl, map[string]int{"ring 1": 1, fmt.Sprint("ring ", rings): rings})
	c.checkFates(tl, processes)
}

// checkMany: of many calls few have a record, and all are counted.
func (c *caller) checkMany(calls []result.Call, mode string, want int) {
	c.Helper()
	records, sum := 0, 0
	for i := range calls {
		if calls[i].By.PID == int(c.pids[mode]) && calls[i].Name == "read" {
			records++
			sum += 1 + calls[i].Omitted
		}
	}
	if sum != want || records > 64 {
		c.Errorf("%d reads, %d of them with a record; want %d, and at most 64", sum, records, want)
	}
}

// checkWakeups: the program that woke the module's thread did so that often, all told, and nobody else did: neither one
// that a timer interrupts which wakes the thread, nor one that creates and stops a thread.
func (c *caller) checkWakeups(tl *timeline.Timeline, want map[string]int) {
	c.Helper()
	got := map[string]int{}
	for i := range tl.Threads {
		thread, records := &tl.Threads[i], map[string]int{}
		for _, w := range thread.Wakeups {
			mode := fmt.Sprintf("process %d", w.By.TGID)
			for words, pid := range c.pids {
				if pid == w.By.TGID {
					mode = words
				}
			}
			got[mode] += 1 + w.Omitted
			records[mode]++
			if thread.Func.Symbol != "wait_for_bell" || w.By.Site.Symbol != "ring" && w.By.Site.Symbol != "calls_ring" {
				c.Errorf("use %s woke a thread of %s in %s", mode, thread.Func, w.By.Site)
			}
			if records[mode] > 32 {
				c.Errorf("use %s: more than 32 wake-ups have a record", mode)
				break
			}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		c.Errorf("wake-ups (-want +got):\n%s", diff)
	}
}

// checkFates: how the processes ended, who was killed by whom, where the fault was, and whose thread it is.
func (c *caller) checkFates(tl *timeline.Timeline, processes []result.Process) {
	c.Helper()
	for mode, want := range map[string]string{
		"": "exit 0", "thread": "exit 0", "ring 1": "exit 0", "later": "exit 0", "killed": "SIGKILL", "fault": "SIGSEGV",
		"wait": "SIGKILL",
	} {
		i := slices.IndexFunc(processes, func(p result.Process) bool { return p.Task.PID == int(c.pids[mode]) })
		if i < 0 {
			continue // said already
		}
		p, got := processes[i], processes[i].KilledBy
		if p.Exit != nil {
			got = fmt.Sprint("exit ", *p.Exit)
		}
		if got != want || len(p.Execs) != 1 || p.Execs[0].Path != "/lab/use" || p.EndNS == nil {
			c.Errorf("use %s ended with %q, want %q: %+v", mode, got, want, p)
		}
	}
	if !slices.ContainsFunc(tl.Signals, func(s timeline.Signal) bool {
		return s.Signo == 9 && s.To.TGID == c.pids["killed"] && !s.Background && s.From.Site.Symbol == "dev_ioctl"
	}) {
		c.Errorf("the module's SIGKILL is not in the story: %+v", tl.Signals)
	}
	if !slices.ContainsFunc(tl.Threads, func(t timeline.Thread) bool {
		return t.Requester.TGID == c.pids["thread"] && !t.Background && t.Func.Symbol == "wait_for_stop"
	}) {
		c.Errorf("no thread was requested by process %d: %+v", c.pids["thread"], tl.Threads)
	}
	place := verdict.FaultOf(tl, c.pids["fault"])
	if place == nil || place.Object != "/lab/use" || place.Address != 0x1234 {
		c.Fatalf("the fault is at %+v", place)
	}
	if _, at := c.run(wire.ExecArgs{Argv: []string{"/usr/bin/addr2line", "-f", "-e", "/lab/use",
		fmt.Sprintf("0x%x", place.Offset+0x400000)}}); !strings.HasPrefix(at, "fault") {
		c.Errorf("offset 0x%x is in %s", place.Offset, at)
	}
}
