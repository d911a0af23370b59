// SPDX-License-Identifier: MIT

package verdict

import (
	"fmt"
	"strings"

	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/internal/lazyregexp"
	"github.com/kmodlab/kmodlab/result"
	"github.com/kmodlab/kmodlab/tracer/event"
	"github.com/kmodlab/kmodlab/tracer/timeline"
)

// explainKill adds to a command that a signal ended who sent that signal, and from where.
func (m *maker) explainKill(failures []evidence.Failure) {
	for i := range failures {
		f := &failures[i]
		if f.Signal == "" {
			continue
		}
		threads := m.threadsOf(f.PID)
		for j := range m.res.Signals {
			s := &m.res.Signals[j]
			if s.Name == f.Signal && threads[s.To.PID] && s.Outcome == result.Delivered {
				f.Message += m.sender(s)
				if m.studied(moduleOf(s.From.Site)) {
					f.Hint = sentByModule
				}
				break
			}
		}
	}
}

// sentByModule is the hint where the message names the place in the module already.
const sentByModule = "in init and exit, current is the process that loads or unloads the module: send signals only to " +
	"tasks that the module started, and hold a reference to their struct pid"

// threadsOf returns the threads of a process that the records name.
func (m *maker) threadsOf(pid int) map[int]bool {
	threads := map[int]bool{pid: true}
	for i := range m.e.Trace.Events {
		for _, t := range []event.Task{m.e.Trace.Events[i].By, m.e.Trace.Events[i].Target} {
			if int(t.TGID) == pid && !t.Kthread {
				threads[int(t.PID)] = true
			}
		}
	}
	return threads
}

// sender says who sent a signal: the place in code, and the task in which that code ran.
func (m *maker) sender(s *result.Signal) string {
	by := fmt.Sprintf("%s[%d]", s.From.Comm, s.From.PID)
	if s.From.Site == "" {
		return ", which " + by + " sent"
	}
	file, line := m.locator.position(s.From.Site, false)
	place := withLine(s.From.Site, file, line, " (", ")")
	if s.From.PID == 0 || m.inTimer(s) { // not by the task that was interrupted
		return fmt.Sprintf(", which %s sent in an interrupt", place)
	}
	return fmt.Sprintf(", which %s sent in %s", by, place)
}

// inTimer reports whether a signal was sent in a timer's function, whatever task that interrupted.
func (m *maker) inTimer(s *result.Signal) bool {
	if m.e.Left.Ledger == nil || s.SentNS < 0 {
		return false
	}
	function, module := m.e.Left.Ledger.TimerAt(m.start+uint64(s.SentNS), m.placeOf)
	name, _, _ := strings.Cut(function, " [")
	at, _, _ := strings.Cut(s.From.Site, "+")
	return module != "" && module == moduleOf(s.From.Site) && name == at
}

// timerCallers are the functions of the kernel that call a timer's function. If its last call became a jump, that call
// returns to them.
var timerCallers = lazyregexp.New(`^(?:call_timer_fn|expire_timers|__run_timers)[.\w]*\+`)

// nameTimers puts the timer's function in place of its caller, where a signal was sent by a jump.
func (m *maker) nameTimers() {
	ledger := m.e.Left.Ledger
	if ledger == nil {
		return
	}
	for i := range m.res.Signals {
		s := &m.res.Signals[i]
		if s.SentNS < 0 || !timerCallers.MatchString(s.From.Site) {
			continue
		}
		if function, module := ledger.TimerAt(m.start+uint64(s.SentNS), m.placeOf); m.studied(module) {
			s.From.Site, s.Sender, s.Background = m.jumpIn(function, module), string(timeline.FromModule), false
		}
	}
}

// jumpIn adds to a function of a module, "tick [m]", where it leaves with a jump, if there is one such place.
func (m *maker) jumpIn(function, module string) string {
	name, _, _ := strings.Cut(function, " [")
	c := m.codeOf(module)
	if c == nil {
		return function
	}
	jumps := c.Jumps(name)
	if len(jumps) != 1 {
		return function
	}
	return fmt.Sprintf("%s+%#x [%s]", name, jumps[0].Offset+1, module) // places are return addresses
}
