// SPDX-License-Identifier: MIT

package kmodlabtest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/kmodlab/kmodlab"
	"github.com/kmodlab/kmodlab/internal/plain"
	"github.com/kmodlab/kmodlab/result"
)

// Lab is what was seen of a folder of modules, on each kernel.
type Lab struct {
	t      testing.TB
	runs   []*run
	judged bool // somebody asked for the verdict
}

// run is the lab on one kernel.
type run struct {
	kernel string
	end    *kmodlab.Conclusion // nil if the run was cut short
	err    error
}

// machines are those of this process.
var machines = kmodlab.NewPool(0)

// Run loads the modules of a folder on each kernel, all at the same time, and returns when all have ended. The paths
// of dir and of programs are those of this machine, relative to the package's folder. If there is a kmodlab.yaml in
// the folder, the lab does what that says, too. What cannot work ends the test.
//
// Whoever does not look at the verdict, with Require or Each, wants a pass: the end of the test checks that.
func Run(t testing.TB, dir string, options ...Option) *Lab {
	t.Helper()
	c := configure(dir, options)
	c.prepare(t)
	touch(c.inputs()...)
	lab := &Lab{t: t, runs: c.run(t)}
	t.Cleanup(func() {
		t.Helper()
		lab.end(c.keep)
	})
	for _, r := range lab.runs {
		lab.tellUnknown(r)
		switch {
		case r.err != nil:
			t.Fatalf("%srun %s: %v", r.prefix(lab), dir, r.err)
		case r.end.Verdict.Class == result.Host:
			lab.judged = true
			t.Fatalf("%sthis machine failed, not the modules:\n%s", r.prefix(lab), show(r.end.Result, nil))
		}
	}
	return lab
}

// tellUnknown logs the expectations of a run that can be told neither to hold nor to fail.
func (l *Lab) tellUnknown(r *run) {
	l.t.Helper()
	if r.end == nil {
		return
	}
	for _, err := range outcome(r.end.Result, result.ExpectedUnknown) {
		l.t.Log(r.prefix(l) + harmless(err.Error()))
	}
}

// endReserve is how long before the end of the test program the labs must have ended, so that there is a result.
const endReserve = 10 * time.Second

// errTime is why a lab is cut short.
var errTime = errors.New("the time of the test program is over; go test -timeout gives it more")

// run carries out the runs.
func (c *config) run(t testing.TB) []*run {
	t.Helper()
	ctx, release, err := reserve(t)
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	runs := make([]*run, len(c.kernels))
	var all sync.WaitGroup
	for i, kernel := range c.kernels {
		spec := c.spec
		spec.Kernel = kernel
		tell := teller{t: t, before: label(kernel)}
		spec.Watch.Log = join(spec.Watch.Log, tell.log)
		spec.Watch.Phase = join(spec.Watch.Phase, tell.phase)
		all.Go(func() {
			end, err := machines.Run(ctx, spec)
			runs[i] = &run{kernel: kernel, end: end, err: err}
		})
	}
	all.Wait()
	return runs
}

// teller logs what a person should know of a run.
type teller struct {
	t      testing.TB
	before string
	last   string
}

func (l *teller) log(line string) { l.t.Log(l.before + plain.Lines(line)) }

// phase logs the steps of fetching a kernel, which take minutes.
func (l *teller) phase(p kmodlab.Progress) {
	if p.Phase == "kernel" && p.Detail != "" && p.Detail != l.last && p.Total == 0 {
		l.last = p.Detail
		l.log(p.Detail)
	}
}

// join calls both functions, if they are there.
func join[V any](a, b func(V)) func(V) {
	if a == nil {
		return b
	}
	return func(v V) { a(v); b(v) }
}

// label begins what is said about a kernel.
func label(kernel string) string {
	if kernel == "" {
		return ""
	}
	return kernel + ": "
}

// prefix names the run's kernel, if the lab has several.
func (r *run) prefix(l *Lab) string {
	if len(l.runs) == 1 {
		return ""
	}
	return label(r.kernel)
}

// Require checks what must be true of every run. If the lab has several kernels, each has a subtest, with its name.
// The verdict must be pass, unless one of the requirements is about it.
func (l *Lab) Require(requirements ...Requirement) {
	l.t.Helper()
	l.each(func(t testing.TB, r *run) {
		t.Helper()
		if text := unmet(r.end.Result, requirements); text != "" {
			t.Errorf("%s%s", r.prefixIn(t, l), text)
		}
	})
}

// Each calls look for every run, in a subtest for each kernel if there are several. The verdict is then the business
// of look: Check of a Requirement, such as Pass, says what is wrong. Machine.Name of the result is the kernel.
func (l *Lab) Each(look func(t testing.TB, r *result.Result)) {
	l.t.Helper()
	l.each(func(t testing.TB, r *run) {
		t.Helper()
		look(t, r.end.Result)
	})
}

func (l *Lab) each(look func(testing.TB, *run)) {
	l.t.Helper()
	l.judged = true
	t, can := l.t.(interface {
		Run(name string, f func(*testing.T)) bool
	})
	for _, r := range l.runs {
		if len(l.runs) == 1 || !can {
			look(l.t, r)
			continue
		}
		t.Run(r.kernel, func(t *testing.T) {
			t.Helper()
			look(t, r)
		})
	}
}

// prefixIn is the prefix where t is no subtest of the kernel's.
func (r *run) prefixIn(t testing.TB, l *Lab) string {
	if t != l.t {
		return ""
	}
	return r.prefix(l)
}

// end checks the verdict if nobody did, and keeps what was seen if the test failed.
func (l *Lab) end(dir string) {
	l.t.Helper()
	for _, r := range l.runs {
		if l.judged || r.end == nil || l.t.Skipped() {
			continue
		}
		if text := unmet(r.end.Result, nil); text != "" {
			l.t.Errorf("%s%s", r.prefix(l), text)
		}
	}
	if l.t.Failed() {
		l.keep(dir)
	}
}

// reserve gets the virtual machines, and a context that ends before the test program does.
func reserve(t testing.TB) (context.Context, func(), error) {
	ctx, cancel := t.Context(), context.CancelFunc(func() {})
	if d, ok := t.(interface{ Deadline() (time.Time, bool) }); ok {
		if end, ok := d.Deadline(); ok {
			ctx, cancel = context.WithDeadlineCause(ctx, end.Add(-endReserve), errTime)
		}
	}
	release, err := hold(ctx, t.Name())
	if err != nil {
		defer cancel()
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, nil, fmt.Errorf("wait for the virtual machines: %w", err)
	}
	return ctx, func() { release(); cancel() }, nil
}
