// SPDX-License-Identifier: MIT

package report

import (
	"fmt"

	"github.com/kmodlab/kmodlab/result"
)

// shownArtifacts bounds how many are listed, of those that were brought back and of the others.
const shownArtifacts = 10

// artifacts shows which files of the guest were brought back, and why others were not.
func (p *printer) artifacts(list []result.Artifact) {
	if len(list) == 0 {
		return
	}
	p.title("The artifacts")
	var brought, others []result.Artifact
	for _, a := range list {
		if a.File != "" {
			brought = append(brought, a)
		} else {
			others = append(others, a)
		}
	}
	for i, a := range brought {
		if i == shownArtifacts && !p.opt.Verbose {
			p.para("  ", fmt.Sprintf("… and %d more, see --json or -v", len(brought)-i))
			break
		}
		p.para("  ", fmt.Sprintf("%s, %s", clean(a.File), plural(uint64(a.Bytes), "byte", "bytes")))
	}
	for i, a := range others {
		if i == shownArtifacts && !p.opt.Verbose {
			p.para("  ", fmt.Sprintf("… %d more were not brought back, see --json or -v", len(others)-i))
			break
		}
		p.para("  ", fmt.Sprintf("not brought back: %s: %s", clean(a.Guest), clean(a.Reason)))
	}
}
