// SPDX-License-Identifier: MIT

package session

import (
	"encoding/binary"
	"testing"

	"github.com/kmodlab/kmodlab/internal/hang"
)

// TestWhoseTask: a task is recognized by its numbers and its name, wherever the kernel keeps them.
func TestWhoseTask(t *testing.T) {
	task := func(pid, tgid int, comm string) []byte {
		data := make([]byte, 4096)
		binary.LittleEndian.PutUint32(data[0x998:], uint32(pid))
		binary.LittleEndian.PutUint32(data[0x99c:], uint32(tgid))
		copy(data[0xbc3:], comm)
		return data
	}
	tasks := []hang.Task{
		{PID: 130, TGID: 130, Comm: "thread_a"}, {PID: 44, TGID: 44, Comm: "kworker/0:2+events"},
		{PID: 45, TGID: 45, Comm: "kworker/u4:1-events_unbound"}, {PID: 131, TGID: 131, Comm: "spin_lock_thread"},
	}
	step := hang.Task{TGID: 110, Comm: "modprobe"}
	for name, tt := range map[string]struct {
		data []byte
		want int
	}{
		"a thread":              {task(130, 130, "thread_a"), 130},
		"a worker":              {task(44, 44, "kworker/0:2"), 44},
		"an unbound worker":     {task(45, 45, "kworker/u4:1"), 45},
		"a name that was cut":   {task(131, 131, "spin_lock_threa"), 131},
		"a thread of the step":  {task(115, 110, "modprobe"), 115},
		"another one's numbers": {task(130, 130, "thread_b"), 0},
		"another one's name":    {task(132, 132, "thread_a"), 0},
		"nothing":               {nil, 0},
	} {
		if _, pid := whoseTask(tt.data, tasks, step); pid != tt.want {
			t.Errorf("%s: %d, want %d", name, pid, tt.want)
		}
	}
}

func TestCommandOf(t *testing.T) {
	for _, tt := range []struct {
		argv []string
		want hang.Command
	}{
		{[]string{"modprobe", "a-b", "count=3"}, hang.Command{Module: "a_b"}},
		{[]string{"modprobe", "-r", "a", "b"}, hang.Command{Module: "a", Unload: true}},
		{[]string{"rmmod", "a"}, hang.Command{Module: "a", Unload: true}},
		{[]string{"insmod", "/lib/x/a.ko"}, hang.Command{Module: "a"}},
		{[]string{"lsmod"}, hang.Command{}},
	} {
		if got := commandOf(Step{Argv: tt.argv}); got != tt.want {
			t.Errorf("%q: %+v, want %+v", tt.argv, got, tt.want)
		}
	}
}
