// SPDX-License-Identifier: MIT

package session

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/kmodlab/kmodlab/internal/boot"
	"github.com/kmodlab/kmodlab/internal/hang"
	"github.com/kmodlab/kmodlab/result"
)

// kernelHalf is where the kernel's addresses begin.
const kernelHalf = 1 << 63

// current is the address of the task that a CPU runs, 0 if it is unknown. The kernel has a variable for it of each CPU.
func (o *slow) current(ctx context.Context, cpu int) uint64 {
	if o.perTask == 0 {
		if o.perTask = o.s.Variable("current_task"); o.perTask == 0 {
			o.perTask = o.s.Variable("pcpu_hot") // 6.2 to 6.14: its first member
		}
	}
	if o.perTask == 0 || cpu >= len(o.sampler.last) || o.sampler.last[cpu].PerCPU < kernelHalf {
		return 0
	}
	return o.word(ctx, o.sampler.last[cpu].PerCPU+o.perTask)
}

// word reads eight bytes of the kernel's memory.
func (o *slow) word(ctx context.Context, addr uint64) uint64 {
	data, err := o.s.CPUs.Memory(ctx, 0, addr, 8)
	if err != nil || len(data) < 8 {
		return 0
	}
	return binary.LittleEndian.Uint64(data)
}

// taskSize is how much of a task is searched for its numbers and its name. The next task begins later.
const taskSize = 4 << 10

// taskAt names the task that the kernel keeps at an address. Where its members are depends on the kernel, so it is
// recognized by what it must hold: the numbers and the name of one of the tasks that were seen.
func (o *slow) taskAt(ctx context.Context, addr uint64) (comm string, pid int) {
	if addr < kernelHalf {
		return "", 0
	}
	data, err := o.s.CPUs.Memory(ctx, 0, addr, taskSize)
	if err != nil {
		return "", 0
	}
	step := hang.Task{TGID: o.watch.Step.PID, Comm: o.step.Argv[0]}
	return whoseTask(data, o.watch.Last(), step)
}

// whoseTask finds the task that has its numbers and its name in data; threads of the step may be new.
func whoseTask(data []byte, tasks []hang.Task, step hang.Task) (comm string, pid int) {
	const threads = 64 // with numbers soon after the first's
	if step.TGID > 0 {
		tasks = slices.Clone(tasks)
		for i := range threads {
			tasks = append(tasks, hang.Task{PID: step.TGID + i, TGID: step.TGID, Comm: step.Comm})
		}
	}
	for _, t := range tasks {
		numbers := binary.LittleEndian.AppendUint32(nil, uint32(t.PID))
		numbers = binary.LittleEndian.AppendUint32(numbers, uint32(t.TGID))
		if aligned(data, numbers) && named(data, t.Comm) {
			return t.Comm, t.PID
		}
	}
	return "", 0
}

// named reports whether data holds a task's name, as the task itself has it: 15 bytes, and of a worker without its
// queue.
func named(data []byte, comm string) bool {
	if strings.HasPrefix(comm, "kworker/") {
		comm, _, _ = strings.Cut(comm, "+")
		if place, queue, ok := strings.Cut(comm, "-"); ok && queue != "" {
			comm = place
		}
	}
	return bytes.Contains(data, append([]byte(comm[:min(len(comm), 15)]), 0))
}

// aligned reports whether data holds a word of eight bytes.
func aligned(data, word []byte) bool {
	for at := 0; at+8 <= len(data); at += 8 {
		if bytes.Equal(data[at:at+8], word) {
			return true
		}
	}
	return false
}

// spinning describes the tasks on the CPUs that make no progress.
func (o *slow) spinning(ctx context.Context) []result.Stuck {
	var stuck []result.Stuck
	for _, spin := range o.spins {
		t := result.Stuck{Comm: "a CPU", State: result.Running, Site: spin.Site} // which one, differs from run to run
		if comm, pid := o.taskAt(ctx, spin.Task); comm != "" {
			t.Comm, t.PID = comm, pid
			t.Step = t.Comm == o.step.Argv[0]
		}
		if spin.Timer {
			t.Wait, t.Note = hang.TimerLoop, hang.RestartsTimer
		}
		if spin.Called { // the innermost function is the kernel's own
			t.Stack = append(t.Stack, "(the kernel)")
			o.watch.Study.SpinsFor(&t)
		}
		t.Stack = append(t.Stack, spin.Site)
		stuck = append(stuck, t)
	}
	return stuck
}

// holder names the task that holds what another one waits for, if that is a variable of a module and the kernel notes
// who has it; "" if it is unknown.
func (o *slow) holder(ctx context.Context, t *result.Stuck) string {
	at, ok := ownerIn[strings.SplitN(t.Wait, "+", 2)[0]]
	if !ok || t.Object == "" || o.s.CPUs == nil {
		return ""
	}
	function, offset, module := hang.Place(t.Site)
	c := o.code(module)
	if c == nil {
		return ""
	}
	object := c.Object(function, offset)
	base := o.s.sectionAt(ctx, module, object.Section)
	if base == 0 {
		return ""
	}
	owner := o.word(ctx, base+object.Offset+at) &^ 7 // the lowest bits are flags
	comm, pid := o.taskAt(ctx, owner)
	switch {
	case comm == "":
		return ""
	case pid == t.PID:
		return result.Itself
	}
	return fmt.Sprintf("%s[%d]", comm, pid)
}

// sectionAt is where the kernel has a section of a module, 0 if that is unknown.
func (s *session) sectionAt(ctx context.Context, module, section string) uint64 {
	data, err := boot.ReadFile(ctx, s.Client, "/sys/module/"+module+"/sections/"+section, 64)
	if err != nil {
		return 0
	}
	addr, err := strconv.ParseUint(strings.TrimPrefix(strings.TrimSpace(string(data)), "0x"), 16, 64)
	if err != nil || addr < kernelHalf {
		return 0
	}
	return addr
}

// ownerIn is where a lock notes who holds it, by the function that waits for the lock.
var ownerIn = map[string]uint64{
	"mutex_lock": 0, "mutex_lock_interruptible": 0, "mutex_lock_killable": 0, "mutex_lock_io": 0,
	"down_write": 8, "down_write_killable": 8, "down_read": 8, "down_read_interruptible": 8, "down_read_killable": 8,
}
