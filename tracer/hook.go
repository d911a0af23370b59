// SPDX-License-Identifier: MIT

package tracer

import (
	"errors"
	"fmt"
	"sort"
	"strings"
	"sync"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/link"

	"github.com/kmodlab/kmodlab/tracer/event"
)

// Hook reports on one place where the tracer listens.
type Hook struct {
	Name     string // the logical place, e.g. thread_requested
	Target   string // the function or tracepoint, e.g. __kthread_create_on_node
	Kind     string // tp_btf, fentry, fexit, kprobe or kretprobe
	Attached bool
	// Fired counts calls since Mark, before any filter; FiredBefore counts those
	// before Mark. Without a Mark, all calls are in Fired.
	Fired       uint64
	FiredBefore uint64
	// Proved says that the hook was seen to fire in a test that must make it
	// fire. The tracer leaves it to whoever makes that test.
	Proved   bool
	Fallback string // why the first choice of program was not used; "" when it was
	// Runs and RunNS are the kernel's own statistics of the program: executions
	// and the time spent in them, in nanoseconds. 0 without Options.Stats.
	Runs  uint64
	RunNS uint64
	Note  string       // why it is not attached
	Kinds []event.Kind // the kinds of record that it writes
}

// hook is a program and its attachment.
type hook struct {
	Hook
	index  uint32
	before uint64 // calls before the mark
	prog   *ebpf.Program
	link   link.Link
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

// programNames gives the programs in the order of their hook numbers.
func programNames(spec *ebpf.CollectionSpec) []string {
	names := make([]string, 0, len(spec.Programs))
	for name := range spec.Programs {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// attachAll loads the programs by themselves, so that the verifier's refusal of
// one spares the others. Two at a time: verifying is the costly part, and a lab
// machine has few processors.
func (t *Tracer) attachAll(spec *ebpf.CollectionSpec) {
	cache := btf.NewCache()
	names := programNames(spec)
	t.hooks = make([]*hook, len(names))
	var wg sync.WaitGroup
	next := make(chan int)
	for range 2 {
		wg.Go(func() {
			for i := range next {
				t.hooks[i] = t.attach(spec, cache, names[i], uint32(i))
			}
		})
	}
	for i := range names {
		next <- i
	}
	close(next)
	wg.Wait()
}

func (t *Tracer) attach(spec *ebpf.CollectionSpec, cache *btf.Cache, name string, index uint32) *hook {
	p := spec.Programs[name]
	kind, _, _ := strings.Cut(p.SectionName, "/")
	h := &hook{index: index, Hook: Hook{Name: name, Target: p.AttachTo, Kind: kind}}
	if err := h.load(t, spec, cache, name); err != nil {
		h.Note = firstLine(err)
		return h
	}
	if err := h.attach(); err != nil {
		h.Note = firstLine(err)
		return h
	}
	h.Attached = true
	return h
}

// load verifies one program against the maps that all share.
func (h *hook) load(t *Tracer, spec *ebpf.CollectionSpec, cache *btf.Cache, name string) error {
	one := &ebpf.CollectionSpec{
		Maps:      spec.Maps,
		Programs:  map[string]*ebpf.ProgramSpec{name: spec.Programs[name]},
		Variables: spec.Variables,
		Types:     spec.Types,
		ByteOrder: spec.ByteOrder,
	}
	coll, err := ebpf.NewCollectionWithOptions(one, ebpf.CollectionOptions{
		MapReplacements: t.maps,
		Cache:           cache,
	})
	if err != nil {
		return fmt.Errorf("load %s: %w", name, err)
	}
	defer coll.Close()
	h.prog = coll.DetachProgram(name)
	return nil
}

func (h *hook) attach() (err error) {
	switch h.Kind {
	case "kprobe":
		h.link, err = link.Kprobe(h.Target, h.prog, nil)
	case "kretprobe":
		h.link, err = link.Kretprobe(h.Target, h.prog, nil)
	default:
		h.link, err = link.AttachTracing(link.TracingOptions{Program: h.prog})
	}
	if err != nil {
		return fmt.Errorf("attach %s to %s: %w", h.Kind, h.Target, err)
	}
	return nil
}

// Hooks reports on every hook, with the calls counted so far.
func (t *Tracer) Hooks() ([]Hook, error) {
	hooks := make([]Hook, 0, len(t.hooks))
	for _, h := range t.hooks {
		report := h.Hook
		if h.Attached {
			n, err := t.counter("fired", h.index)
			if err != nil {
				return nil, err
			}
			report.Fired, report.FiredBefore = n-h.before, h.before
		}
		hooks = append(hooks, report)
	}
	return hooks, nil
}

// firstLine keeps an error to one line: a verifier log can have thousands.
func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}
