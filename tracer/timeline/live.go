// SPDX-License-Identifier: MIT

package timeline

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/kmodlab/kmodlab/tracer/event"
)

// Line is one event in words, as a live trace prints it. Its parts are separate so that the caller can lay them out.
// Names come unchanged from the guest, so the caller must make them harmless to a terminal.
type Line struct {
	At    uint64 // nanoseconds, CLOCK_MONOTONIC of the traced machine
	Who   string // K2[94]
	What  string // sends SIGUSR1 to K1[89]
	How   string // after 0.4 ms, in inc_func+0x8e [signal_handling]; may be empty
	Stack []event.Site
}

// String returns the line without its time and stack.
func (l Line) String() string {
	if l.How == "" {
		return l.Who + " " + l.What
	}
	return l.Who + " " + l.What + ": " + l.How
}

// Live turns events into lines as they arrive. If it saw both the end and the beginning of something, it says how long
// that took. What it remembers for this is bounded, since it may run for days. It says what each event says, and
// nothing about outcomes; that is for Build. The zero Live is not ready for use: call NewLive.
type Live struct {
	site  func(addr, at uint64) event.Site
	b     builder // only used to name places
	open  map[liveKey]uint64
	seen  map[liveKey]string
	files map[fileKey]string
}

// liveKey identifies something that has begun: the stage, and who or what it is about.
type liveKey struct {
	stage event.Kind
	id    uint64
	n     uint64
}

// maxLive bounds what is open. At the bound everything is forgotten, and the next ends come without "after": the price
// of a bound without bookkeeping.
const maxLive = 8192

// NewLive makes a Live. site names the code at a return address at a moment; if nil, addresses stay unnamed.
func NewLive(site func(addr, at uint64) event.Site) *Live {
	if site == nil {
		site = func(addr, _ uint64) event.Site { return event.Site{Addr: addr} }
	}
	return &Live{site: site, b: builder{resolve: site}, open: map[liveKey]uint64{}, seen: map[liveKey]string{},
		files: map[fileKey]string{}}
}

// Add returns the line for an event, and false for events that say nothing of their own: a signal generated as it was
// sent, a fork that succeeded. Events come in order of time; if they do not, an end may lack its "after".
func (l *Live) Add(e *event.Event) (Line, bool) {
	line := Line{At: e.Time, Who: e.By.String()}
	switch {
	case e.Kind <= event.TaskFreed || e.Kind >= event.ThreadBound && e.Kind <= event.WorkEnded:
		line.What, line.How = l.thread(e)
	case e.Kind <= event.TaskExeced || e.Kind == event.RequestDuplicate:
		line.What, line.How = l.request(e)
	case e.Kind >= event.SignalSent && e.Kind <= event.SignalAllowed:
		line.What, line.How = l.signal(e)
	case e.Kind >= event.ProcessForked && e.Kind <= event.WakesCounted:
		line.What, line.How = l.call(e)
	default:
		line.What, line.How = l.module(e)
	}
	if line.What == "" {
		return Line{}, false
	}
	if len(e.Stack) > 0 {
		if s := l.b.site(e); s != (event.Site{}) {
			line.How = joined(line.How, "in "+s.String())
		}
		for _, addr := range e.Stack {
			if s := l.site(addr, e.Time); !isBPF(s) {
				line.Stack = append(line.Stack, s)
			}
		}
	}
	return line, true
}

// begin notes the start of a stage.
func (l *Live) begin(e *event.Event, stage event.Kind, id, n uint64) {
	if len(l.open) >= maxLive {
		clear(l.open)
	}
	l.open[liveKey{stage, id, n}] = e.Time
}

// after is the time since a stage began, "" if that was not seen.
func (l *Live) after(e *event.Event, stage event.Kind, id, n uint64) string {
	key := liveKey{stage, id, n}
	began, ok := l.open[key]
	delete(l.open, key)
	if !ok || e.Time < began {
		return ""
	}
	return "after " + between(began, e.Time)
}

// liveID is what identifies a task.
func liveID(t event.Task) uint64 {
	if t.Addr != 0 {
		return t.Addr
	}
	return uint64(t.PID)
}

func (l *Live) function(e *event.Event) string { return l.b.function(e.Func, e.Time).Function() }

// joined joins the parts that are not empty.
func joined(parts ...string) string {
	var some []string
	for _, p := range parts {
		if p != "" {
			some = append(some, p)
		}
	}
	return strings.Join(some, ", ")
}

func (l *Live) thread(e *event.Event) (what, how string) {
	by, target := liveID(e.By), liveID(e.Target)
	switch e.Kind {
	case event.ThreadRequested:
		l.begin(e, e.Kind, by, 0)
		l.begin(e, event.ThreadPickedUp, e.Ptr&stackMask, 0)
		return fmt.Sprintf("asks for kthread %q", e.Text), "to run " + l.function(e)
	case event.ThreadPickedUp:
		l.begin(e, event.ThreadFirstRun, e.Ptr, 0)
		if e.Aux == 0 {
			return "picks up a request whose requester was killed", "to run " + l.function(e)
		}
		return "picks up the request", joined("to run "+l.function(e), l.after(e, event.ThreadPickedUp, e.Aux&stackMask, 0))
	case event.ThreadForked:
		if e.Ret > 0 {
			return "", ""
		}
		return "cannot fork a kthread", errnoWords(e.Ret)
	case event.ThreadFirstRun:
		return "runs for the first time", joined("to run "+l.function(e), l.after(e, e.Kind, e.Ptr, 0))
	case event.ThreadCreated:
		took := l.after(e, event.ThreadRequested, by, 0)
		if e.Ret != 0 {
			return "gets no kthread", joined(errnoWords(e.Ret), took)
		}
		l.begin(e, event.ThreadWoken, target, 0)
		return "gets kthread " + e.Target.String(), took
	case event.ThreadWoken:
		return "wakes " + e.Target.String() + " for the first time", l.after(e, e.Kind, target, 0)
	case event.ThreadFunction:
		return "calls its function " + l.function(e), ""
	case event.ThreadStopAsked:
		l.begin(e, e.Kind, by, 0)
		l.begin(e, event.ThreadStopSeen, target, 0)
		return "kthread_stop(" + e.Target.String() + ")", ""
	case event.ThreadStopSeen:
		return "sees the stop request", l.after(e, e.Kind, by, 0)
	case event.ThreadStopReturned:
		return "kthread_stop returned " + returnWords(e.Ret), l.after(e, event.ThreadStopAsked, by, 0)
	case event.TaskFreed:
		return "frees " + e.Target.String(), ""
	case event.TaskExited:
		return l.exited(e)
	}
	return l.threadMore(e)
}

func (l *Live) exited(e *event.Event) (what, how string) {
	switch {
	case e.By.Kthread:
		return "ends", "returned " + returnWords(e.Ret)
	case e.Data == 1:
		return "ends", statusWords(e.Ret)
	}
	return "", ""
}

func (l *Live) threadMore(e *event.Event) (what, how string) {
	by, target := liveID(e.By), liveID(e.Target)
	switch e.Kind {
	case event.ThreadBound:
		return fmt.Sprintf("binds %s to CPU %d", e.Target, e.Arg), ""
	case event.ThreadParkAsked:
		l.begin(e, e.Kind, by, 0)
		l.begin(e, event.ThreadParked, target, 0)
		return "kthread_park(" + e.Target.String() + ")", ""
	case event.ThreadParked:
		return "is parked", l.after(e, e.Kind, by, 0)
	case event.ThreadParkReturned:
		return "kthread_park returned " + returnWords(e.Ret), l.after(e, event.ThreadParkAsked, by, 0)
	case event.ThreadUnparked:
		return "kthread_unpark(" + e.Target.String() + ")", ""
	case event.WorkQueued:
		l.begin(e, event.WorkStarted, e.Ptr, 0)
		return fmt.Sprintf("queues work %s to %s", l.function(e), e.Target), ""
	case event.WorkStarted:
		l.begin(e, event.WorkEnded, e.Ptr, by)
		return "starts work " + l.function(e), l.after(e, e.Kind, e.Ptr, 0)
	case event.WorkEnded:
		return "finishes work " + l.function(e), l.after(e, e.Kind, e.Ptr, by)
	}
	return "", ""
}

func (l *Live) request(e *event.Event) (what, how string) {
	by := liveID(e.By)
	switch e.Kind {
	case event.RequestAsked:
		l.begin(e, e.Kind, by, 0)
		if e.Arg != 0 {
			l.remember(by, 1, "waits")
			return fmt.Sprintf("request_module(%q)", e.Text), ""
		}
		l.remember(by, 1, "")
		return fmt.Sprintf("request_module_nowait(%q)", e.Text), ""
	case event.RequestNamed:
		l.begin(e, event.RequestAdmitted, by, 0)
		l.remember(by, 0, e.Text)
		return fmt.Sprintf("asks for module %q", e.Text), ""
	case event.RequestAdmitted:
		if took := l.after(e, e.Kind, by, 0); took != "" {
			return fmt.Sprintf("request for %q goes to modprobe", e.Text), took
		}
		return fmt.Sprintf("request for %q goes to modprobe", e.Text), ""
	case event.RequestDuplicate:
		return fmt.Sprintf("request for %q ran no modprobe", e.Text),
			"another request for it was in progress and got " + returnWords(e.Ret)
	case event.RequestReturned:
		name := l.seen[liveKey{event.RequestAsked, by, 0}]
		wait, known := l.seen[liveKey{event.RequestAsked, by, 1}]
		how = requestWords(e.Ret, wait != "")
		if !known && e.Ret == 0 {
			how = "" // "ended with 0" or "was started"
		}
		return fmt.Sprintf("request_module(%q) returned %d", name, e.Ret), joined(how, l.after(e, event.RequestAsked, by, 0))
	}
	return l.helper(e)
}

func (l *Live) remember(id, n uint64, text string) {
	if len(l.seen) >= maxLive {
		clear(l.seen)
	}
	l.seen[liveKey{event.RequestAsked, id, n}] = text
}

func (l *Live) helper(e *event.Event) (what, how string) {
	switch e.Kind {
	case event.HelperQueued:
		l.begin(e, event.HelperForked, e.Ptr, 0)
		return "queues the helper " + strings.Join(append([]string{}, e.Args...), " "), ""
	case event.HelperForked:
		return "is the helper's task", l.after(e, e.Kind, e.Ptr, 0)
	case event.HelperWaited:
		return fmt.Sprintf("has waited for helper %d", e.Arg), statusWords(e.Ret)
	case event.TaskExeced:
		return "executes " + e.Text, ""
	}
	return "", "" // HelperReturned: RequestReturned follows at once
}

func (l *Live) module(e *event.Event) (what, how string) {
	switch e.Kind {
	case event.ModuleLoaded:
		return "loads module " + e.Text, ""
	case event.ModuleInitBegin:
		l.begin(e, e.Kind, e.Ptr, 0)
		return "calls the init of " + e.Text, ""
	case event.ModuleInitEnd:
		return "init returned " + returnWords(e.Ret), joined(e.Text, l.after(e, event.ModuleInitBegin, e.Ptr, 0))
	case event.ModuleFreed:
		return "frees module " + e.Text, ""
	case event.ModuleGot, event.ModulePut:
		verb := "takes a reference to "
		if e.Kind == event.ModulePut {
			verb = "drops a reference to "
		}
		return verb + e.Text, joined(fmt.Sprintf("%d now", e.Arg), "in "+l.site(e.Func, e.Time).String())
	}
	return "", ""
}

func (l *Live) signal(e *event.Event) (what, how string) {
	by, target, name := liveID(e.By), liveID(e.Target), SignalName(int(e.Arg))
	sig := uint64(e.Arg)
	switch e.Kind {
	case event.SignalSent:
		if e.Data&event.SentGroup != 0 {
			target = uint64(e.Target.TGID)
		}
		if e.Data&event.SentPending == 0 {
			l.begin(e, e.Kind, target, sig)
		}
		if e.Data&event.SentBlocked != 0 {
			how = "the target blocks " + name
		}
		return fmt.Sprintf("sends %s to %s", name, e.Target), how
	case event.SignalGenerated:
		return l.generated(e, target, name)
	case event.SignalDequeued:
		return "takes " + name, joined(l.after(e, event.SignalSent, by, sig),
			l.after(e, event.SignalSent, uint64(e.By.TGID), sig))
	case event.SignalFlushed:
		return flushedWords(e)
	case event.SignalDelivered:
		if e.Arg == uint32(unix.SIGKILL) {
			return l.killed(e)
		}
		switch e.Func {
		case event.HandlerDefault:
			return "gets " + name, "default action"
		case event.HandlerIgnore:
			return "gets " + name, "and ignores it"
		}
		return "gets " + name, fmt.Sprintf("handler at 0x%x", e.Func)
	}
	return allowedWords(e, name), ""
}

// killed handles a SIGKILL, which every thread of a process gets when the process ends: through a signal or by itself.
// In the latter case it says nothing about signals.
func (l *Live) killed(e *event.Event) (what, how string) {
	for _, id := range []uint64{liveID(e.By), uint64(e.By.TGID)} {
		if after := l.after(e, event.SignalSent, id, uint64(unix.SIGKILL)); after != "" {
			return "gets SIGKILL", after
		}
		for key := range l.open {
			if key.stage == event.SignalSent && key.id == id {
				return "ends with its process", ""
			}
		}
	}
	return "", ""
}

func (l *Live) generated(e *event.Event, target uint64, name string) (what, how string) {
	switch e.Ret {
	case event.GenerateIgnored:
		l.after(e, event.SignalSent, target, uint64(e.Arg))
		l.after(e, event.SignalSent, uint64(e.Target.TGID), uint64(e.Arg))
		return fmt.Sprintf("%s to %s is ignored", name, e.Target), ""
	case event.GenerateAlreadyPending:
		return fmt.Sprintf("%s to %s was already pending", name, e.Target), "the two become one"
	case event.GenerateOverflowFail:
		return fmt.Sprintf("%s to %s is lost", name, e.Target), "the queue is full"
	case event.GenerateLoseInfo:
		return fmt.Sprintf("%s to %s is queued without its siginfo", name, e.Target), "the queue is full"
	}
	return "", ""
}

func flushedWords(e *event.Event) (what, how string) {
	if e.Data == 0 {
		return "flush_signals", "nothing was pending"
	}
	var names []string
	for signo := 1; signo <= maxSignal; signo++ {
		if e.Data&(1<<(signo-1)) != 0 {
			names = append(names, SignalName(signo))
		}
	}
	return "flush_signals", "discards " + strings.Join(names, ", ")
}

func allowedWords(e *event.Event, name string) string {
	switch e.Func {
	case event.HandlerIgnore:
		return "no longer allows " + name
	case event.HandlerKernel:
		return "allows " + name + " from the kernel"
	case event.HandlerKthread:
		return "allows " + name
	}
	return fmt.Sprintf("sets the handler of %s to 0x%x", name, e.Func)
}
