// SPDX-License-Identifier: MIT

package report

import (
	"fmt"

	"github.com/kmodlab/kmodlab/result"
)

// stuck shows where those stood who did not get on.
func (p *printer) stuck(tasks []result.Stuck) {
	if len(tasks) == 0 {
		return
	}
	p.title("Who did not get on")
	for _, t := range tasks {
		name := t.Comm
		if t.PID != 0 {
			name = fmt.Sprintf("%s[%d]", t.Comm, t.PID)
		}
		p.para("  ", clean(name+" "+t.State))
		most := len(t.Stack)
		if !p.opt.Verbose {
			most = min(most, stackLines)
		}
		for _, frame := range t.Stack[:most] {
			p.para("    ", clean(frame))
		}
	}
}

// stackLines are enough for what a task waits for and who called that.
const stackLines = 8
