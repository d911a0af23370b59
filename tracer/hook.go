// SPDX-License-Identifier: MIT

package tracer

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/kmodlab/kmodlab/tracer/event"
	"github.com/kmodlab/kmodlab/tracer/programs"
)

// Hook reports on one place where the tracer listens.
type Hook struct {
	Name     string // the logical place, e.g. thread_requested
	Target   string // the function or tracepoint, e.g. __kthread_create_on_node
	Kind     string // tp_btf, fentry, fexit, kprobe, kretprobe or tracepoint
	Attached bool
	// Fired counts calls since Mark, before any filter; FiredBefore counts those before Mark. Without a Mark, all calls
	// are in Fired.
	Fired       uint64
	FiredBefore uint64
	// Proved says that the hook was seen to fire in a test that must make it fire. Whoever runs that test sets it, not
	// the tracer.
	Proved bool
	// Missed counts calls since Mark for which the kernel did not run the program, because it was already running on
	// that CPU or a kretprobe had no room. What they would have recorded is lost, although a filter might have dropped
	// it.
	Missed   uint64
	Fallback string // why the first choice of program was not used; "" if it was
	// Runs and RunNS are the kernel's own statistics of the program: executions, and the time spent in them in
	// nanoseconds. 0 without Options.Stats.
	Runs  uint64
	RunNS uint64
	Note  string       // why it is not attached
	Kinds []event.Kind // the kinds of record that it writes
}

// hook is a place with the program that was chosen, and its attachment.
type hook struct {
	Hook
	place  place
	index  uint32
	before uint64 // calls before the mark
	missed uint64 // and how many of those were missed
	prog   *ebpf.Program
	link   link.Link
	err    error // of the variant that was tried last
	remark string
}

func (h *hook) close() error {
	var errs []error
	if h.link != nil {
		errs = append(errs, h.link.Close())
	}
	if h.prog != nil {
		errs = append(errs, h.prog.Close())
	}
	return errors.Join(errs...)
}

// loader holds what is shared by loading one program after the other.
type loader struct {
	set    *programs.Set
	fds    []int // of the maps, in the set's order
	steady bool  // try programs that cannot be preempted first
}

// attachAll loads each program on its own, so that the verifier's refusal of one does not affect the others. Two at a
// time: verification is the expensive part, and a lab machine has few processors.
func (t *Tracer) attachAll(set *programs.Set, steady bool) {
	l := &loader{set: set, steady: steady}
	wanted := func(p place) bool { return !p.calls || t.calls }
	for _, m := range set.Maps {
		l.fds = append(l.fds, t.maps[m.Name].FD())
	}
	hooks := make([]*hook, len(places))
	var wg sync.WaitGroup
	next := make(chan int)
	for range 2 {
		wg.Go(func() {
			for i := range next {
				hooks[i] = l.attach(places[i], uint32(i))
			}
		})
	}
	for i, p := range places {
		if !p.last && wanted(p) {
			next <- i
		}
	}
	close(next)
	wg.Wait()
	for i, p := range places {
		if p.last && wanted(p) {
			hooks[i] = l.attach(p, uint32(i))
		}
	}
	t.hooks = slices.DeleteFunc(hooks, func(h *hook) bool { return h == nil })
}

func (l *loader) attach(p place, index uint32) *hook {
	h := &hook{place: p, index: index, Hook: Hook{Name: p.name, Kinds: slices.Clone(p.kinds)}}
	variants := p.variants
	if l.steady {
		variants = p.steadyFirst(func(name string) string { return l.set.Find(name).Kind })
	}
	used, fallback, note := choose(variants, func(name string) error {
		if err := l.try(h, l.set.Find(name)); err != nil {
			h.close()
			h.prog, h.link, h.err = nil, nil, err
			return err
		}
		return nil
	})
	program := l.set.Find(used)
	h.Target, h.Kind = targetOf(program), program.Kind
	h.Fallback, h.Note, h.Attached = cmp.Or(fallback, h.remark), note, note == ""
	return h
}

// targetOf is the function or tracepoint, without a tracepoint's group.
func targetOf(p *programs.Program) string {
	return p.Target[strings.LastIndexByte(p.Target, '/')+1:]
}

// try loads a program and attaches it.
func (l *loader) try(h *hook, p *programs.Program) error {
	if p.Refused != "" {
		return errors.New(p.Refused)
	}
	code, err := p.Bind(l.fds)
	if err != nil {
		return err
	}
	if h.prog, err = loadProgram(p, code); err != nil {
		return fmt.Errorf("load %s: %w", p.Name, err)
	}
	switch p.Kind {
	case "kprobe":
		h.link, err = link.Kprobe(p.Target, h.prog, nil)
	case "kretprobe":
		h.link, h.remark, err = attachKretprobe(p.Target, h.prog)
	case "tracepoint":
		group, name, _ := strings.Cut(p.Target, "/")
		if h.link, err = link.Tracepoint(group, name, h.prog, nil); err != nil {
			err = withTracefsHint(err)
		}
	default:
		h.link, err = link.AttachTracing(link.TracingOptions{Program: h.prog})
	}
	if err != nil {
		return fmt.Errorf("attach %s to %s: %w", p.Kind, p.Target, err)
	}
	return nil
}

// maxReturns is how many concurrent calls a kretprobe follows. The kernel's own choice is 10 on a small machine, and up
// to 50 tasks wait in request_module.
const maxReturns = 1024

// attachKretprobe asks for room for maxReturns calls, which takes tracefs, and accepts the kernel's choice if that is
// not mounted; remark says so.
func attachKretprobe(target string, prog *ebpf.Program) (l link.Link, remark string, err error) {
	l, err = link.Kretprobe(target, prog, &link.KprobeOptions{RetprobeMaxActive: maxReturns})
	if err == nil {
		return l, "", nil
	}
	plain, plainErr := link.Kretprobe(target, prog, nil)
	if errors.Is(plainErr, os.ErrNotExist) {
		return nil, "", fmt.Errorf("this kernel has no function %s", target)
	}
	if plainErr != nil {
		return nil, "", plainErr
	}
	return plain, "it follows only a few calls at once: " + firstLine(withTracefsHint(err)), nil
}

// withTracefsHint says what to do if tracefs is missing.
func withTracefsHint(err error) error {
	for _, dir := range []string{"/sys/kernel/tracing", "/sys/kernel/debug/tracing"} {
		var fs unix.Statfs_t
		if unix.Statfs(dir, &fs) == nil && fs.Type == unix.TRACEFS_MAGIC {
			return err
		}
	}
	return fmt.Errorf("tracefs is not mounted, type: mount -t tracefs tracefs /sys/kernel/tracing (%w)", err)
}

// Hooks reports on every hook, with the calls counted so far.
func (t *Tracer) Hooks() ([]Hook, error) {
	hooks := make([]Hook, 0, len(t.hooks))
	for _, h := range t.hooks {
		report := h.Hook
		if h.Attached {
			if err := t.measure(h, &report); err != nil {
				return nil, err
			}
		}
		hooks = append(hooks, report)
	}
	return hooks, nil
}

// missedCalls counts since the mark: calls that found the program already running on their CPU (counted since 5.12, for
// kprobes since 6.7), and those for which a kretprobe had no room (since 6.7).
func (h *hook) missedCalls() (uint64, error) {
	stats, err := h.prog.Stats()
	if err != nil {
		return 0, fmt.Errorf("read statistics of %s: %w", h.Name, err)
	}
	missed := stats.RecursionMisses
	if info, err := h.link.Info(); err == nil { // not before 6.6
		if event := info.PerfEvent(); event != nil {
			if probe := event.Kprobe(); probe != nil {
				missed += probe.Missed
			}
		}
	}
	return missed - h.missed, nil
}

func (t *Tracer) measure(h *hook, report *Hook) error {
	n, err := t.counter("fired", h.index)
	if err != nil {
		return err
	}
	report.Fired, report.FiredBefore = n-h.before, h.before
	if report.Missed, err = h.missedCalls(); err != nil || t.stats == nil {
		return err
	}
	stats, err := h.prog.Stats()
	if err != nil {
		return fmt.Errorf("read run time of %s: %w", h.Name, err)
	}
	report.Runs, report.RunNS = stats.RunCount, uint64(stats.Runtime)
	return nil
}
