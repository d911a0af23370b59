// SPDX-License-Identifier: MIT

package report

import (
	"fmt"

	"github.com/kmodlab/kmodlab/result"
)

// stuck shows where the tasks that made no progress were.
func (p *printer) stuck(tasks []result.Stuck) {
	if len(tasks) == 0 {
		return
	}
	p.title("Tasks that made no progress")
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

// stackLines are enough to see what a task waits for and who called that.
const stackLines = 8
