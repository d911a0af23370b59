// SPDX-License-Identifier: MIT

package timeline

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmodlab/kmodlab/tracer/event"
)

// Numbers of system calls on x86-64.
const (
	sysRead   = 0
	sysWrite  = 1
	sysOpenat = 257
)

const (
	moduleAt = 0xffffffffc0001000
	inodeA   = 0xffff888005000000
	opsA     = 0x2000
)

// app is a followed process and its child.
var app, child = event.Task{PID: 50, TGID: 50, Comm: "use", Addr: 0xffff888003500000},
	event.Task{PID: 51, TGID: 51, Comm: "use", Addr: 0xffff888003600000}

func (l *list) met(at uint64, by event.Task, names ...string) *list {
	return l.at(at, event.FileMet, event.Event{By: by, Ptr: inodeA, Aux: opsA, Func: moduleAt, Arg: event.FileOperations,
		Text: "devtmpfs", Args: names})
}

func (l *list) enter(at uint64, by event.Task, nr uint32, number int64, args ...uint64) *list {
	return l.at(at, event.CallEntered, event.Event{By: by, Arg: nr, Ptr: inodeA, Aux: opsA, Func: 0x2000, Data: args[0],
		Ret: number, Numbers: append(args, make([]uint64, 8-len(args))...)})
}

func (l *list) leave(at uint64, by event.Task, nr uint32, ret int64) *list {
	return l.at(at, event.CallReturned, event.Event{By: by, Arg: nr, Ret: ret})
}

// said says each call in a line.
func saidCalls(tl *Timeline) []string {
	var lines []string
	for _, c := range tl.Calls {
		line := fmt.Sprintf("%s[%d] %s %s [%s] fd %d (%s) %s", c.By.Comm, c.By.PID, c.Call.Name, c.File, c.Module, c.FD,
			c.Words(), c.Serving.Function())
		if c.Returned != 0 {
			line += fmt.Sprintf(" = %d after %d", c.Ret, c.Returned-c.Entered)
		}
		if c.Omitted > 0 {
			line += fmt.Sprintf(", %d more", c.Omitted)
		}
		lines = append(lines, line)
	}
	return lines
}

// loaded is a list in which module m is there.
func loaded() *list {
	return new(list).at(1, event.ModuleLoaded, event.Event{By: loader, Ptr: moduleAt, Text: "m"})
}

func TestCalls(t *testing.T) {
	l := loaded().
		met(10, app, "hw", "dev").enter(10, app, sysOpenat, 1, ^uint64(0), 0, 2).leave(15, app, sysOpenat, 3).
		enter(20, app, sysRead, 1, 3, 0, 16).leave(29, app, sysRead, 16).
		enter(30, app, sysRead, 2, 3, 0, 1).leave(31, app, sysRead, -512).
		enter(40, app, sysRead, 8, 3, 0, 1).leave(41, app, sysRead, 1).
		enter(50, app, sysWrite, 1, 3, 0, 5).
		at(60, event.CallEntered, event.Event{By: app, Arg: event.CallRelease, Ptr: inodeA, Aux: opsA, Ret: 1}).
		leave(61, app, event.CallRelease, 0).
		at(99, event.CallCounted, event.Event{By: event.Task{PID: 50, TGID: 50}, Arg: uint32(event.OpRead), Ptr: inodeA,
			Aux: opsA, Ret: 100})
	want := []string{
		"use[50] openat /dev/hw [m] fd 3 (O_RDWR) fn [m] = 3 after 5",
		"use[50] read /dev/hw [m] fd 3 (16 bytes) fn [m] = 16 after 9",
		"use[50] read /dev/hw [m] fd 3 (1 byte) fn [m] = -512 after 1, 5 more",
		"use[50] read /dev/hw [m] fd 3 (1 byte) fn [m] = 1 after 1, 92 more",
		"use[50] write /dev/hw [m] fd 3 (5 bytes) fn [m]",
		"use[50] close /dev/hw [m] fd -1 (the last reference is dropped) 0x0 = 0 after 1",
	}
	if diff := cmp.Diff(want, saidCalls(build(*l))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestCallsOfTasks: two tasks are in the same call at the same time, and another process's use of a file is its own.
func TestCallsOfTasks(t *testing.T) {
	thread := event.Task{PID: 52, TGID: 50, Comm: "use", Addr: 0xffff888003700000}
	l := loaded().
		met(10, app, "hw", "dev").enter(10, app, sysRead, 1, 3, 0, 1).enter(11, thread, sysRead, 2, 3, 0, 2).
		leave(12, app, sysRead, 1).leave(14, thread, sysRead, 2).
		enter(20, child, sysRead, 1, 3, 0, 4).leave(21, child, sysRead, 4). // its FileMet was lost
		enter(30, thread, sysRead, 33, 3, 0, 3).
		at(5, event.ProcessForked, event.Event{By: loader, Target: app})
	want := []string{
		"use[50] read /dev/hw [m] fd 3 (1 byte) fn [m] = 1 after 2",
		"use[52] read /dev/hw [m] fd 3 (2 bytes) fn [m] = 2 after 3, 30 more",
		"use[51] read  [] fd 3 (4 bytes) fn [m] = 4 after 1",
		"use[52] read /dev/hw [m] fd 3 (3 bytes) fn [m]",
	}
	if diff := cmp.Diff(want, saidCalls(build(*l))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestProcesses(t *testing.T) {
	l := new(list).
		at(5, event.ProcessForked, event.Event{By: loader, Target: app}).
		at(6, event.TaskExeced, event.Event{By: app, Text: "/t/use"}).
		at(7, event.ProcessForked, event.Event{By: app, Target: child}).
		at(8, event.TaskExited, event.Event{By: child, Ret: 7 << 8, Data: 1}).
		at(9, event.ProcessFaulted, event.Event{By: app, Arg: 11, Ret: 1, Ptr: 0x1234, Func: 0x401136, Data: 0x401000,
			Aux: 0x1000, Args: []string{"use", "t"}}).
		at(10, event.TaskExited, event.Event{By: app, Ret: 11 | 0x80, Data: 1}).
		send(8, k1, app, 9, 0, event.SentGroup, 0)
	tl := Build(*l, resolve, Options{Modules: []string{"m"}})
	want := []Process{
		{
			Task: app, Parent: loader.TGID, Root: 50, Started: 5, Ended: 10, Status: 11 | 0x80,
			Execs: []Exec{{6, "/t/use"}},
			Faults: []Fault{{At: 9, By: app, Signo: 11, Code: 1, Addr: 0x1234, IP: 0x401136, Object: "/t/use",
				Offset: 0x1136}},
		},
		{Task: child, Parent: 50, Root: 50, Started: 7, Ended: 8, Status: 7 << 8},
	}
	if diff := cmp.Diff(want, tl.Processes); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if code, ok := tl.Processes[1].ExitCode(); code != 7 || !ok {
		t.Errorf("exit status %d, %v", code, ok)
	}
	if by := tl.Processes[0].KilledBy(); by != "SIGSEGV" {
		t.Errorf("killed by %q", by)
	}
	if i := slices.IndexFunc(tl.Signals, func(s Signal) bool { return !s.Background }); i < 0 {
		t.Errorf("what is sent to a followed process is background: %+v", tl.Signals)
	}
}

func TestFileNames(t *testing.T) {
	long := []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"}
	for want, e := range map[string]event.Event{
		"/dev/hw":               {Args: []string{"hw", "dev"}},
		"/":                     {Args: []string{"/"}},
		"":                      {},
		"…/j/i/h/g/f/e/d/c/b/a": {Args: long[:6], Env: long[6:]},
		"anon_inode:[hw]":       {Text: "anon_inodefs", Args: []string{"[hw]"}},
		"socket of family 19, type 2": {
			Text: "sockfs", Arg: event.FileSocket, Data: 19<<32 | 2, Args: []string{"ECONET"},
		},
	} {
		if got := fileName(&e); got != want {
			t.Errorf("%+v is %q, want %q", e, got, want)
		}
	}
}

func TestCallWords(t *testing.T) {
	for _, tt := range []struct {
		name string
		args []uint64
		want string
	}{
		{"openat", []uint64{0, 0, 0o100102}, "O_RDWR|O_CREAT"},
		{"open", []uint64{0, 3}, "O_ACCMODE"},
		{"open", []uint64{0, 0o101}, "O_WRONLY|O_CREAT"},
		{"creat", nil, "O_WRONLY|O_CREAT|O_TRUNC"},
		{"openat2", nil, ""},
		{"pread64", []uint64{3, 0, 2, 7}, "2 bytes, offset 7"},
		{"readv", []uint64{3, 0, 1}, "1 buffer"},
		{"ioctl", []uint64{3, 0xffffffff40044801, 5}, "request 0x40044801, argument 0x5"},
		{"mmap", []uint64{0, 4096, 3, 1, 3}, "4096 bytes, PROT_READ|PROT_WRITE"},
		{"lseek", []uint64{3, ^uint64(0), 2}, "offset -1, whence 2"},
		{"poll", []uint64{0, 2}, "2 descriptors"},
		{"epoll_ctl", []uint64{4, 1, 3}, "EPOLL_CTL_ADD"},
		{"epoll_ctl", []uint64{4, 9, 3}, ""},
		{"socket", []uint64{19, 2, 0}, "family 19, type 2, protocol 0"},
		{"setsockopt", []uint64{3, 1, 2}, "level 1, option 2"},
		{"sendmsg", []uint64{3, 1, 2}, ""},
		{"fallocate", []uint64{3, 0, 0, 8}, "mode 0, offset 0, 8 bytes"},
		{"close", []uint64{3}, ""},
		{"read", nil, "0 bytes"},
	} {
		i := slices.IndexFunc(event.Syscalls(), func(s event.Syscall) bool { return s.Name == tt.name })
		c := Call{Call: event.Syscalls()[i], Args: tt.args}
		if got := c.Words(); got != tt.want {
			t.Errorf("%s %v: %q, want %q", tt.name, tt.args, got, tt.want)
		}
	}
}
