// SPDX-License-Identifier: MIT

package prepare

import (
	"context"
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/internal/hostfault"
	"github.com/kmodlab/kmodlab/internal/kbuild"
	"github.com/kmodlab/kmodlab/internal/payload"
	"github.com/kmodlab/kmodlab/kmod"
	"github.com/kmodlab/kmodlab/result"
)

// Prepared is everything that a run needs from this machine: the host, and what to load.
type Prepared struct {
	*Host
	Plan   *kmod.Plan           // what is loaded, in order; nil for nothing
	Fresh  []kmod.PlannedModule // what was built or given, in load order: all of it is installed
	InTree []kmod.PlannedModule // modules of the kernel's own tree that Fresh needs
	Read   *Files

	Failing *Failing // the call that is to fail; nil for none

	Tests   []payload.Program // that run beside the modules, in order
	Command *payload.Program  // that runs after them; nil for none
	Put     []payload.File    // what they need in the guest

	build *kbuild.Build // nil if .ko files were given
}

// WithoutModules is for a machine that gets no modules of a person.
func (h *Host) WithoutModules() *Prepared { return &Prepared{Host: h, Read: new(Files)} }

// Modules builds the person's modules and plans their loading. Its error is an
// *evidence.Failure or ctx's.
func (h *Host) Modules(ctx context.Context) (*Prepared, error) {
	p := h.WithoutModules()
	if h.Dir == "" && len(h.Files) == 0 && len(h.Load) == 0 {
		return p, p.gather(ctx)
	}
	var err error
	if h.Dir != "" {
		if p.build, err = h.Compile(ctx); err != nil {
			return nil, err
		}
	}
	if err := p.resolve(); err != nil {
		return nil, err
	}
	p.Read = newFiles(slices.Concat(p.Fresh, p.InTree))
	if err := p.chooseFailing(ctx); err != nil {
		return nil, err
	}
	return p, p.gather(ctx)
}

// Compile builds Options.Dir. Its error is an *evidence.Failure or ctx's.
func (h *Host) Compile(ctx context.Context) (*kbuild.Build, error) {
	return h.make(ctx, kbuild.Request{Sources: h.Dir, Known: h.Probe.known})
}

// make builds what a request names.
func (h *Host) make(ctx context.Context, r kbuild.Request) (*kbuild.Build, error) {
	done := h.journal.Phase("build")
	r.Kernel, r.Runner, r.CacheDir = h.Kernel, h.builder(), filepath.Join(h.CacheDir, BuildDir)
	r.Output, r.Timeout = h.journal.Output(), h.BuildTimeout
	build, err := kbuild.Run(ctx, r)
	var failed *kbuild.Error
	switch {
	case errors.As(err, &failed) && !failed.Host():
		h.showSteps(ownPaths(failed.Steps), false)
		return nil, &evidence.Failure{Kind: evidence.Build, Message: failed.Message, Hint: failed.Hint}
	case errors.As(err, &failed):
		return nil, evidence.HostFailure(errors.New(failed.Message), failed.Hint)
	case err != nil:
		return nil, evidence.HostFailure(err, "")
	}
	done(string(build.Where), build.Cached)
	h.showSteps(build.Steps, build.Cached)
	return build, nil
}

// builder is the runner for the person's sources. Who did not choose the sandbox is told, once, where it bounds less.
func (h *Host) builder() kbuild.Runner {
	s, is := h.runner.(kbuild.SandboxRunner)
	if !is || h.Build == kbuild.Sandbox {
		return h.runner
	}
	s.Log = func(line string) { h.shared.advised.Do(func() { h.journal.Log(line) }) }
	return s
}

// showSteps reports the build's commands as a person would type them.
func (h *Host) showSteps(steps []kbuild.Step, cached bool) {
	for _, s := range steps {
		c := result.Command{Argv: s.Argv, Output: s.Output, Exit: s.Exit, MS: s.MS, Cached: cached}
		h.journal.Keep(c)
		h.journal.Ended(c)
	}
}

// ownPaths names the person's files by their place in the folder, not by that of the
// build's copy.
func ownPaths(steps []kbuild.Step) []kbuild.Step {
	steps = slices.Clone(steps)
	for i := range steps {
		steps[i].Output = strings.ReplaceAll(steps[i].Output, kbuild.SourceDir+"/", "")
	}
	return steps
}

// resolve decides what is loaded, in which order, and refuses what cannot work before
// anything boots. Modules that the run does not load are installed as well: another module
// may ask for them with request_module.
func (p *Prepared) resolve() error {
	if err := p.checkAbsent(); err != nil {
		return err
	}
	tree := p.shared.tree(p.Kernel)
	plan, err := kmod.NewPlan(tree, p.files(), p.Load)
	if err != nil {
		return unplanned(err)
	}
	for _, w := range plan.Warnings {
		p.journal.Log(w.Error())
	}
	if err := p.misfit(plan); err != nil {
		return err
	}
	p.Plan, p.Fresh, p.InTree = plan, plan.Fresh(), inTree(plan)
	if all, err := kmod.NewPlan(tree, p.files(), nil); err == nil {
		p.Fresh = all.Fresh()
		p.InTree = union(p.InTree, inTree(all))
	} // else those that do not fit are left out: nobody asked for them
	return nil
}

// unplanned is the failure of a plan: of the modules, unless this machine could not read them.
func unplanned(err error) error {
	if _, is := hostfault.Of(err); is {
		return evidence.HostFailure(err, "")
	}
	return &evidence.Failure{
		Kind: evidence.Preflight, Message: problems(err),
		Hint: "nothing was booted; fix this and run again",
	}
}

// problems puts the problems of a plan into one sentence. A module of another kernel has dozens.
func problems(err error) string {
	const most = 4
	list := strings.Split(err.Error(), "\n")
	if n := len(list) - most; n > 0 {
		list = append(list[:most], fmt.Sprintf("and %d more", n))
	}
	return strings.Join(list, "; ")
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

// inTree returns those modules of a plan that are the kernel's own.
func inTree(p *kmod.Plan) []kmod.PlannedModule {
	var list []kmod.PlannedModule
	for _, m := range p.Modules {
		if m.InTree {
			list = append(list, m)
		}
	}
	return list
}

// files returns the modules that were built, or the files that the person named.
func (p *Prepared) files() []string {
	return slices.DeleteFunc(p.all(), func(path string) bool { return p.absent(kmod.CanonicalName(path)) })
}

// all returns the files also of the modules that the guest does not get.
func (p *Prepared) all() []string {
	if p.build == nil {
		return slices.Clone(p.Host.Files)
	}
	var files []string
	for _, m := range p.build.Modules {
		files = append(files, m.Path)
	}
	return files
}

func (p *Prepared) absent(name string) bool {
	return slices.ContainsFunc(p.Absent, func(a string) bool { return kmod.CanonicalName(a) == name })
}

// checkAbsent finds a name that is of no module of the run: its absence would prove nothing.
func (p *Prepared) checkAbsent() error {
	var names []string
	for _, path := range p.all() {
		names = append(names, kmod.CanonicalName(path))
	}
	for _, a := range p.Absent {
		if !slices.Contains(names, kmod.CanonicalName(a)) {
			return &evidence.Failure{
				Kind: evidence.Preflight, Message: fmt.Sprintf("%s cannot be left out: no module of that name is here", a),
				Hint: "there are " + strings.Join(names, ", "),
			}
		}
	}
	return nil
}

// Studied returns the names of the modules under study, without the kernel's own.
func (p *Prepared) Studied() []string {
	var names []string
	for _, m := range p.Fresh {
		names = append(names, m.Name)
	}
	return names
}

// SourceDirs returns the folders of the person's sources.
func (p *Prepared) SourceDirs() []string {
	if p.Dir != "" {
		return []string{p.Dir}
	}
	var dirs []string
	for _, f := range p.Host.Files {
		dirs = append(dirs, filepath.Dir(f))
	}
	slices.Sort(dirs)
	return slices.Compact(dirs)
}

// Place returns a module's path below the module tree.
func (p *Prepared) Place(m kmod.PlannedModule) (string, error) {
	base := p.Kernel.ModuleDir()
	switch {
	case m.InTree:
	case p.build != nil:
		base = filepath.Join(p.build.Dir, "lib/modules", p.Kernel.Release)
	default:
		return path.Join("extra", filepath.Base(m.Path)), nil
	}
	return below(base, m.Path)
}
