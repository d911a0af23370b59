// SPDX-License-Identifier: MIT

package guest

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/kmodlab/kmodlab/internal/kmodcmd"
	"github.com/kmodlab/kmodlab/internal/wire"
)

// standbys are modprobe processes that were started before the snapshot, up to the point where they need to know what
// to do. Under emulation starting a process takes 50 ms, and the first one after the machine resumes 200: QEMU has to
// translate all of its code again.
type standbys struct {
	mu   sync.Mutex
	idle []*running
}

// standbyCommand is the command that they run; it loads and unloads.
const standbyCommand = "modprobe"

// spareProcesses is enough to load and unload two modules, plus one.
const spareProcesses = 5

// readyLimit bounds the start of one process.
const readyLimit = 10 * time.Second

// fillStandbys starts the processes, and returns when all of them wait.
func (a *Agent) fillStandbys() error {
	a.standbys.mu.Lock()
	defer a.standbys.mu.Unlock()
	for len(a.standbys.idle) < spareProcesses {
		r, err := a.standby()
		if err != nil {
			return fmt.Errorf("start a standby process: %w", err)
		}
		a.standbys.idle = append(a.standbys.idle, r)
	}
	return nil
}

func (a *Agent) standby() (*running, error) {
	cmd := a.command(wire.ExecArgs{Argv: []string{standbyCommand, kmodcmd.Standby}})
	orders, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer orders.Close()
	r, err := a.startWith(cmd, true, orders, nil)
	if err != nil {
		write.Close()
		return nil, err
	}
	r.orders = write
	ready := make(chan error, 1)
	go func() {
		_, err := io.ReadFull(r.report, make([]byte, 1))
		ready <- err
	}()
	select {
	case err = <-ready:
	case <-time.After(readyLimit):
		err = errors.New("it does not report")
	}
	if err != nil {
		r.cmd.Process.Kill()
		r.close()
		a.children.wait(cmd)
		return nil, err
	}
	return r, nil
}

// takeStandby gives a waiting process its arguments; it returns nil if none waits, or if the command is another one.
// started is told its pid before: what it loads may leave no time for that.
func (a *Agent) takeStandby(args wire.ExecArgs, started func(pid int)) *running {
	if args.Argv[0] != standbyCommand || !args.Report || args.Root != "" || args.Env != nil || args.Dir != "" {
		return nil
	}
	a.standbys.mu.Lock()
	defer a.standbys.mu.Unlock()
	if len(a.standbys.idle) == 0 {
		return nil
	}
	r := a.standbys.idle[0]
	a.standbys.idle = a.standbys.idle[1:]
	started(r.cmd.Process.Pid)
	r.started = time.Now()
	_, err := io.WriteString(r.orders, strings.Join(args.Argv[1:], "\x00"))
	if err = errors.Join(err, r.orders.Close()); err != nil { // it was killed, which modules can do
		r.close()
		go a.children.wait(r.cmd)
		return nil
	}
	return r
}
