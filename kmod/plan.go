// SPDX-License-Identifier: MIT

package kmod

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
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
	return slices.DeleteFunc(slices.Clone(p.Modules), func(m PlannedModule) bool { return m.InTree })
}

// SymbolError says that a module needs a symbol that will not be there, or not
// in the version that it was built against.
type SymbolError struct {
	Module, Symbol string
	Exporter       string // a module that was not given and has the symbol; else empty
	Have, Want     uint32 // for ErrSymbolVersion: the module's CRC and the kernel's
	Namespace      string // for ErrNamespace
	Kind           error  // ErrUnknownSymbol, ErrSymbolVersion or ErrNamespace
}

func (e *SymbolError) Error() string {
	switch {
	case e.Kind == ErrSymbolVersion:
		return fmt.Sprintf("%s was built against another version of symbol %s (%#08x, the kernel has %#08x); build it with this kernel's headers", e.Module, e.Symbol, e.Have, e.Want)
	case e.Kind == ErrNamespace:
		return fmt.Sprintf("%s uses symbol %s of namespace %s without importing it; add MODULE_IMPORT_NS(%s)", e.Module, e.Symbol, e.Namespace, e.Namespace)
	case e.Exporter != "":
		return fmt.Sprintf("%s needs symbol %s, which %s exports; give that module, too", e.Module, e.Symbol, e.Exporter)
	}
	return fmt.Sprintf("%s needs symbol %s, which neither the kernel nor any given module exports", e.Module, e.Symbol)
}

// Is makes a SymbolError the sentinel of its Kind.
func (e *SymbolError) Is(target error) bool { return target == e.Kind }

// DuplicateError says that two files claim one name: that of a module or of an exported symbol.
type DuplicateError struct {
	What, Name    string // "module" or "symbol", and its name
	First, Second string // files or modules
}

func (e *DuplicateError) Error() string {
	return fmt.Sprintf("%s %s comes from both %s and %s; the kernel takes one only", e.What, e.Name, e.First, e.Second)
}

// Is makes a DuplicateError an ErrDuplicate.
func (e *DuplicateError) Is(target error) bool { return target == ErrDuplicate }

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
	p, err := newPlanner(tree)
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
	for _, name := range names {
		p.visit(name)
	}
	p.errs = uniqueErrors(p.blameRelease())
	if len(p.errs) > 0 {
		return nil, errors.Join(p.errs...)
	}
	slices.Sort(p.plan.Unchecked)
	p.plan.Unchecked = slices.Compact(p.plan.Unchecked)
	return &p.plan, nil
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
			if err == nil && !d.IsDir() && isModuleFile(d.Name()) {
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

type planner struct {
	tree     *Tree
	vermagic string
	machine  uint16
	symvers  map[string]Exported
	treeSyms map[string]string // symbol to module, by the tree's modules.symbols

	fresh   map[string]*Module
	order   []string          // names of fresh, as given
	owners  map[string]string // symbol to fresh module
	exports map[string]Export

	state map[string]int  // 1: being visited, 2: in the plan
	added map[string]bool // modules of the tree in the plan
	path  []string
	plan  Plan
	errs  []error
}

func newPlanner(tree *Tree) (*planner, error) {
	p := &planner{tree: tree, fresh: map[string]*Module{}, owners: map[string]string{}, exports: map[string]Export{}, state: map[string]int{}, added: map[string]bool{}}
	sample, err := tree.sample()
	if err != nil {
		return nil, err
	}
	p.vermagic, p.machine = sample.Vermagic(), sample.Machine
	if p.symvers, err = tree.Symvers(); err != nil {
		return nil, err
	}
	data, err := tree.table("modules.symbols")
	if err != nil {
		return nil, err
	}
	p.treeSyms = parseSymbols(data)
	return p, nil
}

// addFile takes a module in and checks it by itself.
func (p *planner) addFile(m *Module) {
	if old := p.fresh[m.Name]; old != nil {
		p.errs = append(p.errs, &DuplicateError{"module", m.Name, old.Path, m.Path})
		return
	}
	p.fresh[m.Name] = m
	p.order = append(p.order, m.Name)
	if m.Machine != p.machine {
		p.errs = append(p.errs, &MachineError{Path: m.Path, Have: MachineName(m.Machine), Want: MachineName(p.machine)})
		return
	}
	if own := m.Info.Get("name"); own != "" && own != m.Name {
		p.plan.Warnings = append(p.plan.Warnings, fmt.Errorf("%s holds module %s: the kernel will list it as %s, modprobe and depmod call it %s", m.Path, own, own, m.Name))
	}
	warn, err := CheckVermagic(m, p.vermagic)
	if err != nil {
		p.errs = append(p.errs, err)
	}
	if warn != nil {
		p.plan.Warnings = append(p.plan.Warnings, warn)
	}
	for _, e := range m.Exports {
		if owner, ok := p.owners[e.Name]; ok {
			p.errs = append(p.errs, &DuplicateError{"symbol", e.Name, owner, m.Name})
			continue
		}
		if v, ok := p.symvers[e.Name]; ok && v.Module == "vmlinux" {
			p.errs = append(p.errs, &DuplicateError{"symbol", e.Name, "the kernel", m.Name})
		}
		p.owners[e.Name], p.exports[e.Name] = m.Name, e
	}
}

// visit puts a module behind all that it needs.
func (p *planner) visit(asked string) {
	name := CanonicalName(asked)
	switch p.state[name] {
	case 1:
		at := slices.Index(p.path, name)
		p.errs = append(p.errs, &CycleError{Names: append(slices.Clone(p.path[at:]), name)})
		return
	case 2:
		return
	}
	m := p.fresh[name]
	if m == nil {
		p.state[name] = 2 // also when it is built in, or an alias for others
		p.addTree(asked)
		return
	}
	p.state[name] = 1
	p.path = append(p.path, name)
	depends := p.needs(m)
	for _, pre := range m.softdeps().Pre {
		if pre = CanonicalName(pre); p.state[pre] != 1 { // a soft dependency makes no cycle
			p.visitSoft(pre)
		}
	}
	for _, d := range depends {
		p.visit(d)
	}
	p.path = p.path[:len(p.path)-1]
	p.state[name] = 2
	p.plan.Modules = append(p.plan.Modules, PlannedModule{Name: name, Path: m.Path, Depends: depends, Module: m})
}

// addTree puts a module of the kernel's tree in, with what it needs there.
func (p *planner) addTree(name string) {
	mods, err := Closure(p.tree, []string{name})
	if err != nil {
		p.errs = append(p.errs, err)
		return
	}
	for _, m := range mods {
		switch {
		case p.fresh[m.Name] != nil: // the fresh one takes its place
			p.visit(m.Name)
		case p.added[m.Name]:
		default:
			p.added[m.Name] = true
			p.plan.Modules = append(p.plan.Modules, PlannedModule{Name: m.Name, Path: m.Path, InTree: true, Depends: p.tree.depNames(m.Name)})
		}
	}
}

// visitSoft is visit for a module that need not exist.
func (p *planner) visitSoft(name string) {
	if p.fresh[name] == nil {
		if _, err := p.tree.Resolve(name); err != nil {
			return
		}
	}
	p.visit(name)
}

// needs finds who exports each symbol that m needs and returns the modules
// among them, the fresh and those of the tree.
func (p *planner) needs(m *Module) []string {
	var depends []string
	imports := m.Info.All("import_ns")
	for _, s := range m.Needs {
		owner, e, ok := p.owner(s.Name)
		if !ok {
			p.missing(m, s)
			continue
		}
		if owner != "" && owner != m.Name {
			depends = appendNew(depends, owner)
		}
		if s.HasCRC && e.HasCRC && s.CRC != e.CRC {
			p.errs = append(p.errs, &SymbolError{Module: m.Name, Symbol: s.Name, Have: s.CRC, Want: e.CRC, Kind: ErrSymbolVersion})
		}
		if e.Namespace != "" && !slices.Contains(imports, e.Namespace) {
			p.errs = append(p.errs, &SymbolError{Module: m.Name, Symbol: s.Name, Namespace: e.Namespace, Kind: ErrNamespace})
		}
	}
	for _, d := range m.Depends() {
		// modpost wrote these by the same symbols; one that no symbol asks for
		// is kept where it can be found
		if p.fresh[d] != nil {
			depends = appendNew(depends, d)
		} else if _, ok, err := p.tree.module(d); ok && err == nil {
			depends = appendNew(depends, d)
		}
	}
	return depends
}

// owner finds a symbol's module; owner is "" for the kernel image.
func (p *planner) owner(symbol string) (owner string, e Export, ok bool) {
	if name, ok := p.owners[symbol]; ok {
		return name, p.exports[symbol], true
	}
	v, inSymvers := p.symvers[symbol]
	if name := p.treeSyms[symbol]; name != "" && p.fresh[name] == nil {
		return name, v.Export, true
	}
	if inSymvers && v.Module == "vmlinux" {
		return "", v.Export, true
	}
	return "", Export{}, false
}

func (p *planner) missing(m *Module, s Symbol) {
	switch {
	case s.Weak:
	case p.symvers == nil:
		p.plan.Unchecked = append(p.plan.Unchecked, s.Name)
	default:
		e := &SymbolError{Module: m.Name, Symbol: s.Name, Kind: ErrUnknownSymbol}
		if v, ok := p.symvers[s.Name]; ok {
			e.Exporter = v.Module
		} else if ds := m.Depends(); len(ds) > 0 {
			e.Exporter = p.guessExporter(ds)
		}
		p.errs = append(p.errs, e)
	}
}

// guessExporter is the one module of depends= that is nowhere: modpost knew it
// as an exporter when it built the module.
func (p *planner) guessExporter(depends []string) string {
	gone := ""
	for _, d := range depends {
		if p.fresh[d] != nil {
			continue
		}
		if _, ok, err := p.tree.module(d); ok || err != nil {
			continue
		}
		if gone != "" {
			return ""
		}
		gone = d
	}
	return gone
}

// MachineError says that a module is for another kind of processor.
type MachineError struct{ Path, Have, Want string }

func (e *MachineError) Error() string {
	return fmt.Sprintf("%s is a module for %s, the kernel is for %s", e.Path, e.Have, e.Want)
}

// Is makes a MachineError an ErrWrongMachine.
func (e *MachineError) Is(target error) bool { return target == ErrWrongMachine }

// softdeps merges the module's own soft dependencies.
func (m *Module) softdeps() Softdep {
	var all Softdep
	for _, s := range m.Info.All("softdep") {
		d := parseSoftdep(s)
		all.Pre = append(all.Pre, d.Pre...)
		all.Post = append(all.Post, d.Post...)
	}
	return all
}

// parseSymbols reads modules.symbols.
func parseSymbols(data []byte) map[string]string {
	owners := make(map[string]string, strings.Count(string(data), "\n"))
	for line := range lines(data) {
		rest, ok := strings.CutPrefix(string(line), "alias symbol:")
		if !ok {
			continue
		}
		if symbol, owner, ok := strings.Cut(rest, " "); ok {
			owners[symbol] = owner
		}
	}
	return owners
}

// uniqueErrors keeps one of each: a ring of modules is found from each of its members.
func uniqueErrors(errs []error) []error {
	seen := map[string]bool{}
	return slices.DeleteFunc(errs, func(err error) bool {
		again := seen[err.Error()]
		seen[err.Error()] = true
		return again
	})
}

// depNames are the modules that one of the tree needs, indirect ones as well, as
// modules.dep does not tell them apart.
func (t *Tree) depNames(name string) []string {
	m, ok, err := t.module(name)
	if !ok || err != nil {
		return nil
	}
	names := make([]string, len(m.deps))
	for i, path := range m.deps {
		names[i] = CanonicalName(path)
	}
	return names
}
