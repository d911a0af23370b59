// SPDX-License-Identifier: MIT

// Package tracer attaches the eBPF programs of tracer/bpf to the running kernel and copies their records out. It needs
// root (CAP_BPF, CAP_PERFMON and CAP_SYS_ADMIN for kprobes), Linux 5.10 or later and kernel BTF
// (/sys/kernel/btf/vmlinux). It decodes nothing: that is for tracer/event, on a machine that has the time.
package tracer

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"syscall"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/ringbuf"
	"golang.org/x/sys/unix"

	"github.com/kmodlab/kmodlab/tracer/bpf"
	"github.com/kmodlab/kmodlab/tracer/event"
	"github.com/kmodlab/kmodlab/tracer/programs"
)

// Sizes of the rings. A signal that changes nothing takes 280 bytes, 200,000 of them 54 MiB, most of which the reader
// removes as they arrive.
const (
	lifeBytes = 4 << 20
	bulkBytes = 16 << 20
)

// Options say how to trace. The zero value works.
type Options struct {
	// RingBytes is the size of the ring buffer for lives (threads, requests, modules), a power of two and a multiple of
	// the page size; 0 means 4 MiB.
	RingBytes int
	// BulkBytes is the size of the ring buffer for bulk records (signals, work items, references to modules), likewise;
	// 0 means 16 MiB.
	BulkBytes int
	// SkipSignals are not recorded at all.
	SkipSignals []syscall.Signal
	// Filter keeps out what is not under study, in the kernel.
	Filter Filter
	// Calls attaches the hooks that record what followed processes do, see FollowForks. Every system call of the
	// machine then costs a little more.
	Calls bool
	// Steady prefers kprobes and classic tracepoints, which run with preemption off, even on a kernel that does not
	// preempt its own code. On a kernel that does, they always come first.
	Steady bool
	// Programs are what Tracer.Programs returned on the same kernel earlier: our programs with that kernel's offsets.
	// If they are missing, or belong to another kernel or another version of kmodlab, they are made again, which takes
	// reading the kernel's types.
	Programs []byte
	// Stats makes the kernel measure the run time of each program, for Hook.RunNS. It costs some 10 ns per call, and
	// applies to all BPF programs of the machine while the tracer is open.
	Stats bool
}

// Tracer holds attached programs. Close detaches them.
type Tracer struct {
	maps       map[string]*ebpf.Map
	life, bulk *ringbuf.Reader
	hooks      []*hook
	made       []byte    // see Programs
	calls      bool      // see Options.Calls
	stats      io.Closer // not nil while the kernel measures run times
}

// Start loads and attaches every hook that this kernel accepts. A refusal costs only that hook, see Hooks. The error is
// non-nil if nothing can be traced at all; it then wraps ErrNoBTF, ErrNotPermitted or ErrTooOld if one of them is the
// reason.
func Start(opts Options) (*Tracer, error) {
	if _, err := os.Stat(vmlinuxBTF); errors.Is(err, os.ErrNotExist) {
		return nil, ErrNoBTF
	}
	if lockdown, _ := os.ReadFile(lockdownFile); lockedDown(string(lockdown)) {
		return nil, explain(unix.EPERM)
	}
	// Kernels before 5.11 charge BPF memory to this limit. cilium/ebpf/rlimit is no option: it reads /proc when the
	// program starts, and PID 1 has not mounted that yet.
	unlimited := unix.Rlimit{Cur: unix.RLIM_INFINITY, Max: unix.RLIM_INFINITY}
	if err := unix.Setrlimit(unix.RLIMIT_MEMLOCK, &unlimited); err != nil {
		return nil, explain(fmt.Errorf("raise the limit of locked memory: %w", err))
	}
	set, made, err := takePrograms(opts.Programs)
	if err != nil {
		return nil, explain(err)
	}
	t := &Tracer{maps: make(map[string]*ebpf.Map), made: made, calls: opts.Calls}
	if err := t.start(set, opts); err != nil {
		t.Close()
		return nil, explain(err)
	}
	return t, nil
}

func (t *Tracer) start(set *programs.Set, opts Options) error {
	if err := prepare(set, opts); err != nil {
		return err
	}
	if err := t.makeMaps(set); err != nil {
		return err
	}
	if err := opts.Filter.study(t.maps["studied"]); err != nil {
		return err
	}
	if opts.Calls {
		if err := t.teachCalls(); err != nil {
			return err
		}
	}
	var err error
	if t.life, err = ringbuf.NewReader(t.maps["life"]); err != nil {
		return fmt.Errorf("open ring buffer: %w", err)
	}
	if t.bulk, err = ringbuf.NewReader(t.maps["bulk"]); err != nil {
		return fmt.Errorf("open ring buffer: %w", err)
	}
	if opts.Stats {
		if t.stats, err = ebpf.EnableStats(unix.BPF_STATS_RUN_TIME); err != nil {
			return fmt.Errorf("measure run times: %w", err)
		}
	}
	t.attachAll(set, opts.Steady || preemptible())
	if i := slices.IndexFunc(t.hooks, func(h *hook) bool { return h.Name == "signal_generated" }); !t.hooks[i].Attached {
		if err := t.set(sendsAlone); err != nil {
			return fmt.Errorf("record signals without their result: %w", err)
		}
	}
	if !slices.ContainsFunc(t.hooks, func(h *hook) bool { return h.Attached }) {
		return fmt.Errorf("attach any hook: %w", t.hooks[0].err)
	}
	return nil
}

// version names the running kernel, in words that no two builds share.
const version = "/proc/version"

// takePrograms returns the programs for the running kernel, and as bytes if they had to be made.
func takePrograms(given []byte) (set *programs.Set, made []byte, err error) {
	kernel, err := os.ReadFile(version)
	if err != nil {
		return nil, nil, fmt.Errorf("read the kernel's version: %w", err)
	}
	if set, err := programs.Decode(given); err == nil && set.Kernel == string(kernel) && set.Object == bpf.Sum() {
		return set, nil, nil
	}
	types, err := btf.LoadSpec(vmlinuxBTF)
	if err != nil {
		return nil, nil, fmt.Errorf("read the kernel's types: %w", err)
	}
	if set, err = programs.Make(types, string(kernel)); err != nil {
		return nil, nil, err
	}
	return set, set.Encode(), nil
}

// Programs are the programs that had to be made for this kernel, to be kept for Options.Programs; nil if the given ones
// could be used.
func (t *Tracer) Programs() []byte { return t.made }

// makeMaps creates all maps, the constants among them, once for all programs.
func (t *Tracer) makeMaps(set *programs.Set) error {
	for _, m := range set.Maps {
		spec := &ebpf.MapSpec{
			Name: m.Name, Type: ebpf.MapType(m.Type), KeySize: m.KeySize, ValueSize: m.ValueSize, MaxEntries: m.MaxEntries,
			Flags: m.Flags,
		}
		if m.Contents != nil {
			spec.Contents = []ebpf.MapKV{{Key: uint32(0), Value: m.Contents}}
		}
		made, err := ebpf.NewMap(spec)
		if err != nil {
			return fmt.Errorf("create BPF map %s: %w", m.Name, err)
		}
		t.maps[m.Name] = made
	}
	return nil
}

// prepare sets sizes and constants.
func prepare(set *programs.Set, opts Options) error {
	set.MapNamed("life").MaxEntries = cmp.Or(uint32(opts.RingBytes), lifeBytes)
	set.MapNamed("bulk").MaxEntries = cmp.Or(uint32(opts.BulkBytes), bulkBytes)
	vars := opts.Filter.variables(opts.SkipSignals)
	vars["tracer_tgid"] = uint32(os.Getpid())
	if opts.Calls {
		vars["follow_calls"] = uint32(1)
	} else {
		shrinkCallMaps(set)
	}
	for i, p := range places {
		vars["hook_"+p.name] = uint32(i)
	}
	for name, value := range vars {
		if err := set.SetVariable(name, value); err != nil {
			return err
		}
	}
	return nil
}

// Stop ends the recording and makes Copy return once everything recorded so far has been written. The programs stay
// attached: detaching waits for RCU, and a guest that is about to power off need not.
func (t *Tracer) Stop() error {
	if err := t.sweep(); err != nil {
		return err
	}
	if err := t.set(stopped); err != nil {
		return fmt.Errorf("stop recording: %w", err)
	}
	return errors.Join(t.life.Flush(), t.bulk.Flush())
}

// Keys of the control map: enum control in emit.h.
const (
	stopped    uint32 = 0
	sendsAlone uint32 = 1
	sweepTask  uint32 = 2
)

func (t *Tracer) set(control uint32) error { return t.setTo(control, 1) }

func (t *Tracer) setTo(control, value uint32) error {
	return t.maps["control"].Update(control, value, ebpf.UpdateAny)
}

// Mark begins the time that counts: Hook.Fired then starts at 0, and earlier calls are in Hook.FiredBefore. It returns
// CLOCK_MONOTONIC in nanoseconds; records with an earlier Time came before the mark.
func (t *Tracer) Mark() (uint64, error) {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return 0, fmt.Errorf("read the monotonic clock: %w", err)
	}
	for _, h := range t.hooks {
		n, err := t.counter("fired", h.index)
		if err != nil {
			return 0, err
		}
		h.before = n
		if !h.Attached {
			continue
		}
		missed, err := h.missedCalls()
		if err != nil {
			return 0, err
		}
		h.missed += missed
	}
	return uint64(now.Nano()), nil
}

// Lost returns by kind the number of records that found no room in their ring, and of calls since Mark for which the
// kernel did not run a program (Hook.Missed).
func (t *Tracer) Lost() (map[event.Kind]uint64, error) {
	lost := make(map[event.Kind]uint64)
	for k := range event.Kinds() {
		n, err := t.counter("lost", uint32(k))
		if err != nil {
			return nil, err
		}
		if n > 0 {
			lost[k] = n
		}
	}
	for _, h := range t.hooks {
		if !h.Attached || h.place.sifts {
			continue
		}
		missed, err := h.missedCalls()
		if err != nil {
			return nil, err
		}
		if missed > 0 {
			lost[h.Kinds[0]] += missed
		}
	}
	return lost, nil
}

// counter sums one entry of a per-CPU array.
func (t *Tracer) counter(name string, index uint32) (uint64, error) {
	var perCPU []uint64
	if err := t.maps[name].Lookup(index, &perCPU); err != nil {
		return 0, fmt.Errorf("read counter %s[%d]: %w", name, index, err)
	}
	var sum uint64
	for _, n := range perCPU {
		sum += n
	}
	return sum, nil
}

// Close detaches everything and frees the maps, in the reverse order. Each detaching waits for RCU, some seconds in
// total.
func (t *Tracer) Close() error {
	var errs []error
	for _, h := range slices.Backward(t.hooks) {
		errs = append(errs, h.close())
	}
	for _, r := range []*ringbuf.Reader{t.life, t.bulk} {
		if r != nil {
			errs = append(errs, r.Close())
		}
	}
	if t.stats != nil {
		errs = append(errs, t.stats.Close())
	}
	for _, m := range t.maps {
		errs = append(errs, m.Close())
	}
	return errors.Join(errs...)
}
