// SPDX-License-Identifier: MIT

package tracer

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/kmodlab/kmodlab/tracer/event"
	"github.com/kmodlab/kmodlab/tracer/programs"
)

// FollowForks makes the tracer follow what a thread forks from now on, from the first moment of each child, and what
// these processes fork and what threads they start. Their system calls on files of modules are recorded, as are their
// ends and the programs that they execute. It needs Options.Calls. The calling goroutine should be locked to the thread
// if it is its own, as exec.Cmd.Start forks on the thread that calls it.
func (t *Tracer) FollowForks(tid int) error {
	if !t.calls {
		return errors.New("follow forks: the tracer was started without Calls")
	}
	if err := t.maps["parents"].Update(uint32(tid), uint32(1), ebpf.UpdateAny); err != nil {
		return fmt.Errorf("follow forks of thread %d: %w", tid, err)
	}
	return nil
}

// UnfollowForks undoes FollowForks: later children are not followed. Those that were born before still are.
func (t *Tracer) UnfollowForks(tid int) error {
	err := t.maps["parents"].Delete(uint32(tid))
	if err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
		return fmt.Errorf("stop following forks of thread %d: %w", tid, err)
	}
	return nil
}

// shape is struct shape of calls.h.
type shape struct {
	Op, File uint8
	_        [2]uint8
}

// compatShapes is COMPAT_SHAPES of calls.h.
const compatShapes = 512

// teachCalls tells the programs which system calls matter and where their files are.
func (t *Tracer) teachCalls() error {
	for _, s := range event.Syscalls() {
		for i, number := range []int{s.Number, s.Compat} {
			if number < 0 || number >= compatShapes {
				continue
			}
			at := uint32(i*compatShapes + number)
			if err := t.maps["shapes"].Update(at, shape{Op: uint8(s.Op), File: s.File}, ebpf.UpdateAny); err != nil {
				return fmt.Errorf("set what %s does: %w", s.Name, err)
			}
		}
	}
	return nil
}

// callMaps are the maps that need room only if system calls are recorded.
var callMaps = []string{"parents", "following", "module_pages", "files_met", "threads_woken"}

// shrinkCallMaps makes them as small as the kernel allows.
func shrinkCallMaps(set *programs.Set) {
	for _, name := range callMaps {
		set.MapNamed(name).MaxEntries = 1
	}
}

// metKey is struct met_key of calls.h.
type metKey struct{ Inode, FOp, TGID uint64 }

// met is struct met of calls.h.
type met struct {
	Ino         uint64
	Calls, Last [opsRoom]uint32
}

// opsRoom is OPS_ROOM of calls.h.
const opsRoom = 32

// followed is struct followed of follow.h.
type followed struct {
	Task, Began, Inode, FOp, File, Dentry, Mnt, Closing uint64
	Args                                                [6]uint64
	Number                                              uint64
	NR, Op                                              uint32
	FD                                                  int32
	Told, Kept, PID, TGID, Nested, Within, _            uint32
	Module, Ops                                         uint64 // of struct owner
	Kind, _                                             uint32
	Stranger                                            [3]uint64
}

// sweep has the programs record the calls that followed tasks are in and that have no record yet: calls that may never
// return.
func (t *Tracer) sweep() error {
	if !t.calls {
		return nil
	}
	var pid uint32
	var f followed
	tasks := t.maps["following"].Iterate()
	for tasks.Next(&pid, &f) {
		if f.Op == 0 || f.Told != 0 {
			continue
		}
		if err := t.setTo(sweepTask, pid); err != nil {
			return fmt.Errorf("record the call that task %d is in: %w", pid, err)
		}
		unix.Getppid() // any call
	}
	if err := errors.Join(tasks.Err(), t.setTo(sweepTask, 0)); err != nil {
		return fmt.Errorf("record the calls that tasks are in: %w", err)
	}
	return nil
}

// leftovers are frames for what the programs counted without a record.
func (t *Tracer) leftovers() ([]byte, error) {
	if !t.calls {
		return nil, nil
	}
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return nil, fmt.Errorf("read the monotonic clock: %w", err)
	}
	var frames []byte
	var key metKey
	var m met
	files := t.maps["files_met"].Iterate()
	for files.Next(&key, &m) {
		frames = append(frames, countFrames(uint64(now.Nano()), &key, &m)...)
	}
	if err := files.Err(); err != nil {
		return nil, fmt.Errorf("read what was counted of system calls: %w", err)
	}
	var who wokenKey
	var w woken
	threads := t.maps["threads_woken"].Iterate()
	for threads.Next(&who, &w) {
		frames = append(frames, wakeFrame(uint64(now.Nano()), &who, &w)...)
	}
	if err := threads.Err(); err != nil {
		return nil, fmt.Errorf("read what was counted of wake-ups: %w", err)
	}
	return frames, nil
}

// countFrames has a record for each kind of call that went on after its last record.
func countFrames(now uint64, key *metKey, m *met) []byte {
	var frames []byte
	for op := range m.Calls {
		if m.Calls[op] <= m.Last[op] {
			continue
		}
		b := make([]byte, event.HeaderLen)
		le := binary.LittleEndian
		le.PutUint64(b, now)
		le.PutUint16(b[8:], uint16(event.CallCounted))
		le.PutUint32(b[20:], uint32(op))
		le.PutUint32(b[24:], uint32(key.TGID))
		le.PutUint32(b[28:], uint32(key.TGID))
		le.PutUint64(b[72:], key.Inode)
		le.PutUint64(b[96:], key.FOp)
		le.PutUint64(b[104:], uint64(m.Calls[op]))
		frames = event.AppendFrame(frames, b)
	}
	return frames
}
