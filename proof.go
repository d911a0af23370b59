// SPDX-License-Identifier: MIT

package kmodlab

import (
	"cmp"
	"context"
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kmodlab/kmodlab/internal/kbuild"
	"github.com/kmodlab/kmodlab/internal/wire"
	"github.com/kmodlab/kmodlab/tracer/event"
)

//go:embed modules/probe
var probeSources embed.FS

// guestProbe is where the agent in a VM finds the probe module: outside of the
// module tree, where depmod and modprobe would see it.
const guestProbe = "/lib/kmodlab/kmodlab_probe.ko"

// buildProbe has modules/probe built for the run's kernel, once. A run without
// it goes on: its hooks count as they fire.
func (r *run) buildProbe(ctx context.Context) bool {
	done := r.phase("probe")
	key := fmt.Sprint(r.kernel.ID, r.spec.CacheDir, r.spec.Here)
	build, err := r.kept().probes.get(key, func() (*kbuild.Build, error) { return r.makeProbe(ctx) })
	if err != nil {
		r.unproved = err.Error()
		return ctx.Err() == nil
	}
	r.probe, r.known = build.Modules[0].Path, build.Known
	done(string(build.Where), build.Cached)
	return true
}

func (r *run) makeProbe(ctx context.Context) (*kbuild.Build, error) {
	dir, err := os.MkdirTemp("", "kmodlab-probe-")
	if err != nil {
		return nil, fmt.Errorf("make a folder for the probe module: %w", err)
	}
	defer os.RemoveAll(dir)
	sources, err := fs.Sub(probeSources, "modules/probe")
	if err != nil {
		return nil, err
	}
	if err := os.CopyFS(dir, sources); err != nil {
		return nil, fmt.Errorf("write the probe module's sources: %w", err)
	}
	return kbuild.Run(ctx, kbuild.Request{
		Kernel: r.kernel, Sources: dir, CacheDir: filepath.Join(r.spec.CacheDir, "build"), Learn: true,
		Runner: announced{r.probeRunner(ctx), func() { r.tell("probe", "building the probe module, once for this kernel", 0, 0) }},
	})
}

// probeRunner takes the sandbox where it works, also for a run that builds in
// the VM: these sources are our own, and the VM takes fifteen times as long.
func (r *run) probeRunner(ctx context.Context) kbuild.Runner {
	if kbuild.Where(r.spec.Build) == kbuild.VM && !r.spec.Here && r.kept().checkSandbox(ctx) == nil {
		return kbuild.SandboxRunner{}
	}
	return r.runner(ctx)
}

// announced says that a build begins. What the cache has begins none.
type announced struct {
	kbuild.Runner
	say func()
}

func (a announced) Run(ctx context.Context, job kbuild.Job) ([]kbuild.Step, error) {
	a.say()
	return a.Runner.Run(ctx, job)
}

// prove has every hook fire before what is under study begins, and drops what
// was recorded until then.
func (r *run) prove(ctx context.Context) error {
	done := r.phase("proof")
	args := wire.ProveArgs{Module: r.probe}
	if r.probe != "" && !r.spec.Here {
		args.Module = guestProbe
	}
	var result wire.ProveResult
	if err := r.lab.Call(ctx, wire.OpTraceProve, args, &result); err != nil {
		return err
	}
	if result.Refused != "" {
		r.unproved = "the kernel does not take the probe module: " + result.Refused
	}
	r.trace.mark = result.MarkNS
	done("", false)
	if r.unproved != "" {
		r.log(fmt.Sprintf("no self-test of the tracer's hooks (%s): a hook counts once it fires, and what rests on the others is unknown", r.unproved))
		return nil
	}
	if names := unprovedNames(result.Hooks); len(names) > 0 {
		r.log(fmt.Sprintf("%d of %d hooks did not fire in the self-test, so what rests on them is unknown: %s; -v says more",
			len(names), len(result.Hooks), strings.Join(names, ", ")))
	}
	return nil
}

// absent says that a hook has nothing to listen to, and nothing can be missed:
// request_module knows no duplicates before 6.4, nor later without
// CONFIG_MODULE_DEBUG_AUTOLOAD_DUPS, and the function is called from another file,
// so that it cannot hide by being inlined.
func absent(h wire.Hook) bool {
	return h.Name == "request_duplicate" && strings.HasPrefix(h.Note, "this kernel has no ")
}

// proved says whether a hook was ever seen to fire.
func proved(h wire.Hook) bool { return h.Attached && h.FiredBefore+h.Fired > 0 }

func unprovedNames(hooks []wire.Hook) []string {
	var names []string
	for _, h := range hooks {
		if !proved(h) && !absent(h) {
			names = append(names, h.Name)
		}
	}
	return names
}

// blind names the kinds of record that no proved hook writes, and why.
func blind(hooks []wire.Hook) map[event.Kind]string {
	why, seen := make(map[string]string), make(map[string]bool)
	for _, h := range hooks {
		for _, kind := range h.Kinds {
			switch {
			case proved(h), absent(h):
				seen[kind] = true
			case h.Attached:
				why[kind] = fmt.Sprintf("hook %s on %s never fired", h.Name, h.Target)
			case why[kind] == "":
				why[kind] = fmt.Sprintf("hook %s is not attached: %s", h.Name, cmp.Or(h.Note, "this kernel refused it"))
			}
		}
	}
	if len(seen)+len(why) == 0 {
		return nil // the tracer did not start, or does not tell what its hooks write
	}
	kinds := make(map[event.Kind]string)
	for kind := range event.Kinds() {
		if !seen[kind.String()] {
			kinds[kind] = cmp.Or(why[kind.String()], "no hook on this kernel writes it")
		}
	}
	return kinds
}

// afterMark gives the events in the order of time, without those of the
// self-test: all before mark, and what tasks that were born before it still did.
// It works in place: there may be a million of them.
func afterMark(events []event.Event, mark uint64) []event.Event {
	slices.SortStableFunc(events, func(a, b event.Event) int { return cmp.Compare(a.Time, b.Time) })
	p := prelude{mark: mark}
	return slices.DeleteFunc(events, func(e event.Event) bool { return !p.counts(&e) })
}

// prelude tells the self-test's records from those that count. Its zero value
// lets everything pass.
type prelude struct {
	mark uint64
	born map[uint32]bool // pids of tasks that began before the mark and are not freed
}

// counts wants the events in the order of time. A task of before the mark may act
// after it, as a kworker does that the self-test needed; only its end is a story
// without a beginning.
func (p *prelude) counts(e *event.Event) bool {
	switch {
	case e.Time < p.mark:
		p.note(e)
		return false
	case e.Kind == event.TaskExited:
		return !p.born[e.By.PID]
	case e.Kind == event.TaskFreed: // By is whoever happened to run
		counts := !p.born[e.Target.PID]
		delete(p.born, e.Target.PID) // from now on the pid may be another's
		return counts
	}
	return true
}

// note keeps book of the tasks that the self-test starts.
func (p *prelude) note(e *event.Event) {
	if p.born == nil {
		p.born = make(map[uint32]bool)
	}
	switch {
	case e.Kind == event.TaskFreed:
		delete(p.born, e.Target.PID)
	case e.By.PID != 0 && (e.Kind == event.ThreadFirstRun || e.Kind == event.HelperForked):
		p.born[e.By.PID] = true
	}
}
