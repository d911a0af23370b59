// SPDX-License-Identifier: MIT

package kmod

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
)

// Flags for LoadOptions, those of finit_module(2). Both let the kernel accept a module
// that does not fit it, and taint the kernel.
const (
	IgnoreModversions = 1 // MODULE_INIT_IGNORE_MODVERSIONS
	IgnoreVermagic    = 2 // MODULE_INIT_IGNORE_VERMAGIC
	compressedFile    = 4 // MODULE_INIT_COMPRESSED_FILE, Linux 5.17
)

// LoadOptions changes what Load, Steps and Preflight do. The zero value is modprobe's
// default, except that install rules are ignored and every softdep line counts.
type LoadOptions struct {
	Params         string // for the module asked for, after those of the configuration
	Flags          int    // IgnoreModversions, IgnoreVermagic; for every module that is loaded
	Alone          bool   // the name is a file: load it and nothing else, without configuration (insmod)
	UseBlacklist   bool   // skip a blacklisted module even if asked for by its own name (modprobe -b)
	FirstTime      bool   // a module that is already loaded is an error
	IgnoreCommands bool   // no install rule and no soft dependencies of the module asked for (modprobe -i)
	FirstSoftdep   bool   // of several softdep lines for a module only the first counts, as with kmod
	DryRun         bool   // change nothing
	ShowAll        bool   // ignore what is already loaded (modprobe -D)
	// Each is called before each step; nil for nothing.
	Each func(Step)
	// Warn is called for everything that a file's plan finds and the kernel would let
	// pass though it may mislead; nil for nothing.
	Warn func(error)
	// Command runs a step's install rule. If it is nil, install rules are ignored and
	// the modules are loaded.
	Command func(Step) error
}

// Loaded is a module that this process loaded.
type Loaded struct {
	Name string
	Path string
	Took time.Duration // of the system call: linking and the module's init
	Kmsg []string      // the kernel's log lines during the call, at most 200; nil if it cannot be read
	// Warnings are the lines about what the kernel let pass: unknown parameters, a
	// positive return value of init.
	Warnings []string
}

// Load loads a module and what it needs into the running kernel: Tree.Load of Running,
// with parameters for the module itself and no other option. It succeeds if the module
// is already loaded or built in.
func Load(name, params string) error {
	t, err := Running()
	if err != nil {
		return err
	}
	_, err = t.Load(name, LoadOptions{Params: params})
	return err
}

// Init loads an open module file into the running kernel, compressed or not, without
// what it needs. A refusal is a *LoadError. The file stays open.
func Init(file *os.File, params string) error {
	if err := supported("load module"); err != nil {
		return err
	}
	if file == nil {
		return fmt.Errorf("load module: %w", os.ErrInvalid)
	}
	_, err := loadOpen(file, params, 0, nil)
	return err
}

// Load loads a module and what it needs into the running kernel, as modprobe does.
// What is already loaded is skipped; a built-in is a success, and so is a blacklisted
// module that an alias stands for.
//
// A name that contains a / and is a file is loaded with what it needs from the files
// beside it, which no index has to know, and from the tree. Then everything is checked
// first, and nothing is loaded if the kernel would refuse one of the modules. Of
// modprobe.d, lines with options or forbid apply to files, blacklists and install rules do
// not; UseBlacklist, IgnoreCommands, FirstSoftdep and Command are for names. With Alone,
// only Params, Flags, DryRun and Each count.
//
// Load returns what it loaded, also together with an error. A refusal by the kernel is
// a *LoadError, an unknown name a *NotFoundError. A call lasts as long as the module's
// init function; nothing can interrupt it. Loading needs CAP_SYS_MODULE.
func (t *Tree) Load(name string, o LoadOptions) ([]*Loaded, error) {
	if err := supported("load module"); err != nil {
		return nil, err
	}
	if t == nil {
		return nil, fmt.Errorf("load module: %w", errNoTree)
	}
	switch {
	case o.Alone:
		return t.loadAlone(name, o)
	case isPath(name) && isFile(name):
		return t.loadFile(name, o)
	}
	return t.loadNamed(name, o)
}

func isFile(path string) bool {
	st, err := os.Stat(path)
	return err == nil && !st.IsDir()
}

// loadAlone does insmod's work.
func (t *Tree) loadAlone(path string, o LoadOptions) ([]*Loaded, error) {
	f, _, err := openModule(path, "load module")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if o.Each != nil {
		o.Each(Step{Name: CanonicalName(path), Path: path, Params: o.Params, Target: true})
	}
	if o.DryRun {
		return nil, nil
	}
	l, err := loadOpen(f, o.Params, o.Flags, exporter(t))
	if err != nil {
		return nil, err
	}
	return []*Loaded{l}, nil
}

func (t *Tree) loadNamed(name string, o LoadOptions) ([]*Loaded, error) {
	found, err := t.Matches(name)
	if err != nil {
		return nil, err
	}
	var done []*Loaded
	for _, m := range found {
		if !o.ShowAll && inKernel(m.Name, m.Builtin) {
			if o.FirstTime {
				return done, fmt.Errorf("load module %s: %w", m.Name, ErrAlreadyLoaded)
			}
			continue
		}
		steps, err := t.stepsOf(m, o)
		if err != nil {
			return done, err
		}
		some, err := t.carryOut(steps, o)
		done = append(done, some...)
		if err != nil {
			return done, err
		}
	}
	return done, nil
}

func (t *Tree) loadFile(path string, o LoadOptions) ([]*Loaded, error) {
	plan, err := PlanFile(t, path)
	if err != nil {
		return nil, err
	}
	for _, w := range plan.Warnings {
		if o.Warn != nil {
			o.Warn(w)
		}
	}
	target := CanonicalName(path)
	if !o.ShowAll && running.state(target) == StateLive {
		if o.FirstTime {
			return nil, fmt.Errorf("load module %s: %w", target, ErrAlreadyLoaded)
		}
		return nil, nil
	}
	cfg, err := t.Config()
	if err != nil {
		return nil, err
	}
	var steps []Step
	for _, m := range plan.Modules {
		if cfg.forbidden(m.Name) {
			return nil, &ForbiddenError{Module: m.Name, For: target}
		}
		found := TreeModule{Name: m.Name, Path: m.Path}
		steps = append(steps, cfg.step(found, m.Name == target, LoadOptions{Params: o.Params}))
	}
	return t.carryOut(steps, o)
}

func inKernel(name string, builtin bool) bool { return builtin || running.state(name) == StateLive }

// carryOut loads step after step. It is no error if somebody else loads a module in
// the meantime, or a soft dependency fails.
func (t *Tree) carryOut(steps []Step, o LoadOptions) ([]*Loaded, error) {
	var done []*Loaded
	for _, s := range steps {
		if !o.ShowAll && inKernel(s.Name, s.Builtin) {
			continue
		}
		if o.Each != nil {
			o.Each(s)
		}
		if o.DryRun || s.Builtin {
			continue
		}
		l, err := t.loadStep(s, o)
		switch {
		case err == nil && l != nil:
			done = append(done, l)
		case err == nil || s.Soft:
		case errors.Is(err, ErrAlreadyLoaded) && !(s.Target && o.FirstTime):
		default:
			return done, err
		}
	}
	return done, nil
}

// loadStep returns nil for an install rule, whose effect is unknown.
func (t *Tree) loadStep(s Step, o LoadOptions) (*Loaded, error) {
	if s.Command != "" {
		return nil, o.Command(s)
	}
	if s.Path == "" {
		return nil, &NotFoundError{Name: s.Name, Dir: t.Dir()}
	}
	f, _, err := openModule(s.Path, "load module "+s.Name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return loadOpen(f, s.Params, o.Flags, exporter(t))
}

// warnings selects the lines about what the kernel let pass.
func warnings(name string, kmsg []string) []string {
	var out []string
	for _, line := range kmsg {
		if strings.Contains(line, "unknown parameter '") || strings.Contains(line, "init suspiciously returned") ||
			strings.Contains(line, "' ignored") && strings.HasPrefix(line, name) {
			out = append(out, line)
		}
	}
	return out
}
