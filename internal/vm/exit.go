// SPDX-License-Identifier: MIT

package vm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"
)

// Reason is why a machine ended.
type Reason string

// The reasons. None of them says that the guest did its work: only a message from the guest does, because a crash that
// resets the CPU looks like a power-off.
const (
	PowerOff Reason = "power-off" // the guest restarted or powered itself off
	Panicked Reason = "panic"     // the console said "Kernel panic", or QEMU saw one
	Stopped  Reason = "stopped"   // by Stop, or by the end of Start's context
	Killed   Reason = "killed"    // by a signal to QEMU that was not ours
	Failed   Reason = "failed"    // QEMU ended by itself; Stderr says why
)

// Exit is how a machine ended.
type Exit struct {
	Reason   Reason
	Status   int            // QEMU's exit status, -1 after a signal
	Signal   syscall.Signal // what killed QEMU, 0 for none
	Shutdown string         // QEMU's own word: guest-reset, host-signal, …; "" if none
	Stderr   string         // QEMU's own complaints, bounded
	Duration time.Duration  // from the process's start to its end

	// Instructions are the addresses at which the processors were when the guest ended by itself, nil if QEMU did not
	// tell.
	Instructions []uint64

	// MaxRSS is the peak of QEMU's resident memory in bytes. The kernel includes our own memory at the time of the
	// fork, so it is never below that.
	MaxRSS int64
}

// Err is nil after PowerOff and Stopped, else an error that explains the end.
func (e Exit) Err() error {
	var text string
	switch e.Reason {
	case PowerOff, Stopped:
		return nil
	case Panicked:
		return errors.New("the guest's kernel panicked")
	case Killed:
		text = "QEMU was killed from outside"
		if e.Signal != 0 {
			text += fmt.Sprintf(" (%s)", e.Signal)
		}
	default:
		text = fmt.Sprintf("QEMU ended with status %d", e.Status)
		if e.Signal != 0 {
			text = fmt.Sprintf("QEMU crashed (%s)", e.Signal)
		}
	}
	if e.Stderr != "" {
		text += ": " + e.Stderr
	}
	return errors.New(text)
}

// facts are what was seen of a machine that is gone.
type facts struct {
	stopped  bool   // we asked for the end
	panicked bool   // seen on the console or reported by QEMU
	shutdown string // SHUTDOWN's reason
	status   int
	signal   syscall.Signal
}

// reason weighs the facts. A panic comes first: whoever stops a panicked guest wants to know about it. Only SIGKILL and
// SIGTERM come from people; a SIGABRT is QEMU's own doing.
func (f facts) reason() Reason {
	switch {
	case f.panicked:
		return Panicked
	case f.stopped:
		return Stopped
	case f.signal == syscall.SIGKILL, f.signal == syscall.SIGTERM, f.signal == syscall.SIGINT,
		f.signal == syscall.SIGHUP, f.shutdown == "host-signal", f.shutdown == "host-qmp-quit":
		return Killed
	case f.status == 0 && strings.HasPrefix(f.shutdown, "guest-"):
		return PowerOff
	}
	return Failed
}

// event handles what QEMU reports about the guest's life. VSERPORT_CHANGE means that the guest's driver opened a port:
// a sign of life even if the console is silent.
func (m *Machine) event(e qmpEvent) {
	var data struct {
		Open   bool   `json:"open"`
		Reason string `json:"reason"`
	}
	json.Unmarshal(e.Data, &data) // an event without data leaves zeros
	switch e.Name {
	case "VSERPORT_CHANGE":
		if data.Open {
			m.markAlive()
		}
	case "GUEST_PANICKED":
		m.panicked.Store(true)
	case "SHUTDOWN":
		if data.Reason == "guest-panic" {
			m.panicked.Store(true)
		}
		if m.shutdown.CompareAndSwap(nil, &data.Reason) { // else it is our own quit
			go m.letGo(data.Reason)
		}
	}
}

// letGoLimit bounds the last questions to a QEMU whose guest has ended.
const letGoLimit = 5 * time.Second

// letGo ends a QEMU whose guest has ended. It waits (-no-shutdown), so that we can still ask where the processors were.
// Whoever stops the machine kills it anyway.
func (m *Machine) letGo(reason string) {
	if m.cfg.Last != nil && strings.HasPrefix(reason, "guest-") && !m.stopping.Load() {
		m.cfg.Last(m)
	}
	ctx, cancel := context.WithTimeout(context.Background(), letGoLimit)
	defer cancel()
	if strings.HasPrefix(reason, "guest-") && !m.stopping.Load() {
		if at, err := m.Instructions(ctx); err == nil {
			m.endedAt.Store(&at)
		}
	}
	m.qmp.execute(ctx, "quit", nil) // the answer may be lost when QEMU ends
}
