// SPDX-License-Identifier: MIT

package timeline

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/kmodlab/kmodlab/tracer/event"
)

// Sender is the kind of code that sent a signal.
type Sender string

// The kinds of sender. Empty means that the stack does not tell.
const (
	FromModule  Sender = "module"  // a function of a module
	FromSyscall Sender = "syscall" // a process, with kill or a related call
	FromKernel  Sender = "kernel"  // the kernel itself: a child's end, a fault, a terminal
)

// Siginfo is what the sender passed along. Kernel threads keep none of it.
type Siginfo struct {
	Code int64  // si_code
	Name string // SI_USER; "code 7" if it has no name
	PID  uint32 // si_pid and si_uid, 0 if the sender gave none
	UID  uint32
}

// sendCalls are the system calls that exist to send a signal; any other call on the stack merely led the kernel to send
// one.
var sendCalls = map[string]bool{
	"kill": true, "tkill": true, "tgkill": true, "rt_sigqueueinfo": true, "rt_tgsigqueueinfo": true,
	"pidfd_send_signal": true,
}

// senderOf says who sent a signal, judging by the stack. call is the name of the system call.
func senderOf(a Actor) (kind Sender, call string) {
	if a.Site.Module != "" {
		return FromModule, ""
	}
	for _, s := range a.Stack {
		if name := syscallName(s.Symbol); sendCalls[name] {
			return FromSyscall, name
		}
	}
	if a.Site == (event.Site{}) || len(a.Stack) >= maxStack-1 {
		return "", "" // the stack continues beyond what was recorded
	}
	return FromKernel, ""
}

// syscallName extracts the call from __x64_sys_kill, "" for other functions.
func syscallName(symbol string) string {
	rest, ok := strings.CutPrefix(symbol, "__")
	if !ok {
		return ""
	}
	arch, name, ok := strings.Cut(rest, "_sys_")
	if !ok {
		return ""
	}
	switch arch {
	case "x64", "ia32", "ia32_compat", "x64_compat", "do", "se", "do_compat", "se_compat":
		return name
	}
	return ""
}

// codeName names an si_code. The meaning of positive codes depends on the signal.
func codeName(signo int, code int64) string {
	switch code {
	case 0:
		return "SI_USER"
	case 0x80:
		return "SI_KERNEL"
	case -1:
		return "SI_QUEUE"
	case -2:
		return "SI_TIMER"
	case -3:
		return "SI_MESGQ"
	case -4:
		return "SI_ASYNCIO"
	case -5:
		return "SI_SIGIO"
	case -6:
		return "SI_TKILL"
	}
	names := map[unix.Signal][]string{
		unix.SIGCHLD: {"CLD_EXITED", "CLD_KILLED", "CLD_DUMPED", "CLD_TRAPPED", "CLD_STOPPED", "CLD_CONTINUED"},
		unix.SIGSEGV: {"SEGV_MAPERR", "SEGV_ACCERR"},
		unix.SIGBUS:  {"BUS_ADRALN", "BUS_ADRERR", "BUS_OBJERR"},
	}[unix.Signal(signo)]
	if code >= 1 && code <= int64(len(names)) {
		return names[code-1]
	}
	return fmt.Sprintf("code %d", code)
}

// waits says what kind of wait the target was in when the signal arrived, if the signal does not end that wait.
func (s *Signal) waits() string {
	switch {
	case !s.sent || s.State&event.StateUninterruptible == 0:
		return ""
	case s.State&event.StateWakeKill == 0:
		return "an uninterruptible wait, which no signal ends"
	case signo(s, unix.SIGKILL) || !s.To.Kthread && s.handler == event.HandlerDefault:
		return "" // a fatal signal ends it
	}
	return "a killable wait, which only a fatal signal ends"
}

// ignoredReason follows the kernel's own order: prepare_signal, then sig_task_ignored (kernel/signal.c, 5.10 to 7.3).
func (b *builder) ignoredReason(s *Signal) string {
	name, comm := SignalName(s.Signo), s.To.Comm
	if !s.sent {
		return joined(comm+" ignores "+name, b.blind.reason("why is", event.SignalSent))
	}
	switch {
	case s.bits&event.SentDying != 0:
		return comm + " is dying: its process is being ended"
	case s.bits&event.SentExiting != 0:
		return comm + " is exiting"
	case s.bits&event.SentUnkillable != 0 && s.handler == event.HandlerDefault:
		return comm + " is a protected init: it gets no signal that it has no handler for"
	case s.To.Kthread && s.handler == event.HandlerKernel:
		return "only the kernel may send " + name + " to " + comm + " (allow_kernel_signal)"
	case s.To.Kthread && s.handler == event.HandlerIgnore:
		return b.refusedReason(s)
	case s.handler == event.HandlerIgnore:
		return comm + " ignores " + name + " (SIG_IGN)"
	case s.handler == event.HandlerDefault &&
		(signo(s, unix.SIGCHLD) || signo(s, unix.SIGCONT) || signo(s, unix.SIGURG) || signo(s, unix.SIGWINCH)):
		return "the default action of " + name + " is to ignore it"
	}
	return comm + " is dying"
}

// refusedReason handles kernel threads, which are born with every signal ignored.
func (b *builder) refusedReason(s *Signal) string {
	j := &b.signals
	name, comm := SignalName(s.Signo), s.To.Comm
	key := taskSignal{idOf(s.To), uint32(s.Signo)}
	if handler, ok := j.allowed[key]; ok && handler == event.HandlerIgnore {
		return comm + " no longer allows " + name + " (disallow_signal)"
	}
	reason := comm + " never allowed " + name + " (allow_signal)"
	if b.blind.any(event.SignalAllowed) {
		reason = comm + " did not allow " + name + " then (allow_signal)"
	} else {
		j.refused[key] = append(j.refused[key], s)
	}
	if signo(s, unix.SIGKILL) || signo(s, unix.SIGSTOP) {
		reason += ": a kernel thread may ignore even " + name
	}
	return reason
}

// reason is the phrase for something that rests on kinds that may be missing.
func (b blind) reason(what string, kinds ...event.Kind) string {
	if why := b.why(kinds...); why != "" {
		return what + " " + why
	}
	return ""
}

func signo(s *Signal, sig unix.Signal) bool { return s.Signo == int(sig) }
