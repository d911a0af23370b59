// SPDX-License-Identifier: MIT

package kmodlab

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kmodlab/kmodlab/internal/oops"
	"github.com/kmodlab/kmodlab/result"
	"github.com/kmodlab/kmodlab/tracer/event"
)

// conclude makes the result of what was gathered, however far the run came.
func (r *run) conclude() {
	r.recordInputs()
	defer r.recordUsed()
	res := r.res
	if r.lab != nil {
		r.trace.readCached(r.symbolsFile(), &r.kept().symbols) // who did not get to its end did not ask for it
		r.trace.fill(res, uint32(r.lab.hello.PID), r.studied(), r.readModule, r.spec.Record != nil)
		r.placeCode()
	}
	l := r.locator()
	defer func() { r.sourcesShown = l.sources.shown }()
	defer l.sources.close()
	res.Crashes = r.crashReports(res.Console, l)
	l.locateAll(res)
	if err := r.trace.err; err != nil && r.in.Finished {
		// The guest said that all is well, and its records do not bear it out.
		message := err.Error()
		if errors.Is(err, event.ErrTruncated) {
			message = "the guest's records end in the middle"
		}
		r.in.Lost = &result.Failure{Message: message}
	}
	if r.lab != nil {
		res.Leaks = r.leftBehind()
	}
	r.in.Stuck = append(r.spinning(), r.in.Stuck...)
	r.explainEnd(l)
	for i := range res.Leaks {
		leak := &res.Leaks[i]
		leak.File, leak.Line = l.position(leak.Site, false)
	}
	for i := range r.in.Stuck {
		s := &r.in.Stuck[i]
		if caller, ok := r.stopCaller(s.PID, r.studied()); ok && s.Site == "" && strings.HasPrefix(s.Wait, "kthread_stop+") {
			s.Site = caller.Place() // hidden as in a crash: see unhide
		}
		runs := s.State == result.Running && (len(s.Stack) == 0 || s.Stack[0] == s.Site)
		s.File, s.Line = l.position(s.Site, runs)
	}
	res.Stuck = r.in.Stuck
	in := r.in
	in.Leaks = res.Leaks
	in.Crashes, in.Modules, in.Threads, in.Dropped = res.Crashes, res.Modules, res.Threads, res.Dropped
	res.Verdict = result.Judge(in)
	if res.Verdict.Class == result.Pass && r.passHint != "" {
		res.Verdict.Hint = r.passHint
	}
	res.Normalize()
}

// crashGrace is how long what goes on while the kernel crashes may take to end.
const crashGrace = 5 * time.Second

// crashAnswer bounds each exchange with a guest whose kernel has crashed, before
// it is stretched for TCG: one that answers takes a fraction of it.
const crashAnswer = 1500 * time.Millisecond

// crashed looks for a crash on the guest's console so far, for one after which a
// kernel does not go on in order.
func (r *run) crashed() bool {
	for _, c := range oops.Parse(r.lab.console()) {
		if !c.GoesOn() {
			r.broken = true
		}
	}
	return r.broken
}

// kernelLog keeps the lines of a kernel's log, up to a bound.
type kernelLog struct {
	mu   sync.Mutex
	text []byte
}

const maxKernelLog = 1 << 20

func (l *kernelLog) add(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.text)+len(line) < maxKernelLog {
		l.text = append(append(l.text, line...), '\n')
	}
}

func (l *kernelLog) bytes() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Clone(l.text)
}

// studied are the modules that the run is about, without the kernel's own.
func (r *run) studied() []string {
	var names []string
	for _, m := range r.fresh {
		names = append(names, m.Name)
	}
	return names
}

// moduleFile finds the host's copy of a module that the guest loaded.
func (r *run) moduleFile(name string) string {
	if r.recorded != nil {
		return r.recorded.Run.Files[name].Name
	}
	for _, m := range slices.Concat(r.fresh, r.inTree) {
		if m.Name == name {
			return m.Path
		}
	}
	return ""
}
