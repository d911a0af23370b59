// SPDX-License-Identifier: MIT

package timeline

import (
	"golang.org/x/sys/unix"

	"github.com/kmodlab/kmodlab/tracer/event"
)

// Outcome is what became of a signal.
type Outcome string

// The outcomes of a signal.
const (
	Consumed   Outcome = "consumed"  // a kernel thread took it
	Delivered  Outcome = "delivered" // a process's handler or default action got it
	Ignored    Outcome = "ignored"
	Blocked    Outcome = "blocked"
	Pending    Outcome = "pending"
	Coalesced  Outcome = "coalesced"
	Lost       Outcome = "lost"
	NotASignal Outcome = "not-a-signal" // a thread was woken as if by one
)

// Dequeued is the plain reason of a signal that was consumed in order.
const Dequeued = "dequeued"

// maxSignal is the kernel's _NSIG on x86-64.
const maxSignal = 64

// Signal is one signal and what became of it.
type Signal struct {
	Signo   int
	From    Actor
	To      event.Task
	Group   bool // sent to the process, not to one thread
	Code    int64
	Outcome Outcome
	Reason  string
	Sent    uint64
	Taken   uint64     // consumed or delivered
	TakenBy event.Task // the thread that took it
	Site    event.Site // where a kernel thread took it

	Background bool

	sent    bool // SignalSent was seen: handler and bits hold
	handler uint64
	bits    uint64
}

// queueKey names one pending queue's share for one signal: a thread's own, or
// (group) that of its process.
type queueKey struct {
	group bool
	id    uint32
	signo uint32
}

type taskSignal struct{ pid, signo uint32 }

// signalJoin holds what is pending. A CPU sends one signal at a time (the
// target's siglock is held with interrupts off), and a queue is first in, first
// out for each signal number.
type signalJoin struct {
	all      []*Signal
	sending  map[uint32]*Signal       // by CPU: sent, its result not heard
	queues   map[queueKey][]*Signal   // by target
	dequeued map[taskSignal]*Signal   // taken by a process's thread, not yet acted on
	allowed  map[taskSignal]uint64    // last handler that kernel_sigaction set
	refused  map[taskSignal][]*Signal // ignored because never allowed
}

func newSignalJoin() signalJoin {
	return signalJoin{
		sending:  map[uint32]*Signal{},
		queues:   map[queueKey][]*Signal{},
		dequeued: map[taskSignal]*Signal{},
		allowed:  map[taskSignal]uint64{},
		refused:  map[taskSignal][]*Signal{},
	}
}

func (b *builder) addSignal(e *event.Event) {
	switch e.Kind {
	case event.SignalSent:
		b.signalSent(e)
	case event.SignalGenerated:
		b.signalGenerated(e)
	case event.SignalDequeued:
		b.signalDequeued(e)
	case event.SignalFlushed:
		b.signalFlushed(e)
	case event.SignalDelivered:
		b.signalDelivered(e)
	case event.SignalAllowed:
		b.signalAllowed(e)
	}
}

func (b *builder) signalSent(e *event.Event) {
	s := b.signals.add(e)
	s.From = b.actor(e)
	s.sent, s.handler, s.bits, s.Code = true, e.Func, e.Data, e.Ret
	s.Group = e.Data&event.SentGroup != 0
	b.signals.sending[e.CPU] = s
	b.signals.push(s)
}

// signalGenerated brings the result of the send that is open on its CPU. A
// timer's signal has no such send; nor has one whose record was lost.
func (b *builder) signalGenerated(e *event.Event) {
	j := &b.signals
	s := j.sending[e.CPU]
	delete(j.sending, e.CPU)
	if s == nil || s.From.PID != e.By.PID || s.To.PID != e.Target.PID || uint32(s.Signo) != e.Arg {
		s = j.add(e)
		s.From.Task = e.By
		j.push(s)
	}
	s.Reason = ""
	switch e.Ret {
	case event.GenerateIgnored:
		s.Outcome, s.Reason = Ignored, b.ignoredReason(s)
		j.drop(s)
	case event.GenerateAlreadyPending:
		s.Outcome, s.Reason = Coalesced, SignalName(s.Signo)+" was pending already; two become one"
		j.drop(s)
	case event.GenerateOverflowFail:
		s.Outcome, s.Reason = Lost, "the queue is full (RLIMIT_SIGPENDING); the sender got -EAGAIN"
		j.drop(s)
	case event.GenerateLoseInfo:
		s.Reason = "queued without its siginfo"
	}
}

func (b *builder) signalDequeued(e *event.Event) {
	j := &b.signals
	s := j.take(queueKey{false, e.By.PID, e.Arg})
	if s == nil {
		s = j.take(queueKey{true, e.By.TGID, e.Arg})
	}
	if s == nil {
		return // sent before the trace began
	}
	b.taken(s, e, e.By, Dequeued)
	if !e.By.Kthread {
		// Who takes without acting on it is sigwait or signalfd;
		// signalDelivered knows better.
		s.Reason = "taken from the queue"
		j.dequeued[taskSignal{e.By.PID, e.Arg}] = s
	}
}

// signalFlushed empties both queues of the target. With nothing pending it is
// the classic mistake: signal_pending() is true after kthread_stop (6.0 on),
// and there is no signal.
func (b *builder) signalFlushed(e *event.Event) {
	target := e.Target
	if target.PID == 0 {
		target = e.By
	}
	if e.Data == 0 {
		b.flushedNothing(e, target)
		return
	}
	for signo := uint32(1); signo <= maxSignal; signo++ {
		if e.Data&(1<<(signo-1)) == 0 {
			continue
		}
		for _, key := range []queueKey{{false, target.PID, signo}, {true, target.TGID, signo}} {
			for s := b.signals.take(key); s != nil; s = b.signals.take(key) {
				b.taken(s, e, target, "thrown away with flush_signals")
			}
		}
	}
}

func (b *builder) flushedNothing(e *event.Event, target event.Task) {
	t := b.threads.find(target)
	if t == nil || len(t.Stops) == 0 {
		return
	}
	stop := &t.Stops[len(t.Stops)-1]
	s := b.signals.add(e)
	s.Signo, s.To, s.From, s.Sent = 0, target, stop.By, stop.Asked
	b.taken(s, e, target, "")
	s.Outcome = NotASignal
	s.Reason = "kthread_stop makes signal_pending() true; there was no signal"
}

// taken closes s. The reason names a wait that kept the thread from looking.
func (b *builder) taken(s *Signal, e *event.Event, by event.Task, how string) {
	s.Taken, s.TakenBy, s.Reason = e.Time, by, how
	s.Outcome = Delivered
	if by.Kthread {
		s.Outcome, s.Site = Consumed, b.site(e)
		if r := b.requests.lastBy(by.PID); r != nil && r.Asked != 0 && r.Asked <= s.Sent && r.Returned > s.Sent {
			s.Reason += " after request_module returned: a signal that does not kill does not end that wait"
		}
	}
}

func (b *builder) signalDelivered(e *event.Event) {
	j := &b.signals
	key := taskSignal{e.By.PID, e.Arg}
	s := j.dequeued[key]
	delete(j.dequeued, key)
	if s == nil {
		if s = j.take(queueKey{false, e.By.PID, e.Arg}); s == nil {
			s = j.take(queueKey{true, e.By.TGID, e.Arg})
		}
		if s == nil {
			return
		}
		b.taken(s, e, e.By, "")
	}
	switch e.Func {
	case event.HandlerDefault:
		s.Reason = "default action"
	case event.HandlerIgnore:
		s.Outcome, s.Reason = Ignored, s.To.Comm+" ignores "+SignalName(s.Signo)+" (SIG_IGN)"
	default:
		s.Reason = "handler called"
	}
}

// signalAllowed also explains the signals that came too early.
func (b *builder) signalAllowed(e *event.Event) {
	j := &b.signals
	key := taskSignal{e.By.PID, e.Arg}
	j.allowed[key] = e.Func
	if e.Func == event.HandlerIgnore {
		return
	}
	for _, s := range j.refused[key] {
		s.Reason = s.To.Comm + " had not allowed " + SignalName(s.Signo) + " yet: allow_signal came " + between(s.Sent, e.Time) + " later"
	}
	delete(j.refused, key)
}

// signalTargetExited settles what can no longer be taken. A process that a
// signal ended says so in its wait status, though the fatal signal itself was
// never dequeued: the kernel turns it into a SIGKILL for every thread.
func (b *builder) signalTargetExited(e *event.Event) {
	j := &b.signals
	for signo := uint32(1); signo <= maxSignal; signo++ {
		delete(j.allowed, taskSignal{e.By.PID, signo})
		delete(j.dequeued, taskSignal{e.By.PID, signo})
		delete(j.refused, taskSignal{e.By.PID, signo})
		keys := []queueKey{{false, e.By.PID, signo}}
		if e.Data == 1 || e.By.Kthread {
			keys = append(keys, queueKey{true, e.By.TGID, signo})
		}
		for _, key := range keys {
			for _, s := range j.queues[key] {
				if !e.By.Kthread && uint32(e.Ret&0x7f) == signo {
					s.Outcome, s.Reason, s.Taken, s.TakenBy = Delivered, "ended the process", e.Time, e.By
					continue
				}
				s.Reason = s.To.Comm + " ended without taking it"
				if s.blocked() {
					s.Outcome = Blocked
				}
			}
			delete(j.queues, key)
		}
	}
}

// closeSignals gives reasons to what is pending at the end of the trace.
func (b *builder) closeSignals() {
	for _, s := range b.signals.all {
		switch {
		case s.Outcome != Pending || s.Reason != "" && s.Reason != noResult:
		case s.blocked():
			s.Outcome, s.Reason = Blocked, s.To.Comm+" blocks "+SignalName(s.Signo)+" and has not taken it"
		case s.Reason == "":
			s.Reason = s.To.Comm + " has not taken it"
		}
	}
}

// noResult marks a signal whose SignalGenerated is not there: it may have been
// queued or not.
const noResult = "no result record"

func (s *Signal) blocked() bool { return s.sent && s.bits&event.SentBlocked != 0 }

func (j *signalJoin) add(e *event.Event) *Signal {
	s := &Signal{Signo: int(e.Arg), To: e.Target, Sent: e.Time, Outcome: Pending, Reason: noResult}
	j.all = append(j.all, s)
	return s
}

func (s *Signal) queue() queueKey {
	if s.Group {
		return queueKey{true, s.To.TGID, uint32(s.Signo)}
	}
	return queueKey{false, s.To.PID, uint32(s.Signo)}
}

func (j *signalJoin) push(s *Signal) {
	if s.Signo < 1 || s.Signo > maxSignal {
		return
	}
	j.queues[s.queue()] = append(j.queues[s.queue()], s)
}

// take pops the oldest signal of a queue, nil when it is empty.
func (j *signalJoin) take(key queueKey) *Signal {
	list := j.queues[key]
	if len(list) == 0 {
		return nil
	}
	s := list[0]
	if len(list) == 1 {
		delete(j.queues, key)
	} else {
		j.queues[key] = list[1:]
	}
	return s
}

// drop undoes the push of a signal that was not queued after all. It is the
// last of its queue but where records were lost.
func (j *signalJoin) drop(s *Signal) {
	key := s.queue()
	list := j.queues[key]
	for i := len(list) - 1; i >= 0; i-- {
		if list[i] != s {
			continue
		}
		if j.queues[key] = append(list[:i:i], list[i+1:]...); len(j.queues[key]) == 0 {
			delete(j.queues, key)
		}
		return
	}
}

// ignoredReason follows the kernel's own order (sig_task_ignored).
func (b *builder) ignoredReason(s *Signal) string {
	name, comm := SignalName(s.Signo), s.To.Comm
	if !s.sent {
		return comm + " ignores " + name
	}
	kthread := s.To.Kthread
	switch {
	case s.bits&event.SentExiting != 0:
		return comm + " is exiting"
	case s.To.TGID == 1 && (s.handler == event.HandlerDefault || signo(s, unix.SIGKILL) || signo(s, unix.SIGSTOP)):
		return "init gets no signal that it has no handler for"
	case kthread && s.handler == event.HandlerKernel:
		return "only the kernel may send " + name + " to " + comm + " (allow_kernel_signal)"
	case kthread && s.handler == event.HandlerIgnore:
		return b.refusedReason(s)
	case s.handler == event.HandlerIgnore:
		return comm + " ignores " + name + " (SIG_IGN)"
	case s.handler == event.HandlerDefault && (signo(s, unix.SIGCHLD) || signo(s, unix.SIGCONT) || signo(s, unix.SIGURG) || signo(s, unix.SIGWINCH)):
		return "the default action of " + name + " is to ignore it"
	}
	return comm + " is dying"
}

// refusedReason is for kernel threads, which are born with every signal ignored.
func (b *builder) refusedReason(s *Signal) string {
	j := &b.signals
	name, comm := SignalName(s.Signo), s.To.Comm
	key := taskSignal{s.To.PID, uint32(s.Signo)}
	if handler, ok := j.allowed[key]; ok && handler == event.HandlerIgnore {
		return comm + " no longer allows " + name + " (disallow_signal)"
	}
	j.refused[key] = append(j.refused[key], s)
	reason := comm + " never allowed " + name + " (allow_signal)"
	if signo(s, unix.SIGKILL) || signo(s, unix.SIGSTOP) {
		reason += ": a kernel thread may ignore even " + name
	}
	return reason
}

func signo(s *Signal, sig unix.Signal) bool { return s.Signo == int(sig) }
