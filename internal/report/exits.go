// SPDX-License-Identifier: MIT

package report

import (
	"fmt"

	"github.com/kmodlab/kmodlab/result"
)

// exitEntries are the tasks that ended just before a module used them.
func exitEntries(list []result.TargetExit) []entry {
	var entries []entry
	for i := range list {
		x := &list[i]
		if !x.Made || x.AtNS == nil {
			continue
		}
		var how string
		switch {
		case !x.Ended:
			how = fmt.Sprintf("waits for the end of %s[%d], which got SIGKILL and did not end", clean(x.Target), x.PID)
		case !x.Reaped:
			how = fmt.Sprintf("waits until %s[%d] was ended, for which nobody has waited", clean(x.Target), x.PID)
		default:
			how = fmt.Sprintf("waits until %s[%d] was ended and is gone", clean(x.Target), x.PID)
		}
		if x.Site != "" {
			how = join(" ", how, inSite(x.Site))
			if x.File != "" {
				how += " (" + clean(x.File) + fmt.Sprintf(":%d)", x.Line)
			}
		}
		entries = append(entries, at(*x.AtNS, row{who: whoever(x.By), what: clean(x.Function), how: how, color: yellow}))
	}
	return entries
}

// notExited says which tasks were to end and did not, or of which that is not known.
func (p *printer) notExited(list []result.TargetExit) {
	for i := range list {
		x := &list[i]
		name, module := clean(x.Target), clean(x.Module)
		switch {
		case x.Made:
		case x.Unknown != "":
			p.para("", fmt.Sprintf("Whether %s ended is not known: %s.", name, clean(x.Unknown)))
		case x.Uses == 0:
			p.para("", fmt.Sprintf("%s used no task named %s, so none was ended.", module, name))
		default:
			p.para("", fmt.Sprintf("%s used a task named %s only %s, so none was ended before use %d.", module, name,
				plural(x.Uses, "time", "times"), x.Nth))
		}
	}
}
