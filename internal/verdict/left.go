// SPDX-License-Identifier: MIT

package verdict

import (
	"slices"
	"strings"

	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/internal/leaks"
	"github.com/kmodlab/kmodlab/result"
)

// live is the state in /proc/modules of a module that is neither loading nor unloading.
const live = "live"

// left returns what is left behind. Names and memory count only if every module was
// unloaded: a module that is still loaded may own them.
func (m *maker) left() []result.Leftover {
	left, gone := m.references()
	known := m.e.Left
	if known.Ledger != nil && known.Ledger.Unloading() {
		known.Ledger = nil
	}
	if known.Ledger != nil {
		known.Ledger.Others = len(known.Others) > 0
	}
	if gone && (known.Compared || known.Ledger != nil) {
		var named []result.Leftover
		if known.Compared {
			named = leaks.Added(&known.Before, &known.After)
		}
		if known.Ledger != nil {
			known.Ledger.Made(named, m.e.Studied, m.placeOf)
		}
		if len(known.Others) > 0 { // what nobody is seen to have made may be theirs
			named = slices.DeleteFunc(named, func(l result.Leftover) bool { return l.Site == "" })
		}
		left = append(left, named...)
		if known.Ledger != nil {
			left = append(left, known.Ledger.Left(m.e.Studied, m.placeOf)...)
		}
	}
	for i := range left {
		left[i].File, left[i].Line = m.locator.position(left[i].Site, false)
	}
	return left
}

// misuse returns what the modules did wrong without the kernel's noticing.
func (m *maker) misuse() []result.Misuse {
	if m.e.Left.Ledger == nil {
		return nil
	}
	list := m.e.Left.Ledger.FreedTwice(m.e.Studied, m.placeOf)
	for i := range list {
		u := &list[i]
		u.File, u.Line = m.locator.position(u.Site, false)
		u.FirstFile, u.FirstLine = m.locator.position(u.First, false)
	}
	return list
}

// unpaired adds the source lines to what the modules have no way to give back.
func (m *maker) unpaired() []result.Unpaired {
	list := slices.DeleteFunc(slices.Clone(m.e.Left.Unpaired), func(u result.Unpaired) bool { return !m.loaded(u.Module) })
	for i := range list {
		list[i].File, list[i].Line = m.locator.position(list[i].Site, false)
	}
	return list
}

// unchecked returns what is not looked for of the modules that were loaded.
func (m *maker) unchecked() []result.Unchecked {
	list := slices.Clone(m.e.Left.Unchecked)
	return slices.DeleteFunc(list, func(u result.Unchecked) bool { return !m.loaded(u.Module) })
}

// loaded reports whether a module was loaded, or its init was called.
func (m *maker) loaded(name string) bool {
	return slices.ContainsFunc(m.res.Modules, func(l result.Module) bool {
		return l.Name == name && (l.Loaded || l.LoadedNS != nil)
	})
}

// references returns the references that prevent a module's unload although no other module uses it, as far as the
// modules are seen to have taken them. What the kernel took for its own purposes, a socket of the module's family or a
// mount, may be meant to stay: the refused unload says where. gone reports whether all modules were unloaded.
func (m *maker) references() (left []result.Leftover, gone bool) {
	gone = true
	for _, l := range m.e.Left.Modules {
		if !m.studied(l.Name) {
			continue
		}
		gone = false
		if m.e.Failed(evidence.Unload) == nil || !kept(&l) || explained(&l, m.e.Left.Keepers) {
			continue
		}
		what := plural(uint64(l.Refcount), "reference", "references") + " to " + l.Name
		ref := m.keeper(result.Leftover{Kind: "reference", What: what, Site: openRef(m.res.Modules, l.Name)})
		if ref.Site != "" {
			left = append(left, ref)
		}
	}
	return left, gone
}

// kept reports whether references keep a module that no other module uses.
func kept(l *evidence.Loaded) bool { return l.Refcount > 0 && len(l.Holders) == 0 && l.State == live }

// keeper adds to a reference that the kernel took what it took it for: a file that the module itself holds open keeps
// the module whose device it is.
func (m *maker) keeper(l result.Leftover) result.Leftover {
	ledger := m.e.Left.Ledger
	if l.Site != "" || ledger == nil || ledger.Unloading() {
		return l
	}
	for _, held := range ledger.Left(m.e.Studied, m.placeOf) {
		if strings.HasPrefix(held.What, "an open file") {
			l.What, l.Site = l.What+", by "+held.What, held.Site
			break
		}
	}
	return l
}

// openRef returns where the first reference that was never dropped was taken. Only
// the modules' own gets and puts are matched: the kernel takes other references for
// each load and each open file, and their puts would hide a module's get.
func openRef(modules []result.Module, name string) string {
	for _, m := range modules {
		if m.Name != name {
			continue
		}
		var open []string
		puts := false
		for _, ref := range m.Refs {
			switch {
			case !strings.Contains(ref.By.Site, " ["):
			case !ref.Put:
				open = append(open, ref.By.Site)
			default:
				puts = true
				open = open[:max(len(open)-1, 0)]
			}
		}
		if len(open) > 0 && (m.RefsBefore == 0 || !puts) {
			return open[0]
		}
	}
	return ""
}

// takers are the functions that took references, among those for which of holds. There are none if some references were
// dropped: which ones is not known, as the functions that drop have other names.
func takers(refs []result.Ref, of func(site string) bool) (functions []string) {
	for _, ref := range refs {
		switch {
		case !of(ref.By.Site):
		case ref.Put:
			return nil
		default:
			function, _, _ := strings.Cut(ref.By.Site, "+")
			functions = append(functions, function)
		}
	}
	return functions
}

// keptBy says which functions of the kernel took the references that keep a module, "" if that is not known for sure.
func keptBy(e *evidence.Evidence, res *result.Result) string {
	// A module is loaded with a reference that nobody is seen to take, and init's end drops it.
	kernels := func(site string) bool {
		return !strings.Contains(site, " [") && !strings.HasPrefix(site, "do_init_module+")
	}
	for i := range e.Left.Modules {
		l := &e.Left.Modules[i]
		if !kept(l) || !slices.Contains(e.Studied, l.Name) {
			continue
		}
		var functions []string
		for _, m := range res.Modules {
			if m.Name == l.Name && m.RefsBefore == 0 {
				functions = takers(m.Refs, kernels)
			}
		}
		if len(functions) > 0 {
			return "; the kernel took references to " + l.Name + " in " +
				list(slices.Compact(slices.Sorted(slices.Values(functions))))
		}
	}
	return ""
}
