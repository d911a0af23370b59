// SPDX-License-Identifier: MIT

package timeline

import (
	"cmp"
	"slices"

	"github.com/kmodlab/kmodlab/tracer/event"
)

// Outcome is what became of a signal.
type Outcome string

// The outcomes of a signal.
const (
	Consumed   Outcome = "consumed"  // a kernel thread dequeued it
	Delivered  Outcome = "delivered" // a process's handler or default action got it
	Ignored    Outcome = "ignored"
	Blocked    Outcome = "blocked"
	Pending    Outcome = "pending"
	Coalesced  Outcome = "coalesced"
	Lost       Outcome = "lost"
	NotASignal Outcome = "not-a-signal" // a thread was woken as if by a signal
	Unknown    Outcome = "unknown"      // depends on something that the trace could not see
)

// Dequeued is the plain reason of a signal that was consumed normally.
const Dequeued = "dequeued"

// maxSignal is the kernel's _NSIG on x86-64.
const maxSignal = 64

// Signal is one signal and what became of it.
type Signal struct {
	Signo   int
	From    Actor
	To      event.Task
	Group   bool // sent to the process, not to one thread
	Sender  Sender
	Call    string   // the system call, if Sender is FromSyscall
	Info    *Siginfo // nil if the send was not seen
	State   uint64   // the target's task state when it was sent (event.State*)
	Outcome Outcome
	Reason  string
	Sent    uint64
	Taken   uint64     // consumed or delivered
	TakenBy event.Task // the thread that took it
	Site    event.Site // where a kernel thread took it
	Flushed bool       // taken by flush_signals

	Background bool
	// Unknown names the facts (as in the JSON of package result) that are missing because nothing could record them.
	Unknown []string

	sent        bool   // SignalSent was seen: handler and bits are valid
	heard       bool   // SignalGenerated was seen
	ended       bool   // the target ended first
	gone        bool   // no longer pending, but who took it was not seen
	pushed      bool   // is or was in a queue
	dropped     bool   // not queued after all
	timeUnknown bool   // it was taken, but the time was not seen
	killed      uint64 // when its process was told to end because of it
	killedBy    event.Task
	handler     uint64
	bits        uint64
}

// queueKey identifies one pending queue's share of one signal: the queue of a thread or (group) of its process.
type queueKey struct {
	group bool
	id    taskID // of the thread, or the process id
	signo uint32
}

type taskSignal struct {
	id    taskID
	signo uint32
}

// signalJoin holds what is pending. A CPU sends one signal at a time (the target's siglock is held with interrupts
// off), and a queue is first in, first out for each signal number.
type signalJoin struct {
	all      []*Signal
	sending  map[uint32]*Signal       // by CPU: sent, result not seen yet
	queues   map[queueKey][]*Signal   // by target
	dequeued map[taskSignal]*Signal   // dequeued by a process's thread, not yet acted on
	allowed  map[taskSignal]uint64    // last handler that kernel_sigaction set
	refused  map[taskSignal][]*Signal // ignored because they were never allowed
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
	s.Sender, s.Call = senderOf(s.From)
	s.From.Stack = nil // a burst has very many
	s.sent, s.handler, s.bits, s.State = true, e.Func, e.Data, e.Aux
	s.Info = &Siginfo{Code: e.Ret, Name: codeName(s.Signo, e.Ret), PID: uint32(e.Ptr), UID: uint32(e.Ptr >> 32)}
	s.Group = e.Data&event.SentGroup != 0
	b.signals.sending[e.CPU] = s
	if e.Data&event.SentPending == 0 {
		b.signals.emptied(s.queue())
	}
	if !b.unsure(s) {
		b.signals.push(s)
	}
}

// unsure reports whether a signal may not have been queued, because the kernel's answer is missing. Only a signal with
// nothing against it may be in the queue for others to be taken.
func (b *builder) unsure(s *Signal) bool {
	if !b.blind.any(event.SignalGenerated) {
		return false
	}
	return s.Signo >= firstRealTime || s.bits&event.SentPending != 0 ||
		s.handler == event.HandlerIgnore || s.To.Kthread && s.handler != event.HandlerKthread
}

// firstRealTime is the kernel's SIGRTMIN: from here on signals are counted, not just remembered.
const firstRealTime = 32

// emptied handles a sender that found nothing pending: whatever is in the queue was taken unseen, or discarded by
// sigaction(SIG_IGN).
func (j *signalJoin) emptied(key queueKey) {
	for s := j.take(key); s != nil; s = j.take(key) {
		s.gone = true
	}
}

// signalGenerated brings the result of the send that is open on its CPU. A timer's signal has no such send, nor has one
// whose record was lost.
func (b *builder) signalGenerated(e *event.Event) {
	j := &b.signals
	s := j.sending[e.CPU]
	delete(j.sending, e.CPU)
	if s == nil || s.From.PID != e.By.PID || s.To.PID != e.Target.PID || uint32(s.Signo) != e.Arg {
		s = j.add(e)
		s.From.Task = e.By
		// The record does not say which queue; a process's threads share one.
		s.Group = !e.Target.Kthread
		j.push(s)
	}
	s.Reason, s.heard = "", true
	switch e.Ret {
	case event.GenerateIgnored:
		s.Outcome, s.Reason = Ignored, b.ignoredReason(s)
		j.drop(s)
	case event.GenerateAlreadyPending:
		s.Outcome, s.Reason = Coalesced, SignalName(s.Signo)+" was already pending; the two become one"
		j.drop(s)
	case event.GenerateOverflowFail:
		s.Outcome, s.Reason = Lost, "the queue is full (RLIMIT_SIGPENDING); the sender got -EAGAIN"
		j.drop(s)
	case event.GenerateLoseInfo:
		s.Reason = "queued without its siginfo"
		fallthrough
	default:
		if !s.pushed {
			j.push(s) // there was doubt about it
		}
	}
}

func (b *builder) signalDequeued(e *event.Event) {
	j := &b.signals
	s := j.takeBy(e.By, e.Arg)
	if s == nil {
		return // sent before the trace began
	}
	b.taken(s, e, e.By, Dequeued)
	if !e.By.Kthread {
		// A thread that dequeues a signal without acting on it uses sigwait or signalfd; signalDelivered corrects this
		// if it does act.
		s.Reason = fromQueue
		j.dequeued[taskSignal{idOf(e.By), e.Arg}] = s
	}
}

// signalFlushed empties both queues of the target. If nothing was pending, it is the classic mistake: signal_pending()
// is true after kthread_stop (since 6.0), and there is no signal.
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
		for _, key := range []queueKey{{false, idOf(target), signo}, {true, taskID(target.TGID), signo}} {
			b.flushQueue(e, target, key)
		}
	}
}

// flushQueue empties one queue. If dequeues are not recorded, only the last of several signals is certain to be there.
func (b *builder) flushQueue(e *event.Event, target event.Task, key queueKey) {
	for s := b.signals.take(key); s != nil; s = b.signals.take(key) {
		if slices.ContainsFunc(b.signals.queues[key], func(s *Signal) bool { return !s.dropped }) &&
			b.blind.any(event.SignalDequeued) {
			s.gone = true
			continue
		}
		b.taken(s, e, target, "discarded by flush_signals")
		s.Flushed = true
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
	s.sent, s.heard = true, true
	b.taken(s, e, target, "")
	s.Outcome = NotASignal
	s.Reason = "kthread_stop makes signal_pending() true; there was no signal"
}

// taken closes s. The reason names a wait that kept the thread from noticing the signal.
func (b *builder) taken(s *Signal, e *event.Event, by event.Task, how string) {
	s.Taken, s.TakenBy, s.Reason = e.Time, by, how
	s.Outcome = Delivered
	if by.Kthread {
		s.Outcome, s.Site = Consumed, b.site(e)
		if r := b.requests.lastBy(by); r != nil && r.Asked != 0 && r.Asked <= s.Sent && r.Returned > s.Sent {
			s.Reason += " after request_module returned: a signal that does not kill does not end that wait"
		} else if wait := s.waits(); wait != "" {
			s.Reason += "; it arrived during " + wait
		}
	}
}

func (b *builder) signalDelivered(e *event.Event) {
	j := &b.signals
	key := taskSignal{idOf(e.By), e.Arg}
	s := j.dequeued[key]
	delete(j.dequeued, key)
	if s == nil {
		if s = j.takeBy(e.By, e.Arg); s == nil {
			b.signalKilled(e)
			return
		}
		b.taken(s, e, e.By, "")
		if b.blind.any(event.SignalDequeued) {
			s.Taken, s.timeUnknown = 0, true
			if s.Signo >= firstRealTime {
				s.gone = true // it may have been another signal of its number
				return
			}
		}
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
	key := taskSignal{idOf(e.By), e.Arg}
	j.allowed[key] = e.Func
	if e.Func == event.HandlerIgnore {
		return
	}
	for _, s := range j.refused[key] {
		s.Reason = s.To.Comm + " had not allowed " + SignalName(s.Signo) + " yet: allow_signal came " +
			between(s.Sent, e.Time) + " later"
	}
	delete(j.refused, key)
}

// signalTargetExited settles what can no longer be taken. If a signal ended a process, the wait status says so,
// although the fatal signal itself was never dequeued: the kernel turns it into a SIGKILL for every thread.
func (b *builder) signalTargetExited(e *event.Event) {
	j := &b.signals
	id := idOf(e.By)
	for signo := uint32(1); signo <= maxSignal; signo++ {
		delete(j.allowed, taskSignal{id, signo})
		delete(j.dequeued, taskSignal{id, signo})
		delete(j.refused, taskSignal{id, signo})
		j.endQueue(queueKey{false, id, signo}, e)
		if e.Data == 1 || e.By.Kthread {
			j.endQueue(queueKey{true, taskID(e.By.TGID), signo}, e)
		}
	}
}

func (j *signalJoin) endQueue(key queueKey, e *event.Event) {
	for _, s := range j.queues[key] {
		if s.dropped {
			continue
		}
		s.ended = true
		if !e.By.Kthread && uint32(e.Ret&0x7f) == key.signo {
			s.Outcome, s.Reason, s.Taken, s.TakenBy = Delivered, endedProcess, e.Time, e.By
		}
	}
	delete(j.queues, key)
}

// closeSignals says what became of the signals that nobody was seen to take.
func (b *builder) closeSignals() {
	for _, s := range b.signals.all {
		switch s.Outcome {
		case Pending:
			b.closePending(s)
		case Delivered:
			if s.Reason == fromQueue && b.blind.any(event.SignalDelivered) {
				s.Outcome = Unknown
				s.Reason = joined(fromQueue, b.blind.reason("what became of it then is", event.SignalDelivered))
			}
		}
		if s.gone {
			s.Outcome, s.Taken, s.Site = Unknown, 0, event.Site{}
			s.Reason = joined("it was no longer pending when the next one came",
				b.blind.reason("who took it is", b.takers(s)...))
		}
		if !s.sent && !s.To.Kthread && b.blind.any(event.SignalSent) && s.Outcome != Ignored && s.Outcome != Coalesced &&
			s.Outcome != Lost {
			s.Outcome, s.Taken = Unknown, 0
			s.Reason = b.blind.reason("to which thread it went is", event.SignalSent)
		}
		s.Unknown = b.signalUnknown(s)
	}
}

// takers are the kinds that tell who took a signal.
func (b *builder) takers(s *Signal) []event.Kind {
	if s.To.Kthread {
		return []event.Kind{event.SignalDequeued, event.SignalFlushed}
	}
	return []event.Kind{event.SignalDequeued, event.SignalDelivered, event.TaskExited}
}

func (b *builder) closePending(s *Signal) {
	comm, name := s.To.Comm, SignalName(s.Signo)
	switch {
	case s.killed != 0 && !s.gone:
		b.closeKilled(s)
	case !s.heard:
		s.Outcome = Unknown
		s.Reason = cmp.Or(b.blind.reason("whether it was queued is", event.SignalGenerated), noResult)
	case b.blind.any(b.takers(s)...):
		s.Outcome, s.Reason = Unknown, "queued; what became of it is "+b.blind.why(b.takers(s)...)
	case s.blocked() && s.ended:
		s.Outcome, s.Reason = Blocked, comm+" blocked it and ended without taking it"
	case s.blocked():
		s.Outcome, s.Reason = Blocked, comm+" blocks "+name+" and has not taken it"
	case s.Reason != "":
	case s.ended:
		s.Reason = comm + " ended without taking it"
	default:
		s.Reason = comm + " has not taken it"
		if wait := s.waits(); wait != "" {
			s.Reason += ": it arrived during " + wait
		}
	}
}

// fromQueue is for a signal that a process's thread dequeued and was not seen to act on: sigwait, signalfd.
const fromQueue = "taken from the queue"

// noResult marks a signal without SignalGenerated: it may have been queued or not.
const noResult = "no result record"

func (s *Signal) blocked() bool { return s.sent && s.bits&event.SentBlocked != 0 }

func (j *signalJoin) add(e *event.Event) *Signal {
	s := &Signal{Signo: int(e.Arg), To: e.Target, Sent: e.Time, Outcome: Pending, Reason: noResult}
	j.all = append(j.all, s)
	return s
}

func (s *Signal) queue() queueKey {
	if s.Group {
		return queueKey{true, taskID(s.To.TGID), uint32(s.Signo)}
	}
	return queueKey{false, idOf(s.To), uint32(s.Signo)}
}

func (j *signalJoin) push(s *Signal) {
	if s.Signo < 1 || s.Signo > maxSignal {
		return
	}
	s.pushed = true
	j.queues[s.queue()] = append(j.queues[s.queue()], s)
}

// take pops the oldest signal of a queue, nil if it is empty.
func (j *signalJoin) take(key queueKey) *Signal {
	list := j.queues[key]
	for len(list) > 0 && list[0].dropped {
		list = list[1:]
	}
	if len(list) == 0 {
		delete(j.queues, key)
		return nil
	}
	j.queues[key] = list[1:]
	return list[0]
}

// takeBy pops what a thread would: its own signals first, then its process's.
func (j *signalJoin) takeBy(t event.Task, signo uint32) *Signal {
	if s := j.take(queueKey{false, idOf(t), signo}); s != nil {
		return s
	}
	return j.take(queueKey{true, taskID(t.TGID), signo})
}

// drop undoes the push of a signal that was not queued after all. It is the last of its queue unless several CPUs send
// at once; in that case it is only marked.
func (j *signalJoin) drop(s *Signal) {
	key := s.queue()
	if list := j.queues[key]; len(list) > 0 && list[len(list)-1] == s {
		j.queues[key] = list[:len(list)-1]
		return
	}
	s.dropped = true
}
