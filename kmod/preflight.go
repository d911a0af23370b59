// SPDX-License-Identifier: MIT

package kmod

import "errors"

// Preflight predicts what the kernel would do with modules.
type Preflight struct {
	Modules []PlannedModule // in load order; without those that cannot be ordered
	Refused []error         // why it would refuse one: *VermagicError, *SymbolError, *LicenseError, *ParamError, …
	Passed  []error         // what it would let pass though it may mislead
	// Unchecked are symbols that nobody is known to export because the tree has no
	// Module.symvers.
	Unchecked []string
}

// Err joins what would be refused; nil if nothing would. A nil Preflight checked
// nothing, which is an error.
func (p *Preflight) Err() error {
	if p == nil {
		return errors.New("no preflight was made")
	}
	return errors.Join(p.Refused...)
}

// Preflight checks what loading a module with o.Params would meet. The name is a
// module, an alias, or if it contains a / a file, which is checked with the files
// beside it that it needs. Nothing is loaded; it works on any system, and the tree need
// not be the running kernel's. The error says that the name cannot be looked up or a
// file not read; what the kernel would refuse is in the result.
func (t *Tree) Preflight(name string, o LoadOptions) (*Preflight, error) {
	p, err := newPlanner(t, true)
	if err != nil {
		return nil, err
	}
	target, err := p.addTarget(name, o)
	if err != nil {
		return nil, err
	}
	for _, name := range p.order {
		p.visit(name)
	}
	refused := uniqueErrors(p.blameRelease())
	plan := p.result()
	pre := &Preflight{Modules: plan.Modules, Refused: refused, Passed: plan.Warnings, Unchecked: plan.Unchecked}
	for name, text := range target {
		if m := p.fresh[name]; m != nil {
			pre.addParams(m, text)
		}
	}
	return pre, nil
}

// addTarget adds the files that name stands for and what they need. It returns the
// modules asked for, with their parameters.
func (p *planner) addTarget(name string, o LoadOptions) (map[string]string, error) {
	cfg, err := p.tree.Config()
	if err != nil {
		return nil, err
	}
	if isPath(name) {
		m, err := OpenModule(name)
		if err != nil {
			return nil, err
		}
		p.addFile(m)
		return map[string]string{m.Name: cfg.params(TreeModule{Name: m.Name}) + " " + o.Params}, p.addSiblings(m)
	}
	steps, err := p.tree.Steps(name, o)
	if err != nil {
		return nil, err
	}
	target := map[string]string{}
	for _, s := range steps {
		if s.Path == "" || p.fresh[s.Name] != nil {
			continue
		}
		m, err := OpenModule(s.Path)
		if err != nil {
			return nil, err
		}
		p.addFile(m)
		if s.Target {
			target[m.Name] = s.Params
		}
	}
	return target, nil
}

// isPath distinguishes a file from a name: a module's name has no slash, and in an alias
// a colon comes first.
func isPath(name string) bool {
	for i := range len(name) {
		switch name[i] {
		case '/':
			return true
		case ':': // a modalias may have slashes further on
			return false
		}
	}
	return false
}

func (pre *Preflight) addParams(m *Module, params string) {
	for _, err := range m.CheckParams(params) {
		if e, ok := errors.AsType[*ParamError](err); ok && e.Unknown() {
			pre.Passed = append(pre.Passed, err)
			continue
		}
		pre.Refused = append(pre.Refused, err)
	}
}
