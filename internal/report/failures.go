// SPDX-License-Identifier: MIT

package report

import (
	"fmt"

	"github.com/kmodlab/kmodlab/result"
)

// failureEntries are the calls that were made to fail.
func failureEntries(list []result.FailedCall) []entry {
	var entries []entry
	for i := range list {
		c := &list[i]
		if !c.Made || c.AtNS == nil {
			continue
		}
		how := fmt.Sprintf("was made to return %s", glued(clean(c.Returned)))
		if c.Site != "" {
			how = join(" ", how, inSite(c.Site))
			if c.File != "" {
				how += " (" + clean(c.File) + fmt.Sprintf(":%d)", c.Line)
			}
		}
		what := fmt.Sprintf("call %d of %s", c.Nth, clean(c.Function))
		entries = append(entries, at(*c.AtNS, row{who: whoever(c.By), what: what, how: how, color: yellow}))
	}
	return entries
}

// notMade says which calls were to fail and did not, or of which that is not known.
func (p *printer) notMade(list []result.FailedCall) {
	for i := range list {
		if c := &list[i]; !c.Made {
			p.para("", notMade(c))
		}
	}
}

func notMade(c *result.FailedCall) string {
	name := clean(c.Function)
	switch {
	case c.Unknown != "":
		return fmt.Sprintf("Whether call %d of %s failed is not known: %s.", c.Nth, name, clean(c.Unknown))
	case c.Calls == 0:
		return fmt.Sprintf("%s made no call of %s, so none was made to fail.", clean(c.Module), name)
	}
	return fmt.Sprintf("%s made only %s of %s, so call %d was not made to fail.", clean(c.Module),
		plural(c.Calls, "call", "calls"), name, c.Nth)
}
