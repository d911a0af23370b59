// SPDX-License-Identifier: MIT

package prepare

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/internal/failable"
	"github.com/kmodlab/kmodlab/internal/kbuild"
	"github.com/kmodlab/kmodlab/kmod"
	"github.com/kmodlab/kmodlab/modules"
)

// Failing is a call that is to fail, or a task that is to end before a call, and the module of ours that sees to it.
type Failing struct {
	Module  string
	Nth     int
	Call    string           // that is to fail, as a person wrote it
	Choice  *failable.Choice // nil for a task
	Target  *failable.Target // nil for a call
	Symbols []string         // the module's imports whose calls count
	Path    string           // of the helper module, on the host
}

// chooseFailing finds the calls that count among the imports of their module, and builds the helper module. Its error
// is an *evidence.Failure or ctx's.
func (p *Prepared) chooseFailing(ctx context.Context) error {
	var f *Failing
	var err error
	switch {
	case p.Fail != nil:
		f, err = p.chooseCall(*p.Fail)
	case p.Target != nil:
		f, err = p.chooseTarget(*p.Target)
	}
	if f == nil || err != nil {
		return err
	}
	done := p.journal.Phase("helper")
	build, err := p.shared.helpers.Get(fmt.Sprint(p.Kernel.ID, p.CacheDir), func() (*kbuild.Build, error) {
		r := kbuild.Request{Known: p.Probe.known}
		return p.makeOwn(ctx, modules.FailCall(), "helper", "module that makes calls fail", r)
	})
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		return evidence.HostFailure(fmt.Errorf("build the module that makes calls fail: %w", err), "")
	}
	done(string(build.Where), build.Cached)
	f.Path = build.Modules[0].Path
	p.Failing = f
	return nil
}

func (p *Prepared) chooseCall(w failable.Want) (*Failing, error) {
	module, err := p.whose(w.Module, fmt.Sprintf("call of %s is to fail", w.Call),
		fmt.Sprintf("--fail %s#%d@", w.Call, w.Nth), p.loaded())
	if err != nil {
		return nil, err
	}
	imports, err := p.imports(module)
	if err != nil {
		return nil, err
	}
	choice, err := failable.Choose(module, w.Call, imports)
	if err != nil {
		return nil, noCall(err)
	}
	return &Failing{Module: module, Nth: w.Nth, Call: w.Call, Choice: choice, Symbols: choice.Found}, nil
}

// chooseTarget finds the module that uses the task: of several, the one that uses any.
func (p *Prepared) chooseTarget(t failable.Target) (*Failing, error) {
	loaded := p.loaded()
	if t.Module == "" && len(loaded) > 1 {
		using := slices.DeleteFunc(slices.Clone(loaded), func(name string) bool {
			imports, err := p.imports(name)
			return err == nil && len(failable.Uses(imports)) == 0
		})
		if len(using) > 0 {
			loaded = using
		}
	}
	module, err := p.whose(t.Module, fmt.Sprintf("use of %s is it to end before", t.Name),
		fmt.Sprintf("--target-exits %s#%d@", t.Name, t.Nth), loaded)
	if err != nil {
		return nil, err
	}
	imports, err := p.imports(module)
	if err != nil {
		return nil, err
	}
	symbols := failable.Uses(imports)
	if len(symbols) == 0 {
		return nil, noCall(failable.NoUses(module))
	}
	return &Failing{Module: module, Nth: t.Nth, Target: &t, Symbols: symbols}, nil
}

// loaded are the modules of the run's own that it loads.
func (p *Prepared) loaded() []string {
	var names []string
	for _, m := range p.Plan.Fresh() {
		names = append(names, m.Name)
	}
	return names
}

// whose is the module whose calls count. what and flag are for a person who has to name it.
func (p *Prepared) whose(named, what, flag string, loaded []string) (string, error) {
	studied := p.Studied()
	if named != "" {
		if name := kmod.CanonicalName(named); slices.Contains(studied, name) {
			return name, nil
		}
		return "", &evidence.Failure{
			Kind: evidence.Preflight, Message: fmt.Sprintf("no call of %s can be watched: no module of that name is here", named),
			Hint: "there are " + strings.Join(studied, ", "),
		}
	}
	switch len(loaded) {
	case 1:
		return loaded[0], nil
	case 0:
		return "", &evidence.Failure{
			Kind: evidence.Preflight, Message: "no call can be watched: the run loads no module of its own",
			Hint: "name a module to load",
		}
	}
	return "", &evidence.Failure{
		Kind:    evidence.Preflight,
		Message: fmt.Sprintf("whose %s? The run loads %s", what, strings.Join(loaded, ", ")),
		Hint:    "name the module: " + flag + loaded[0],
	}
}

// imports are what a module needs of others.
func (p *Prepared) imports(module string) ([]string, error) {
	file := p.Read.Get(module)
	if file.Err != "" {
		return nil, evidence.HostFailure(fmt.Errorf("read %s: %s", module, file.Err), "")
	}
	parsed, err := kmod.ParseModule(file.Data)
	if err != nil {
		return nil, &evidence.Failure{
			Kind: evidence.Preflight, Message: fmt.Sprintf("read the imports of %s: %v", module, err),
		}
	}
	var imports []string
	for _, s := range parsed.Needs {
		imports = append(imports, s.Name)
	}
	return imports, nil
}

// noCall is the failure of a call that cannot be chosen.
func noCall(err error) error {
	if u, is := errors.AsType[*failable.Unfit](err); is {
		return &evidence.Failure{Kind: evidence.Preflight, Message: u.Message, Hint: u.Hint}
	}
	return err
}
