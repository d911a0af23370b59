// SPDX-License-Identifier: MIT

package kmod

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

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

// newPlanner reads what is known of the kernel. With lenient set, the tree need not have
// an index.
func newPlanner(tree *Tree, lenient bool) (*planner, error) {
	p := &planner{tree: tree, fresh: map[string]*Module{}, owners: map[string]string{},
		exports: map[string]Export{}, state: map[string]int{}, added: map[string]bool{}}
	sample, err := tree.sample()
	switch {
	case err == nil:
		p.vermagic, p.machine = sample.Vermagic(), sample.Machine
	case !lenient || !errors.Is(err, ErrNoIndex) && !errors.Is(err, ErrNotFound):
		return nil, err
	}
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

// addFile adds a module and checks it by itself.
func (p *planner) addFile(m *Module) {
	if old := p.fresh[m.Name]; old != nil {
		p.errs = append(p.errs, &DuplicateError{"module", m.Name, old.Path, m.Path})
		return
	}
	p.fresh[m.Name] = m
	p.order = append(p.order, m.Name)
	if m.HasInit && !m.HasExit {
		p.plan.Warnings = append(p.plan.Warnings, &NoExitError{Module: m.Name})
	}
	if p.vermagic == "" { // nothing is known of the kernel
		p.addExports(m)
		return
	}
	if m.Machine != p.machine {
		have, want := MachineName(m.Machine), MachineName(p.machine)
		p.errs = append(p.errs, &MachineError{Path: m.Path, Have: have, Want: want})
		return
	}
	if own := m.Info.Get("name"); own != "" && own != m.Name {
		p.plan.Warnings = append(p.plan.Warnings, fmt.Errorf("%s holds module %s: the kernel will list it as %s,"+
			" but modprobe and depmod call it %s", m.Path, own, own, m.Name))
	}
	warn, err := CheckVermagic(m, p.vermagic)
	if err != nil {
		p.errs = append(p.errs, err)
	}
	if warn != nil {
		p.plan.Warnings = append(p.plan.Warnings, warn)
	}
	p.addExports(m)
}

func (p *planner) addExports(m *Module) {
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

// visit adds a module after everything that it needs.
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
		p.state[name] = 2 // also if it is built in, or an alias for others
		p.addTree(asked)
		return
	}
	p.state[name] = 1
	p.path = append(p.path, name)
	depends := p.needs(m)
	for _, pre := range m.softdeps().Pre {
		if pre = CanonicalName(pre); p.state[pre] != 1 { // a cycle of soft dependencies is no error
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

// addTree adds a module of the kernel's tree, and what it needs there.
func (p *planner) addTree(name string) {
	mods, err := Closure(p.tree, []string{name})
	if err != nil {
		p.errs = append(p.errs, err)
		return
	}
	for _, m := range mods {
		switch {
		case p.fresh[m.Name] != nil: // the fresh one replaces it
			p.visit(m.Name)
		case p.added[m.Name]:
		default:
			p.added[m.Name] = true
			p.plan.Modules = append(p.plan.Modules,
				PlannedModule{Name: m.Name, Path: m.Path, InTree: true, Depends: p.tree.depNames(m.Name)})
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

// needs finds what exports each symbol that m needs, checks it, and returns the modules
// among the exporters, fresh ones and those of the tree.
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
			p.errs = append(p.errs,
				&SymbolError{Module: m.Name, Symbol: s.Name, Have: s.CRC, Want: e.CRC, Kind: ErrSymbolVersion})
		}
		if e.GPL && !m.GPLCompatible() {
			p.errs = append(p.errs,
				&LicenseError{Module: m.Name, License: m.Info.Get("license"), Symbol: s.Name, Exporter: owner})
		}
		if e.Namespace != "" && !slices.Contains(imports, e.Namespace) {
			p.errs = append(p.errs,
				&SymbolError{Module: m.Name, Symbol: s.Name, Namespace: e.Namespace, Kind: ErrNamespace})
		}
	}
	for _, d := range m.Depends() {
		// modpost derived these from the same symbols; one that no symbol needs is kept
		// if it can be found
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

// guessExporter returns the module of depends= that cannot be found, if it is only one:
// modpost knew it as an exporter when it built the module.
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

// GPLCompatible reports whether the kernel lets a module of this licence use GPL-only
// symbols. Without a licence it does not.
func (m *Module) GPLCompatible() bool {
	switch m.info().Get("license") {
	case "GPL", "GPL v2", "GPL and additional rights", "Dual BSD/GPL", "Dual MIT/GPL", "Dual MPL/GPL":
		return true
	}
	return false
}

// softdeps merges the module's own soft dependencies.
func (m *Module) softdeps() Softdep {
	var all []Softdep
	for _, s := range m.Info.All("softdep") {
		all = append(all, ParseSoftdep(s))
	}
	return mergeSoftdeps(all)
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

// uniqueErrors keeps one of each: a cycle is found from each of its modules.
func uniqueErrors(errs []error) []error {
	seen := map[string]bool{}
	return slices.DeleteFunc(errs, func(err error) bool {
		again := seen[err.Error()]
		seen[err.Error()] = true
		return again
	})
}

// depNames are the modules that one of the tree needs, indirect ones included, as
// modules.dep does not distinguish them.
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
