// SPDX-License-Identifier: MIT

// Package tracer attaches the eBPF programs of tracer/bpf to the running kernel
// and copies their records out. It needs root (CAP_BPF, CAP_PERFMON and
// CAP_SYS_ADMIN for kprobes), Linux 5.17 or later and kernel BTF
// (/sys/kernel/btf/vmlinux). It decodes nothing: that is tracer/event's work,
// on whatever machine has the time.
package tracer

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"syscall"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/ringbuf"
	"golang.org/x/sys/unix"

	"github.com/kmodlab/kmodlab/tracer/bpf"
	"github.com/kmodlab/kmodlab/tracer/event"
)

// ErrNoBTF means that the kernel was built without BTF, so that no program can
// learn its structures.
var ErrNoBTF = errors.New("the kernel has no BTF (/sys/kernel/btf/vmlinux): use a kernel with CONFIG_DEBUG_INFO_BTF=y, as Debian's are")

// Options say how to trace. The zero value works.
type Options struct {
	// RingBytes is the size of the ring buffer of lives (threads, requests,
	// modules), a power of two and a multiple of the page size; 0 means 4 MiB.
	RingBytes int
	// BulkBytes is the size of the ring buffer of what comes in bulk (signals,
	// works, references to modules), likewise.
	BulkBytes int
	// SkipSignals are not recorded at all.
	SkipSignals []syscall.Signal
	// Filter keeps out what is not under study, in the kernel.
	Filter Filter
	// Stats makes the kernel measure the run time of each program, for
	// Hook.RunNS. It costs some 10 ns a call, and counts for all BPF programs of
	// the machine while the tracer is open.
	Stats bool
}

// Filter says what to record; what does not match is dropped in the kernel,
// before it takes room in a ring. The zero value drops nothing. Every field that
// is set must match. Names that nothing bears are no error: it may come later.
type Filter struct {
	Thread  string           // name (comm) of the kernel thread under study
	Module  string           // name of the module under study
	From    string           // who sends a signal: comm or pid
	To      string           // who gets it: comm or pid
	Signals []syscall.Signal // the signals to record; empty means all
}

// Tracer holds attached programs. Close detaches them.
type Tracer struct {
	maps   map[string]*ebpf.Map
	reader *ringbuf.Reader
	hooks  []*hook
}

// Start loads and attaches every program that this kernel takes. A program that
// it refuses costs that hook only, see Hooks; the error is non-nil only when
// nothing can be traced at all.
func Start(opts Options) (*Tracer, error) {
	if _, err := os.Stat("/sys/kernel/btf/vmlinux"); errors.Is(err, os.ErrNotExist) {
		return nil, ErrNoBTF
	}
	// Kernels before 5.11 charge BPF memory to this limit. Not by way of
	// cilium/ebpf/rlimit: it looks at /proc when the program starts, and PID 1
	// has not mounted that yet.
	unlimited := unix.Rlimit{Cur: unix.RLIM_INFINITY, Max: unix.RLIM_INFINITY}
	if err := unix.Setrlimit(unix.RLIMIT_MEMLOCK, &unlimited); err != nil {
		return nil, fmt.Errorf("raise the limit of locked memory (are you root?): %w", err)
	}
	spec, err := prepare(opts)
	if err != nil {
		return nil, err
	}
	t := &Tracer{maps: make(map[string]*ebpf.Map)}
	for name, m := range spec.Maps {
		if strings.HasPrefix(name, ".") {
			continue // .rodata differs per program after pruning
		}
		if t.maps[name], err = ebpf.NewMap(m); err != nil {
			t.Close()
			return nil, fmt.Errorf("create BPF map %s: %w", name, err)
		}
	}
	if t.reader, err = ringbuf.NewReader(t.maps["ring"]); err != nil {
		t.Close()
		return nil, fmt.Errorf("open ring buffer: %w", err)
	}
	t.attachAll(spec)
	return t, nil
}

// prepare reads the embedded object and sets its constants.
func prepare(opts Options) (*ebpf.CollectionSpec, error) {
	spec, err := bpf.LoadTrace()
	if err != nil {
		return nil, fmt.Errorf("read embedded programs: %w", err)
	}
	spec.Maps["ring"].MaxEntries = 4 << 20
	if opts.RingBytes != 0 {
		spec.Maps["ring"].MaxEntries = uint32(opts.RingBytes)
	}
	var mask uint64
	for _, s := range opts.SkipSignals {
		mask |= 1 << (uint(s) - 1)
	}
	if err := spec.Variables["skip_signals"].Set(mask); err != nil {
		return nil, fmt.Errorf("set skip_signals: %w", err)
	}
	for i, name := range programNames(spec) {
		if err := spec.Variables["hook_"+name].Set(uint32(i)); err != nil {
			return nil, fmt.Errorf("number hook %s: %w", name, err)
		}
	}
	return spec, nil
}

// Copy writes each record, framed by event.Frame, to w until Stop is called and
// the ring is empty. It ends with event.EndFrame. One caller at a time.
func (t *Tracer) Copy(w io.Writer) error {
	var rec ringbuf.Record
	var frame []byte
	for {
		err := t.reader.ReadInto(&rec)
		switch {
		case errors.Is(err, ringbuf.ErrFlushed), errors.Is(err, ringbuf.ErrClosed):
			_, err := w.Write(event.EndFrame())
			return err
		case err != nil:
			return fmt.Errorf("read ring buffer: %w", err)
		}
		frame = event.AppendFrame(frame[:0], rec.RawSample)
		if _, err := w.Write(frame); err != nil {
			return fmt.Errorf("copy record: %w", err)
		}
	}
}

// Stop makes Copy return once everything recorded so far has been written. The
// programs stay attached: detaching waits for RCU, which a guest that is about
// to power off can save.
func (t *Tracer) Stop() error { return t.reader.Flush() }

// Mark begins the time that counts: Hook.Fired then starts at 0, and calls
// before it are in Hook.FiredBefore. It returns CLOCK_MONOTONIC in nanoseconds;
// records with an earlier Time came before the mark.
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
	}
	return uint64(now.Nano()), nil
}

// Lost gives the number of records that found no room in the ring, by kind.
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

// Close detaches everything and frees the maps, in the reverse order. Each
// detaching waits for RCU, together some seconds.
func (t *Tracer) Close() error {
	var errs []error
	for _, h := range slices.Backward(t.hooks) {
		errs = append(errs, h.close())
	}
	if t.reader != nil {
		errs = append(errs, t.reader.Close())
	}
	for _, m := range t.maps {
		errs = append(errs, m.Close())
	}
	return errors.Join(errs...)
}
