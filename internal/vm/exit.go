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

// The reasons. None of them says that the guest did its work: only a message
// from the guest does, for a crash that resets the CPU looks like a power-off.
const (
	PowerOff Reason = "power-off" // the guest restarted or switched itself off
	Panicked Reason = "panic"     // the console said "Kernel panic", or QEMU saw one
	Stopped  Reason = "stopped"   // Stop, or the context of Start ended
	Killed   Reason = "killed"    // a signal to QEMU that was not ours
	Failed   Reason = "failed"    // QEMU ended by itself; Stderr says why
)

// Exit is how a machine ended.
type Exit struct {
	Reason   Reason
	Status   int            // QEMU's exit status, -1 after a signal
	Signal   syscall.Signal // what killed QEMU, 0 for none
	Shutdown string         // QEMU's own word: guest-reset, host-signal, …; "" for none
	Stderr   string         // QEMU's own complaints, bounded
	Duration time.Duration  // from the process's start to its end

	// Instructions are the addresses at which the processors were when the guest
	// ended by itself, nil where QEMU did not tell.
	Instructions []uint64

	// MaxRSS is the peak of QEMU's resident memory in bytes. The kernel counts
	// our own memory at the time of the fork in, so it is never below that.
	MaxRSS int64
}

// Err is nil after PowerOff and Stopped, else an error in a sentence.
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
	panicked bool   // seen on the console or told by QEMU
	shutdown string // SHUTDOWN's reason
	status   int
	signal   syscall.Signal
}

// reason weighs the facts. A panic comes first: whoever ends a panicked guest
// wants to know that. Only SIGKILL and SIGTERM come from people; a SIGABRT is
// QEMU's own doing.
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

// event takes what QEMU tells about the guest's life. VSERPORT_CHANGE is the
// guest's driver opening a port: life, even where the console is silent.
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

// letGo ends a QEMU whose guest has ended: it waits (-no-shutdown), so that one can
// still ask where the processors were. Who stops the machine kills it anyway.
func (m *Machine) letGo(reason string) {
	ctx, cancel := context.WithTimeout(context.Background(), letGoLimit)
	defer cancel()
	if strings.HasPrefix(reason, "guest-") && !m.stopping.Load() {
		if at, err := m.Instructions(ctx); err == nil {
			m.endedAt.Store(&at)
		}
	}
	m.qmp.execute(ctx, "quit", nil) // the answer may be lost in QEMU's end
}
