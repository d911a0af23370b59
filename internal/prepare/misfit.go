// SPDX-License-Identifier: MIT

package prepare

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/kmod"
)

// misfit finds what cannot work although the kernel would not refuse it: a file that does
// not have its module's name, by which modprobe finds it, and a parameter for a module
// that is not loaded. A parameter that the module does not declare may still exist
// (module_param_cb leaves no trace in .modinfo), so that is only logged: the kernel
// decides.
func (p *Prepared) misfit(plan *kmod.Plan) error {
	known := make(map[string]*kmod.Module)
	var names []string
	for _, m := range plan.Modules {
		known[m.Name] = m.Module
		names = append(names, m.Name)
		if m.Module == nil {
			continue
		}
		if own := kmod.CanonicalName(m.Module.Info.Get("name")); own != "" && own != m.Name {
			return &evidence.Failure{
				Kind:    evidence.Preflight,
				Message: fmt.Sprintf("%s is module %s under another name", filepath.Base(m.Path), own),
				Hint:    fmt.Sprintf("modprobe goes by the file's name: mv %s %s.ko", filepath.Base(m.Path), own),
			}
		}
	}
	for _, given := range p.Params {
		name, rest, _ := strings.Cut(given, ".")
		param, _, _ := strings.Cut(rest, "=")
		m, planned := known[kmod.CanonicalName(name)]
		if !planned {
			return &evidence.Failure{
				Kind:    evidence.Preflight,
				Message: fmt.Sprintf("parameter %s: module %s is not loaded", given, name),
				Hint:    "modules of this run: " + strings.Join(names, ", "),
			}
		}
		if m != nil && !declares(m, param) {
			p.journal.Log(fmt.Sprintf("%s declares no parameter %s; %s", name, param, parameterList(m)))
		}
	}
	return nil
}

// declares reports whether .modinfo names a parameter, or the kernel has it for every module.
func declares(m *kmod.Module, param string) bool {
	return slices.Contains([]string{"async_probe", "dyndbg"}, param) ||
		slices.ContainsFunc(m.Info.Params(), func(p kmod.Param) bool { return p.Name == strings.ReplaceAll(param, "-", "_") })
}

func parameterList(m *kmod.Module) string {
	var names []string
	for _, p := range m.Info.Params() {
		names = append(names, p.Name)
	}
	if len(names) == 0 {
		return "it has none"
	}
	return "it has " + strings.Join(names, ", ")
}
