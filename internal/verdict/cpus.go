// SPDX-License-Identifier: MIT

package verdict

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/internal/hang"
	"github.com/kmodlab/kmodlab/result"
)

// placeCode finds the modules whose load records were lost with the guest.
func (m *maker) placeCode() {
	for page, code := range m.e.Code {
		if _, module := m.placeOf(page+1, atEnd); module == "" {
			m.recognize(page, code)
		}
	}
}

// recognize adds to the table of symbols the module whose code is in a page.
func (m *maker) recognize(page uint64, code []byte) {
	for _, name := range m.e.Studied {
		file := m.e.Files[name]
		if len(file.Data) == 0 { // without a file there are no symbols either
			continue
		}
		if known, _ := m.table.Recognize(name, file.Data, code, page); known {
			return
		}
	}
}

// stuck returns the tasks that made no progress, with their places in the sources.
func (m *maker) stuck() []result.Stuck {
	stuck := append(m.spinning(), m.e.Stuck...)
	for i := range stuck {
		s := &stuck[i]
		m.nameThread(s)
		if caller, ok := m.stopCaller(s.PID); ok && s.Site == "" && strings.HasPrefix(s.Wait, "kthread_stop+") {
			s.Site = caller.Place() // hidden as in a crash: see unhide
		}
		runs := s.State == result.Running && (len(s.Stack) == 0 || s.Stack[0] == s.Site) || s.Of != "" // an instruction
		s.File, s.Line = m.locator.position(s.Site, runs)
	}
	return stuck
}

// nameThread names the task of a CPU that spins in the function of a kernel thread, if there was one such thread.
func (m *maker) nameThread(s *result.Stuck) {
	var of []result.Thread
	for _, t := range m.res.Threads {
		if t.PID != 0 && t.Function == withoutOffset(s.Site) {
			of = append(of, t)
		}
	}
	if s.PID == 0 && s.State == result.Running && len(of) == 1 {
		s.Comm, s.PID = of[0].Name, of[0].PID
	}
}

// spinning returns the places in the modules at which the CPUs of an unresponsive
// guest were. The names of the tasks there are not known.
func (m *maker) spinning() []result.Stuck {
	var stuck []result.Stuck
	study := hang.Study{Modules: m.e.Studied, Code: m.codeOf}
	if s, ok := m.restarting(); ok { // another CPU may only wait for this one
		return []result.Stuck{s}
	}
	for _, p := range m.e.Samples {
		name := fmt.Sprintf("CPU %d", p.CPU)
		known := func(s result.Stuck) bool { return s.Comm == name }
		if site, stack := m.placeIn(p); site != "" && !slices.ContainsFunc(stuck, known) {
			s := result.Stuck{Comm: name, State: result.Running, Site: site, Stack: stack}
			if len(stack) > 0 { // the innermost function is the kernel's own
				study.SpinsFor(&s)
			}
			stuck = append(stuck, s)
		}
	}
	return stuck
}

// restarting finds a CPU that calls the function of a timer again and again.
func (m *maker) restarting() (result.Stuck, bool) {
	of := make(map[int][]hang.Sample)
	for _, p := range m.e.Samples {
		seen := hang.Sample{Timer: p.Timer}
		if site, module := m.instruction(p.At); m.studied(module) {
			seen.Place = site
		}
		for _, addr := range p.Timers {
			if site, module := m.instruction(addr); m.studied(module) {
				seen.Timers = append(seen.Timers, site)
			}
		}
		of[p.CPU] = append(of[p.CPU], seen)
	}
	for _, cpu := range slices.Sorted(maps.Keys(of)) {
		if spin, ok := hang.Restarts(of[cpu]); ok {
			return result.Stuck{
				Comm: fmt.Sprintf("CPU %d", cpu), State: result.Running, Site: spin.Site, Stack: []string{spin.Site},
				Wait: hang.TimerLoop, Note: hang.RestartsTimer,
			}, true
		}
	}
	return result.Stuck{}, false
}

// placeIn returns where in the modules a CPU is. If a module called the function that
// the CPU is in, stack has both.
func (m *maker) placeIn(p evidence.Sample) (site string, stack []string) {
	at, module := m.instruction(p.At)
	if m.studied(module) {
		return at, nil
	}
	for _, addr := range p.Called {
		if site, module := m.placeOf(addr, atEnd); m.studied(module) {
			return site, []string{at, site}
		}
	}
	return "", nil
}
