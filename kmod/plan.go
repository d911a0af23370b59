// SPDX-License-Identifier: MIT

package kmod

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kmodlab/kmodlab/kmod/internal/ko"
)

// PlannedModule is one module of a Plan.
type PlannedModule struct {
	Name    string
	Path    string
	InTree  bool     // from the kernel's own tree, not one of the given files
	Depends []string // names of the modules that it needs directly, of the given files and of the tree
	Module  *Module  // nil for InTree
}

// Plan is what loading a set of fresh module files takes.
type Plan struct {
	Modules  []PlannedModule // in load order, including those of the tree
	Warnings []error         // what the kernel would let pass though it may mislead
	// Unchecked are symbols that nobody is known to export because the tree has no
	// Module.symvers.
	Unchecked []string
}

// Fresh returns the modules that were given as files, in load order.
func (p *Plan) Fresh() []PlannedModule {
	if p == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(p.Modules), func(m PlannedModule) bool { return m.InTree })
}

// NewPlan orders fresh module files, which no index knows, and finds what they need from
// the kernel's tree. files are modules, and folders to search with all their subfolders.
// names choose among the files, and what those need is added; without names all are
// taken. A name that is none of the files is looked up in the tree. The tree needs its
// index (see package depmod).
//
// Everything that the kernel would refuse is found before anything is loaded: the error
// joins all of it, each a *FileError, *VermagicError, *MachineError, *SymbolError,
// *LicenseError, *DuplicateError, *CycleError or *NotFoundError.
func NewPlan(tree *Tree, files, names []string) (*Plan, error) {
	p, err := newPlanner(tree, false)
	if err != nil {
		return nil, err
	}
	paths, err := expandFiles(files)
	if err != nil {
		return nil, err
	}
	for _, path := range paths {
		m, err := OpenModule(path)
		if err != nil {
			p.errs = append(p.errs, err)
			continue
		}
		p.addFile(m)
	}
	if len(names) == 0 {
		names = p.order
	}
	return p.finish(names)
}

// PlanFile orders a module file after what it needs from the files in its folder and from
// the tree. Of the files beside it only those are read that it names as dependencies, or
// all if it needs a symbol that nothing else has. The tree may lack an index; then nothing
// is known of its kernel. Errors are those of NewPlan.
func PlanFile(tree *Tree, path string) (*Plan, error) {
	p, err := newPlanner(tree, true)
	if err != nil {
		return nil, err
	}
	m, err := OpenModule(path)
	if err != nil {
		return nil, err
	}
	p.addFile(m)
	if err := p.addSiblings(m); err != nil {
		return nil, err
	}
	return p.finish([]string{m.Name})
}

// addSiblings adds those files of m's folder that it needs.
func (p *planner) addSiblings(m *Module) error {
	entries, err := os.ReadDir(filepath.Dir(m.Path))
	if err != nil {
		return fmt.Errorf("read modules: %w", err)
	}
	beside := map[string]string{}
	for _, e := range entries {
		if name := CanonicalName(e.Name()); ko.IsModuleName(e.Name()) && name != m.Name {
			beside[name] = filepath.Join(filepath.Dir(m.Path), e.Name())
		}
	}
	for queue := []*Module{m}; len(queue) > 0; queue = queue[1:] {
		for _, name := range append(queue[0].Depends(), queue[0].softdeps().Pre...) {
			name = CanonicalName(name)
			path, ok := beside[name]
			if !ok {
				continue
			}
			delete(beside, name)
			dep, err := OpenModule(path)
			if err != nil {
				return err
			}
			p.addFile(dep)
			queue = append(queue, dep)
		}
	}
	if p.satisfied() {
		return nil
	}
	var rest []*Module
	for _, path := range beside {
		if dep, err := OpenModule(path); err == nil { // a damaged one is not known to be needed
			rest = append(rest, dep)
		}
	}
	slices.SortFunc(rest, func(a, b *Module) int { return strings.Compare(a.Name, b.Name) })
	p.addExporters(rest)
	return nil
}

// addExporters adds the modules that export what is wanted, and then what they want.
func (p *planner) addExporters(mods []*Module) {
	for again := true; again; {
		again = false
		mods = slices.DeleteFunc(mods, func(m *Module) bool {
			if !slices.ContainsFunc(m.Exports, func(e Export) bool { return p.wanted(e.Name) }) {
				return false
			}
			p.addFile(m)
			again = true
			return true
		})
	}
}

// wanted reports whether a fresh module needs a symbol that nothing so far exports.
func (p *planner) wanted(symbol string) bool {
	if _, _, ok := p.owner(symbol); ok {
		return false
	}
	for _, m := range p.fresh {
		if slices.ContainsFunc(m.Needs, func(s Symbol) bool { return s.Name == symbol && !s.Weak }) {
			return true
		}
	}
	return false
}

// satisfied reports whether every symbol that fresh modules need has an owner.
func (p *planner) satisfied() bool {
	for _, m := range p.fresh {
		if slices.ContainsFunc(m.Needs, func(s Symbol) bool { return p.wanted(s.Name) }) {
			return false
		}
	}
	return true
}

// finish orders the modules to load and collects what is wrong.
func (p *planner) finish(names []string) (*Plan, error) {
	for _, name := range names {
		p.visit(name)
	}
	if errs := uniqueErrors(p.blameRelease()); len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return p.result(), nil
}

func (p *planner) result() *Plan {
	slices.Sort(p.plan.Unchecked)
	p.plan.Unchecked = slices.Compact(p.plan.Unchecked)
	return &p.plan
}

// blameRelease replaces symbol versions that differ by the release that the module was
// built for, if that is the reason: it is the better explanation.
func (p *planner) blameRelease() []error {
	others := map[string]error{}
	for _, w := range p.plan.Warnings {
		if e, ok := errors.AsType[*VermagicError](w); ok {
			others[e.Module] = e
		}
	}
	var errs []error
	for _, err := range p.errs {
		if e, ok := errors.AsType[*SymbolError](err); ok && e.Kind == ErrSymbolVersion && others[e.Module] != nil {
			err = others[e.Module]
		}
		errs = append(errs, err)
	}
	return errs
}

// expandFiles replaces folders by the modules in them.
func expandFiles(files []string) ([]string, error) {
	var paths []string
	for _, file := range files {
		st, err := os.Stat(file)
		if err != nil {
			return nil, fmt.Errorf("read modules: %w", err)
		}
		if !st.IsDir() {
			paths = append(paths, file)
			continue
		}
		err = filepath.WalkDir(file, func(path string, d os.DirEntry, err error) error {
			if err == nil && !d.IsDir() && ko.IsModuleName(d.Name()) {
				paths = append(paths, path)
			}
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("read modules: %w", err)
		}
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("read modules: no module file (.ko) in %s: %w", strings.Join(files, ", "), ErrNotFound)
	}
	return paths, nil
}
