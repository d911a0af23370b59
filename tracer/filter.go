// SPDX-License-Identifier: MIT

package tracer

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/bits"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/cilium/ebpf"
)

// Filter says what to record; whatever does not match is dropped in the kernel, before it takes room in a ring. The
// zero value drops nothing; a record must match each field that applies to its kind. A name that nothing has yet is no
// error: it may appear later.
//
// The few records that cannot be judged yet pass: the request for a thread (which has no name yet), pick-up, fork and
// first run, helpers once they are forked, and modules.
type Filter struct {
	// Thread is the name (comm) of the kernel thread under study: its life, its requests, the signals that it sends or
	// gets, its work items.
	Thread string
	// Module is the name of the module under study: threads and work items whose function is in its code, requests and
	// signals from its code or its threads, signals to its threads, references to it.
	Module string
	// From and To apply to signals only: who sends and who gets them, a comm or a pid.
	From, To string
	// Signals are those to record; empty means all.
	Signals []syscall.Signal
}

const (
	byPID  = 1 // BY_PID in filter.h
	byComm = 2 // BY_COMM
)

// variables returns the constants of filter.h that differ from zero.
func (f Filter) variables(skip []syscall.Signal) map[string]any {
	vars := map[string]any{"skip_signals": signalMask(skip) | f.unwanted()}
	if f.Thread != "" {
		vars["by_thread"], vars["want_thread"] = uint32(1), comm(f.Thread)
	}
	if f.Module != "" {
		vars["by_module"] = uint32(1)
	}
	for name, value := range map[string]string{"from": f.From, "to": f.To} {
		if value == "" {
			continue
		}
		if pid, err := strconv.ParseUint(value, 10, 32); err == nil {
			vars["by_"+name], vars[name+"_pid"] = uint32(byPID), uint32(pid)
		} else {
			vars["by_"+name], vars["want_"+name] = uint32(byComm), comm(value)
		}
	}
	return vars
}

func (f Filter) unwanted() uint64 {
	if len(f.Signals) == 0 {
		return 0
	}
	return ^signalMask(f.Signals)
}

// signalMask has bit n-1 set for signal n, like the kernel's sigset_t.
func signalMask(signals []syscall.Signal) uint64 {
	var mask uint64
	for _, s := range signals {
		if s >= 1 && s <= 64 {
			mask |= bits.RotateLeft64(1, int(s)-1)
		}
	}
	return mask
}

// comm is a task's name as the programs compare it: the part that the kernel keeps.
func comm(name string) [2]uint64 {
	var b [16]byte
	copy(b[:15], name)
	return [2]uint64{binary.LittleEndian.Uint64(b[:]), binary.LittleEndian.Uint64(b[8:])}
}

// studiedModule is struct studied_module of filter.h.
type studiedModule struct {
	Name   [56]byte
	Module uint64
	Text   [2]uint64
	Init   [2]uint64
}

// study tells the programs about the module under study. If it is already loaded, /proc/modules says where; its text is
// at the beginning of that range.
func (f Filter) study(m *ebpf.Map) error {
	if f.Module == "" {
		return nil
	}
	entry := studiedModule{}
	copy(entry.Name[:55], moduleName(f.Module))
	modules, err := os.Open("/proc/modules")
	if err == nil {
		entry.Text, err = loadedAt(modules, moduleName(f.Module))
		modules.Close()
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("find module %s: %w", f.Module, err)
	}
	if err := m.Update(uint32(0), entry, ebpf.UpdateAny); err != nil {
		return fmt.Errorf("set module filter: %w", err)
	}
	return nil
}

// moduleName is the name as the kernel spells it.
func moduleName(name string) string { return strings.ReplaceAll(name, "-", "_") }

// loadedAt finds a module in /proc/modules: name, size, references, users, state, address. The size covers all its
// memory, so the range may extend past the text; no other code is there.
func loadedAt(modules io.Reader, name string) ([2]uint64, error) {
	lines := bufio.NewScanner(modules)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 6 || fields[0] != name {
			continue
		}
		size, err := strconv.ParseUint(fields[1], 10, 64)
		if err != nil {
			return [2]uint64{}, fmt.Errorf("read /proc/modules: size of %s: %w", name, err)
		}
		base, err := strconv.ParseUint(strings.TrimPrefix(fields[5], "0x"), 16, 64)
		if err != nil {
			return [2]uint64{}, fmt.Errorf("read /proc/modules: address of %s: %w", name, err)
		}
		return [2]uint64{base, base + size}, nil
	}
	return [2]uint64{}, lines.Err()
}
