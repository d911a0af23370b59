// SPDX-License-Identifier: MIT

package verdict

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/result"
)

// placeCode finds the modules whose loading nobody could tell of any more.
func (m *maker) placeCode() {
	for page, code := range m.e.Code {
		if _, module := m.placeOf(page+1, atEnd); module == "" {
			m.recognize(page, code)
		}
	}
}

// recognize adds the module whose code a page is to the table of symbols.
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

// stuck are the tasks that made no progress, with their places in the sources.
func (m *maker) stuck() []result.Stuck {
	stuck := append(m.spinning(), m.e.Stuck...)
	for i := range stuck {
		s := &stuck[i]
		if caller, ok := m.stopCaller(s.PID); ok && s.Site == "" && strings.HasPrefix(s.Wait, "kthread_stop+") {
			s.Site = caller.Place() // hidden as in a crash: see unhide
		}
		runs := s.State == result.Running && (len(s.Stack) == 0 || s.Stack[0] == s.Site)
		s.File, s.Line = m.locator.position(s.Site, runs)
	}
	return stuck
}

// spinning names the places in the modules at which processors of a deaf guest
// were. What a task is called there nobody can tell.
func (m *maker) spinning() []result.Stuck {
	var stuck []result.Stuck
	for _, p := range m.e.Processors {
		name := fmt.Sprintf("processor %d", p.CPU)
		known := func(s result.Stuck) bool { return s.Comm == name }
		if site, stack := m.placeIn(p); site != "" && !slices.ContainsFunc(stuck, known) {
			stuck = append(stuck, result.Stuck{Comm: name, State: result.Running, Site: site, Stack: stack})
		}
	}
	return stuck
}

// placeIn is where in the modules a processor is, and where it is itself when it
// was called from there.
func (m *maker) placeIn(p evidence.Processor) (site string, stack []string) {
	at, module := m.placeOf(p.At, atEnd)
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
