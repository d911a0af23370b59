// SPDX-License-Identifier: MIT

package timeline

import (
	"slices"

	"golang.org/x/sys/unix"

	"github.com/kmodlab/kmodlab/tracer/event"
)

// signalKilled handles a SIGKILL that was delivered although nobody sent it. The kernel turns the first signal that
// ends a process into a SIGKILL for each of its threads, and never dequeues the signal itself (complete_signal and
// get_signal in kernel/signal.c, 5.10 to 7.3).
func (b *builder) signalKilled(e *event.Event) {
	if e.Arg != uint32(unix.SIGKILL) || b.blind.any(event.SignalSent, event.SignalDequeued) {
		return // it may have been sent, or what is still queued was taken
	}
	j := &b.signals
	var first *Signal
	for _, queue := range j.queues {
		for _, s := range queue {
			if s.To.TGID == e.By.TGID && s.endsProcess() && (first == nil || s.Sent < first.Sent) {
				first = s
			}
		}
	}
	if first == nil || first.killed != 0 {
		return
	}
	first.killed, first.killedBy = e.Time, e.By
}

// closeKilled closes a signal that ended a process whose exit was not recorded, as most are not.
func (b *builder) closeKilled(s *Signal) {
	s.Outcome, s.Reason = Delivered, endedProcess
	if b.blind.any(event.TaskExited) {
		s.timeUnknown = true
		return
	}
	s.Taken, s.TakenBy = s.killed, s.killedBy
}

const endedProcess = "ended the process"

// endsProcess reports whether the kernel ends the target's process at once: the default action is to end it without a
// core dump, and nothing blocks the signal.
func (s *Signal) endsProcess() bool {
	if s.dropped || !s.sent || s.To.Kthread || s.handler != event.HandlerDefault || s.bits&event.SentBlocked != 0 {
		return false
	}
	return !slices.Contains(notFatal, unix.Signal(s.Signo))
}

// notFatal are the signals whose default action is to be ignored, to stop or continue the process, or to dump core.
// They are dequeued first.
var notFatal = []unix.Signal{
	unix.SIGCHLD, unix.SIGCONT, unix.SIGURG, unix.SIGWINCH,
	unix.SIGSTOP, unix.SIGTSTP, unix.SIGTTIN, unix.SIGTTOU,
	unix.SIGQUIT, unix.SIGILL, unix.SIGTRAP, unix.SIGABRT, unix.SIGFPE, unix.SIGSEGV, unix.SIGBUS, unix.SIGSYS,
	unix.SIGXCPU, unix.SIGXFSZ,
}
