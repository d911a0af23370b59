// SPDX-License-Identifier: MIT

package guest

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	"github.com/kmodlab/kmodlab/internal/wire"
)

// programs are those that run for the host.
type programs struct {
	mu   sync.Mutex
	list []*running
}

// add notes a program that runs; the returned function forgets it.
func (p *programs) add(r *running) (remove func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.list = append(p.list, r)
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.list = slices.DeleteFunc(p.list, func(other *running) bool { return other == r })
	}
}

func (p *programs) pids() []int {
	p.mu.Lock()
	defer p.mu.Unlock()
	var list []int
	for _, r := range p.list {
		list = append(list, r.cmd.Process.Pid)
	}
	return list
}

// find is the program with a PID, nil if none has it.
func (p *programs) find(pid int) *running {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range p.list {
		if r.cmd.Process.Pid == pid {
			return r
		}
	}
	return nil
}

// expire ends the time of the programs that run, as if their limit were over.
func (a *Agent) expire(call *wire.Message, _ func([]byte) error) (any, []byte, error) {
	var args wire.ExpireArgs
	if err := json.Unmarshal(call.Body, &args); err != nil {
		return nil, nil, fmt.Errorf("read arguments: %w", err)
	}
	a.programs.mu.Lock()
	defer a.programs.mu.Unlock()
	for _, r := range a.programs.list {
		select {
		case r.expire <- args.Runs: // has room for one
		default:
		}
	}
	return nil, nil, nil
}
