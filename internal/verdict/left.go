// SPDX-License-Identifier: MIT

package verdict

import (
	"strings"

	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/internal/leaks"
	"github.com/kmodlab/kmodlab/result"
)

// live is the state of a module in /proc/modules that is neither coming nor going.
const live = "live"

// left sums up what is left. Names and memory count only when every module is gone:
// one that stays may have them by right.
func (m *maker) left() []result.Leftover {
	left, gone := m.references()
	if known := &m.e.Left; gone && known.Compared {
		named := leaks.Added(&known.Before, &known.After)
		if known.Ledger != nil {
			known.Ledger.Made(named, m.e.Studied, m.placeOf)
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

// references are those that keep a module from going although nobody holds it. gone
// reports whether all modules went.
func (m *maker) references() (left []result.Leftover, gone bool) {
	gone = true
	for _, l := range m.e.Left.Modules {
		if !m.studied(l.Name) {
			continue
		}
		gone = false
		if m.e.Failed(evidence.Unload) != nil && l.Refcount > 0 && len(l.Holders) == 0 && l.State == live {
			what := plural(uint64(l.Refcount), "reference", "references") + " to " + l.Name
			left = append(left, result.Leftover{Kind: "reference", What: what, Site: openRef(m.res.Modules, l.Name)})
		}
	}
	return left, gone
}

// openRef is where the first reference that was not dropped again was taken. Only
// what modules themselves take and drop is matched: the kernel takes others for each
// load and each open file, and their puts would hide a module's get.
func openRef(modules []result.Module, name string) string {
	for _, m := range modules {
		if m.Name != name || m.RefsBefore > 0 {
			continue
		}
		var open []string
		for _, ref := range m.Refs {
			switch {
			case !strings.Contains(ref.By.Site, " ["):
			case !ref.Put:
				open = append(open, ref.By.Site)
			case len(open) > 0:
				open = open[:len(open)-1]
			}
		}
		if len(open) > 0 {
			return open[0]
		}
	}
	return ""
}
