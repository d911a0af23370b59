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
	InTree  bool     // from the kernel's own tree, not of the given files
	Depends []string // names of what it needs directly, of the given files and of the tree
	Module  *Module  // of a given file; nil for InTree
}

// Plan is what loading a set of fresh module files takes.
type Plan struct {
	Modules  []PlannedModule // in load order, those of the tree among them
	Warnings []error         // what the kernel would let pass
	// Unchecked are symbols of which nothing says who exports them, because
	// the kernel's Module.symvers is not there.
	Unchecked []string
}

// Fresh returns the modules that were given as files, in load order.
func (p *Plan) Fresh() []PlannedModule {
	if p == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(p.Modules), func(m PlannedModule) bool { return m.InTree })
}

// NewPlan orders fresh module files, which no index knows, and finds what they
// need from the kernel's tree. files are modules or folders, which are searched for modules with
// all their subfolders; names choose among them, with what those need, and all are taken
// where names is empty. A name that is none of the files is looked up in the
// tree. The tree needs its index (see WriteIndex).
//
// Everything that the kernel would refuse is found before anything is loaded:
// the error joins all of it, each a FileError, VermagicError, SymbolError,
// DuplicateError, CycleError or NotFoundError.
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

// PlanFile orders a module file behind what it needs: of the modules that lie
// beside it in its folder, and of the tree. Of the files beside it only those are
// read that it names as dependencies, or all when it needs a symbol that nobody
// else has. A tree without an index is taken for one that nothing is known of.
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

// addSiblings adds the files of m's folder that it needs.
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
		if dep, err := OpenModule(path); err == nil { // another is not known to be needed
			rest = append(rest, dep)
		}
	}
	slices.SortFunc(rest, func(a, b *Module) int { return strings.Compare(a.Name, b.Name) })
	p.addExporters(rest)
	return nil
}

// addExporters adds those that export what is wanted, and then what these want.
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

// wanted tells whether a fresh module needs a symbol that nothing so far exports.
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

// satisfied tells whether every symbol that fresh modules need has an owner.
func (p *planner) satisfied() bool {
	for _, m := range p.fresh {
		if slices.ContainsFunc(m.Needs, func(s Symbol) bool { return p.wanted(s.Name) }) {
			return false
		}
	}
	return true
}

// finish visits the modules to load and judges.
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

// blameRelease puts the release that a module was built for in the place of the
// symbol versions that differ for that reason, which are the worse explanation.
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
