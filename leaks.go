// SPDX-License-Identifier: MIT

package kmodlab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/kmodlab/kmodlab/internal/boot"
	"github.com/kmodlab/kmodlab/internal/leaks"
	"github.com/kmodlab/kmodlab/internal/srcline"
	"github.com/kmodlab/kmodlab/internal/wire"
	"github.com/kmodlab/kmodlab/kmod"
	"github.com/kmodlab/kmodlab/result"
)

// maxTraceText bounds what is read of the guest's kernel trace.
const maxTraceText = 32 << 20

// settle is how long what a module left armed may take to go off after unload,
// where it left something armed or nobody can tell.
const settle = 500 * time.Millisecond

// watchLimit bounds what is set up before the first load, before it is stretched for
// TCG. The person's own limit is for the modules' commands and may be far shorter.
const watchLimit = 10 * time.Second

// outlived is how long a thread that lives on gets to run into its freed code.
const outlived = 3 * time.Second

// leakWatch is what is known of the machine before the first load.
type leakWatch struct {
	before, after wire.SnapshotResult // after is what was not there before
	has           bool                // both
	plan          *leaks.Plan
	book          *leaks.Book   // nil where nothing is known
	text          []byte        // that book was read from
	modules       []wire.Module // as they are at the end
}

// watchLeaks remembers what there is before the first load, and has the kernel
// note what modules take and give. A kernel that cannot do the latter costs the
// run these findings and nothing else. On a real machine nothing is set up.
func (r *run) watchLeaks(ctx context.Context) bool {
	if r.spec.Here || r.spec.noLeaks {
		return true
	}
	done := r.phase("watch")
	ctx, cancel := r.watchDeadline(ctx)
	defer cancel()
	plan := leaks.NewPlan(r.leakModules())
	if err := r.noteTakings(ctx, plan); isRefusal(err) {
		r.log(fmt.Sprintf("memory and references that a module keeps are not looked for: %v", err))
	} else if err != nil {
		return r.callFailure(err, "watch for leaks")
	} else {
		r.leaks.plan = plan
	}
	if r.warm == nil && !r.lookBefore(ctx) {
		return false
	}
	done("", false)
	return true
}

func (r *run) watchDeadline(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, max(r.spec.StepTimeout, watchLimit)*r.lab.scale)
}

// lookBefore sees what there is before the first load. A machine that goes on was
// looked at before it was saved.
func (r *run) lookBefore(ctx context.Context) bool {
	ctx, cancel := r.watchDeadline(ctx)
	defer cancel()
	if err := r.lab.Call(ctx, wire.OpSnapshot, nil, &r.leaks.before); err != nil {
		return r.callFailure(err, "look for what there is before the load")
	}
	return true
}

// leakModules tells what is known of the modules before they are loaded. One
// that cannot be read is none that a kernel loads.
func (r *run) leakModules() []leaks.Module {
	var list []leaks.Module
	for _, m := range r.fresh {
		ko, err := r.readModule(m.Name)
		if err != nil {
			continue
		}
		module := leaks.Module{Name: m.Name}
		module.Tasks, module.Opaque = taskRefs(ko, r.kernel.Release)
		if parsed, err := kmod.ParseModule(ko); err == nil {
			for _, s := range parsed.Needs {
				module.Imports = append(module.Imports, s.Name)
			}
		}
		list = append(list, module)
	}
	return list
}

// The kernel's inlined functions that count who uses a task.
const getTask, putTask = "get_task_struct", "put_task_struct"

// taskRefs finds where a module counts users of tasks in its own code. opaque says
// that it may drop some where nobody sees it: without debug information nothing is
// known, in its exit functions the kernel takes no probe (they are notrace), and some
// others it must not be given one in.
func taskRefs(ko []byte, release string) (refs []leaks.TaskRef, opaque bool) {
	info, err := srcline.Open(ko)
	if err != nil {
		return nil, true
	}
	if !bytes.Contains(ko, []byte(getTask+"\x00")) && !bytes.Contains(ko, []byte(putTask+"\x00")) {
		return nil, false // reading the rest takes its time
	}
	unprobed, err := leaks.Unprobed(ko, release)
	if err != nil {
		return nil, true
	}
	found, err := info.Atomics([]string{getTask, putTask}, "task_struct", "usage")
	for _, a := range found {
		ref := leaks.TaskRef{Symbol: a.Symbol, Offset: a.Offset, Register: a.Register, Shift: a.Shift, Put: a.Inlined == putTask}
		if strings.HasPrefix(a.Section, ".exit") || unprobed[a.Symbol] {
			opaque = opaque || ref.Put
			continue
		}
		refs = append(refs, ref)
	}
	return refs, opaque || err != nil
}

// traceBase is what a saved machine has of every plan's settings.
type traceBase struct{ Made, Hashed bool }

// makeBase writes what all plans begin with, before the machine is saved. Where the
// kernel refuses, each run finds out what is wrong, and says so.
func (r *run) makeBase(ctx context.Context) (traceBase, error) {
	ctx, cancel := r.watchDeadline(ctx)
	defer cancel()
	plan := &leaks.Plan{Settings: leaks.Base}
	err := r.noteTakings(ctx, plan)
	if isRefusal(err) {
		return traceBase{}, nil
	}
	return traceBase{Made: err == nil, Hashed: plan.Hashed}, err
}

// noteTakings writes the plan's settings. Probes are defined all at once; where
// the kernel takes one of them not, one by one.
func (r *run) noteTakings(ctx context.Context, plan *leaks.Plan) error {
	settings := plan.Settings
	if r.warm != nil && r.warm.Base.Made && len(settings) > 0 {
		settings, plan.Hashed = settings[len(leaks.Base):], r.warm.Base.Hashed
	}
	for len(settings) > 0 {
		settings = slices.DeleteFunc(slices.Clone(settings), func(s leaks.Setting) bool {
			return s.Raw && plan.Hashed || plan.Void(s)
		})
		if len(settings) == 0 {
			break
		}
		done, err := r.set(ctx, settings)
		if done == len(settings) || err != nil && !isRefusal(err) {
			return err
		}
		switch s := settings[done]; {
		case s.Append:
			err = r.defineEach(ctx, plan, s)
		case s.Path == leaks.HashPtr:
			plan.Hashed, err = true, nil
		}
		if err != nil {
			return err
		}
		settings = settings[done+1:]
	}
	return nil
}

// isRefusal tells what the guest's kernel refused from a guest that does not answer.
func isRefusal(err error) bool {
	_, is := errors.AsType[*wire.CallError](err)
	return is
}

// set writes settings until the kernel refuses one, and tells how many it took. One
// that it may refuse is passed over, but for those that something follows from.
func (r *run) set(ctx context.Context, list []leaks.Setting) (done int, err error) {
	var args wire.SetArgs
	for _, s := range list {
		may := s.May && !s.Append && s.Path != leaks.HashPtr
		args.Settings = append(args.Settings, wire.SettingArgs{Path: s.Path, Value: s.Value, Append: s.Append, May: may})
	}
	var result wire.SetResult
	if err := r.lab.Call(ctx, wire.OpSet, args, &result); err != nil {
		return 0, fmt.Errorf("write the guest's settings: %w", err)
	}
	if result.Refused == "" {
		return len(list), nil
	}
	if result.Done < 0 || result.Done >= len(list) { // it is the guest that says so
		return 0, fmt.Errorf("write the guest's settings: it has done %d of %d", result.Done, len(list))
	}
	return result.Done, fmt.Errorf("write the guest's %s: %w", list[result.Done].Path, &wire.CallError{Op: wire.OpSet, Text: result.Refused})
}

func (r *run) defineEach(ctx context.Context, plan *leaks.Plan, s leaks.Setting) error {
	for line := range strings.Lines(s.Value) {
		one := s
		one.Value = leaks.Undefine(line) // it may be one of those that were taken before
		if _, err := r.set(ctx, []leaks.Setting{one}); err != nil && !isRefusal(err) {
			return err
		}
		one.Value = line
		_, err := r.set(ctx, []leaks.Setting{one})
		if isRefusal(err) {
			plan.Refused(line)
			continue
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// lookForLeaks sees what there is after unload, or after an init that refused and
// should have undone what it did. What may go off or away by itself gets time to. A crashed kernel is left alone: what it says is the verdict.
func (r *run) lookForLeaks(ctx context.Context) bool {
	if r.spec.Here || r.spec.noLeaks || r.broken || !r.in.Unloaded && r.in.Load == nil {
		return true
	}
	done := r.phase("leaks")
	defer done("", false)
	if !r.look(ctx) {
		return false
	}
	if r.maySettle() {
		if !r.linger(ctx, settle) {
			return false
		}
		if !r.broken && !r.look(ctx) {
			return false
		}
	}
	if !r.broken && r.threadsStay() {
		return r.linger(ctx, outlived)
	}
	return true
}

func (r *run) threadsStay() bool {
	return len(leaks.Threads(&r.leaks.before, &r.leaks.after)) > 0
}

// maySettle says whether what there is now may change by itself: code of the
// modules may run although they are unloaded, or what seems left is on its way out,
// as a slab cache's name is.
func (r *run) maySettle() bool {
	l := &r.leaks
	if l.plan == nil || l.plan.Late || r.threadsStay() || len(leaks.Names(&l.before, &l.after)) > 0 {
		return true
	}
	return l.book != nil && (l.book.Overrun || l.book.Holds(r.studied()))
}

// look reads what there is now. A crash meanwhile ends it, with what is known.
func (r *run) look(ctx context.Context) bool {
	ctx, cancel := r.deadline(ctx)
	defer cancel()
	ctx, stop := r.untilCrash(ctx)
	defer stop()
	// Both at once: a guest has two processors, and each takes 25 to 60 ms of one under emulation.
	var g errgroup.Group
	var text []byte
	traced := r.leaks.plan != nil && len(r.leaks.plan.Settings) > 0
	if traced {
		g.Go(func() (err error) {
			text, err = boot.ReadFile(ctx, r.lab.Client, leaks.Instance+"/trace", maxTraceText)
			return err
		})
	}
	g.Go(func() error { return r.lab.Call(ctx, wire.OpSnapshot, wire.SnapshotArgs{Added: true}, &r.leaks.after) })
	if err := g.Wait(); err != nil {
		stop()
		return errors.Is(context.Cause(ctx), errCrashed) || r.callFailure(err, "look for what there is after unload")
	}
	r.leaks.has = true
	if !traced {
		return true
	}
	r.leaks.book, r.leaks.text = leaks.Read(r.leaks.plan, text), text
	if r.leaks.book.Overrun {
		r.log("the modules ran too long or did too much: memory and references that they keep are not known")
	}
	return true
}

// linger waits with an eye on the guest; false when it is gone.
func (r *run) linger(ctx context.Context, d time.Duration) bool {
	defer r.aside(ctx, d)()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		r.crashed()
		return true
	case <-ctx.Done():
		return false
	case <-r.lab.Done():
		return r.callFailure(r.lab.Err(), "after unload")
	}
}

// leftBehind sums up what is left. Names and memory count only when every module
// is gone: one that stays may have them by right.
func (r *run) leftBehind() []result.Leftover {
	var left []result.Leftover
	gone := true
	for _, m := range r.leaks.modules {
		if !slices.Contains(r.studied(), m.Name) {
			continue
		}
		gone = false
		if r.in.Unload != nil && m.Refcount > 0 && len(m.Holders) == 0 && m.State == string(kmod.StateLive) {
			left = append(left, result.Leftover{
				Kind: "reference", What: plural(m.Refcount, "reference", "references") + " to " + m.Name, Site: r.refSite(m.Name),
			})
		}
	}
	if !gone || !r.leaks.has {
		return left
	}
	named := leaks.Names(&r.leaks.before, &r.leaks.after)
	if r.leaks.book != nil {
		r.leaks.book.Made(named, r.studied(), r.trace.placeOf)
	}
	left = append(left, named...)
	if r.leaks.book != nil {
		left = append(left, r.leaks.book.Left(r.studied(), r.trace.placeOf)...)
	}
	return left
}

// refSite is where the first reference that was not dropped again was taken.
// Only what modules themselves take and drop is matched: the kernel takes others
// for each load and each open file, and their puts would hide a module's get.
func (r *run) refSite(module string) string {
	for _, m := range r.res.Modules {
		if m.Name != module || m.RefsBefore > 0 {
			continue
		}
		var open []string
		for _, ref := range m.Refs {
			switch {
			case !strings.Contains(ref.By.Site, " ["):
			case !ref.Put:
				open = append(open, ref.By.Site)
			case len(open) > 0:
				open = open[:len(open)-1]
			}
		}
		if len(open) > 0 {
			return open[0]
		}
	}
	return ""
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
