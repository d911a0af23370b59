// SPDX-License-Identifier: MIT

package kmodlab

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/kmodlab/kmodlab/internal/boot"
	"github.com/kmodlab/kmodlab/internal/kbuild"
	"github.com/kmodlab/kmodlab/internal/kernel"
	"github.com/kmodlab/kmodlab/internal/recording"
	"github.com/kmodlab/kmodlab/internal/vm"
	"github.com/kmodlab/kmodlab/internal/wire"
	"github.com/kmodlab/kmodlab/kmod"
	"github.com/kmodlab/kmodlab/result"
)

// Run carries out a Spec. The result says how it went, also where this machine,
// the build or the guest failed: look at its verdict. The error is a *UsageError,
// or ctx's cause when ctx ended first; then nothing is left behind either.
func Run(ctx context.Context, spec Spec) (*result.Result, error) {
	return runWith(ctx, spec, new(shared))
}

func runWith(ctx context.Context, spec Spec, kept *shared) (*result.Result, error) {
	spec, err := spec.complete()
	if err != nil {
		return nil, err
	}
	r := &run{spec: spec, shared: kept, res: &result.Result{Schema: result.Schema}, traceArgs: wire.TraceArgs{Stats: spec.HookStats, Steady: spec.SteadyHooks}}
	r.trace.record = spec.Record != nil
	r.watchEvents()
	r.all(ctx, []step{
		r.findPrograms, r.fetch, r.buildProbe, r.startAhead, r.compile, r.resolve, r.start, r.attach, r.watchLeaks, r.script, r.lookForLeaks, r.detach, r.powerOff,
	})
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if r.wrong != nil {
		return nil, r.wrong
	}
	r.conclude()
	return r.res, nil
}

// run is one Run while it goes on.
type run struct {
	spec   Spec
	shared *shared // with the other runs of a pool; see kept
	res    *result.Result
	in     result.Inputs
	kernel *kernel.Kernel
	agent  string
	build  *kbuild.Build
	plan   *kmod.Plan           // what is loaded, in order
	fresh  []kmod.PlannedModule // what was built or given, in load order: all of it is installed
	inTree []kmod.PlannedModule // of the kernel's own tree, needed by those
	lab    *lab
	trace  trace
	// traceArgs are what the tracer is started with; live is who watches, or nil.
	traceArgs wire.TraceArgs
	live      *live
	// probe is the host's copy of the module that makes the hooks fire; unproved
	// says why there is no such proof.
	probe    string
	known    string // which options the compiler knows, learned when the probe was built
	unproved string
	chosen   kbuild.Runner // where to build, once it is decided
	here     []string      // files that --here installed
	// hereLog is what a VM's console is for: where a crash is looked for.
	hereLog   kernelLog
	kernelLog kernelLog // /dev/kmsg, which has more than a console shows
	leaks     leakWatch
	ahead     *ahead     // nil where the run will boot
	warm      *warmFacts // of the saved machine that the run went on from; nil where it booted
	// deaf is where the processors of a guest were that did not answer, and code
	// what they ran there, by the page's address.
	deaf []recording.Processor
	code map[uint64][]byte
	// endedAt is where they were when the guest restarted by itself.
	endedAt []uint64
	wrong   error // a *UsageError that only the work brought to light
	// What a recording needs to know of conclude, and the recording that is
	// replayed; passHint is the hint of a pass.
	modulesRead  map[string]moduleBytes
	sourcesShown map[string]recording.Source
	recorded     *recording.Recording
	passHint     string
	// broken is a guest whose kernel has crashed and may go on all the same:
	// evidence is still collected, with short deadlines, and nothing else.
	broken bool
}

// step is a stretch of a run's way. It returns false when there is nothing to go
// on with; why is in run.in by then.
type step func(context.Context) bool

func (r *run) all(ctx context.Context, steps []step) {
	defer r.release()
	for _, step := range steps {
		if ctx.Err() != nil || !step(ctx) {
			return
		}
	}
}

func (r *run) release() {
	if r.lab != nil {
		r.res.Console = string(r.lab.console())
		r.trace.abandon(r.lab)
		r.lab.close()
	}
	if r.ahead != nil {
		r.ahead.drop()
	}
	if r.live != nil {
		r.live.end()
	}
	r.uninstallHere()
}

func (r *run) hostFailure(err error, hint string) bool {
	r.in.Host = &result.Failure{Message: err.Error(), Hint: hint}
	return false
}

// phase measures one stretch of work. The returned function ends it.
func (r *run) phase(name string) func(where string, cached bool) {
	start := time.Now()
	r.tell(name, "", 0, 0)
	return func(where string, cached bool) {
		ms := float64(time.Since(start).Microseconds()) / 1000
		r.res.Phases = append(r.res.Phases, result.Phase{Name: name, MS: ms, Cached: cached, Where: where})
	}
}

func (r *run) tell(name, detail string, done, total int64) {
	r.progress(Progress{Phase: name, Detail: detail, Done: done, Total: total})
}

func (r *run) progress(p Progress) {
	if r.spec.Watch.Phase != nil {
		r.spec.Watch.Phase(p)
	}
}

func (r *run) log(line string) {
	if r.spec.Watch.Log != nil {
		r.spec.Watch.Log(line)
	}
}

// findPrograms says what is missing before anything is fetched or built.
func (r *run) findPrograms(context.Context) bool {
	agent, err := findAgent(r.spec)
	if err != nil {
		return r.hostFailure(err, "")
	}
	r.agent = agent
	if r.spec.Here {
		return true
	}
	if _, err := vm.FindQEMU(r.spec.QEMU); err != nil {
		return r.hostFailure(err, "kmodlab doctor says what else is missing")
	}
	return true
}

// fetch finds the kernel. Building and loading need the same one.
func (r *run) fetch(ctx context.Context) bool {
	name := r.spec.Kernel
	if r.spec.Here {
		name = "host"
	}
	if name == "" {
		var err error
		if name, err = kernel.DefaultName(); err != nil {
			return r.hostFailure(err, "name a kernel: --kernel debian:bookworm")
		}
	}
	done := r.phase("kernel")
	k, err := boot.Kernels(r.spec.CacheDir, r.spec.Mirror, r.tellFetch).Get(ctx, name)
	if errors.Is(err, kernel.ErrUnknownName) {
		r.wrong = &UsageError{Text: err.Error()}
		return false
	}
	if err != nil {
		return r.hostFailure(err, "kmodlab doctor says which kernels can be had here")
	}
	r.kernel = k
	done("", false)
	return true
}

func (r *run) tellFetch(p kernel.Progress) {
	r.progress(Progress{Phase: "kernel", Detail: p.Text, Done: p.Done, Total: p.Total, Unit: string(p.Unit)})
}

// compile builds Spec.Dir.
func (r *run) compile(ctx context.Context) bool {
	if r.spec.Dir == "" {
		return true
	}
	done := r.phase("build")
	build, err := kbuild.Run(ctx, kbuild.Request{
		Kernel: r.kernel, Sources: r.spec.Dir, Runner: r.runner(ctx), Known: r.known,
		CacheDir: filepath.Join(r.spec.CacheDir, "build"), Output: r.spec.Watch.Output,
	})
	var failed *kbuild.Error
	switch {
	case errors.As(err, &failed) && !failed.Host():
		r.showSteps(ownPaths(failed.Steps), false)
		r.in.Build = &result.Failure{Message: failed.Message, Hint: failed.Hint}
		return false
	case errors.As(err, &failed):
		return r.hostFailure(errors.New(failed.Message), failed.Hint)
	case err != nil:
		return r.hostFailure(err, "")
	}
	r.build = build
	done(string(build.Where), build.Cached)
	r.showSteps(build.Steps, build.Cached)
	return true
}

// showSteps passes the build's commands on as they would be typed.
func (r *run) showSteps(steps []kbuild.Step, cached bool) {
	for _, s := range steps {
		c := result.Command{Argv: s.Argv, Output: s.Output, Exit: s.Exit, MS: s.MS, Cached: cached}
		r.res.Commands = append(r.res.Commands, c)
		if r.spec.Watch.Command != nil {
			r.spec.Watch.Command(c)
		}
	}
}

// ownPaths names the person's files as they lie in the folder, not where the
// build saw its copy of them.
func ownPaths(steps []kbuild.Step) []kbuild.Step {
	steps = slices.Clone(steps)
	for i := range steps {
		steps[i].Output = strings.ReplaceAll(steps[i].Output, kbuild.SourceDir+"/", "")
	}
	return steps
}

// resolve decides what is loaded, in which order, and refuses before any boot
// what cannot work. Modules that are not to be loaded are installed all the
// same: another may ask for them with request_module.
func (r *run) resolve(context.Context) bool {
	tree := r.kept().tree(r.kernel)
	plan, err := kmod.NewPlan(tree, r.files(), r.spec.Load)
	if err != nil {
		r.in.Preflight = &result.Failure{
			Message: strings.ReplaceAll(err.Error(), "\n", "; "),
			Hint:    "nothing was booted; mend this and run again",
		}
		return false
	}
	for _, w := range plan.Warnings {
		r.log(w.Error())
	}
	r.plan, r.fresh = plan, plan.Fresh()
	if f := r.misfit(); f != nil {
		r.in.Preflight = f
		return false
	}
	r.inTree = inTree(plan)
	if all, err := kmod.NewPlan(tree, r.files(), nil); err == nil {
		r.fresh = all.Fresh()
		r.inTree = union(r.inTree, inTree(all))
	} // else those that do not fit stay out: nobody named them
	for _, m := range plan.Modules {
		r.res.Modules = append(r.res.Modules, result.Module{Name: m.Name, Depends: m.Depends})
	}
	return true
}

// union keeps one of each name.
func union(a, b []kmod.PlannedModule) []kmod.PlannedModule {
	all := slices.Clone(a)
	for _, m := range b {
		if !slices.ContainsFunc(a, func(x kmod.PlannedModule) bool { return x.Name == m.Name }) {
			all = append(all, m)
		}
	}
	return all
}

// inTree are the modules of the kernel's own that a plan needs.
func inTree(p *kmod.Plan) []kmod.PlannedModule {
	var list []kmod.PlannedModule
	for _, m := range p.Modules {
		if m.InTree {
			list = append(list, m)
		}
	}
	return list
}

// files are the modules of the folder, or those named by the person.
func (r *run) files() []string {
	if r.build == nil {
		return r.spec.Files
	}
	var files []string
	for _, m := range r.build.Modules {
		files = append(files, m.Path)
	}
	return files
}
