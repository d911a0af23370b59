// SPDX-License-Identifier: MIT

package lanes

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/kmodlab/kmodlab/internal/plain"
	"github.com/kmodlab/kmodlab/result"
)

// call is one request_module while its story is told.
type call struct {
	*builder
	q       *result.Request
	by      int // who called it
	helper  int // the lane of the helper, or -1
	subject int
	name    string
}

func (b *builder) request(i int, q *result.Request) {
	s := &q.Stages
	began := earliest(s.Asked, s.Named, s.Throttled, s.Queued, s.Forked, s.Exec, s.Returned)
	if began == nil {
		return
	}
	c := call{builder: b, q: q, helper: b.helpers[i], by: b.who(&q.By, *began, q.Background)}
	function := "request_module"
	if !q.Wait {
		function = "request_module_nowait"
	}
	c.name = fmt.Sprintf("%s(%q)", function, Short(q.Name))
	c.subject = b.subject("request", c.name, q)
	c.ask(began)
	if c.helper >= 0 {
		b.story.Lanes[c.helper].Subject = c.subject
		c.run()
	}
}

func (c *call) moment(at *int64, lane int, moment, what, how string, tone Tone) int {
	if at == nil {
		return -1
	}
	return c.event(Event{At: *at, Lane: lane, Subject: c.subject, Moment: moment, What: what, How: how, Tone: tone,
		Background: c.q.Background})
}

// ask is the caller's side.
func (c *call) ask(began *int64) {
	q, s := c.q, &c.q.Stages
	asked := c.moment(began, c.by, "asked", c.name, inSite(q.By.Site), "")
	const worth = 1_000_000 // ns; a shorter delay by the limiter is not worth mentioning
	if q.ThrottledNS != nil && *q.ThrottledNS >= worth {
		after := "after " + plain.Moment(*q.ThrottledNS)
		c.point(c.moment(s.Throttled, c.by, "throttled", "passes the limiter of helpers", after, Warn))
	}
	if s.Queued != nil && *s.Queued != *began {
		c.point(c.moment(s.Queued, c.by, "queued", "has its helper queued", "", ""))
	}
	c.point(c.moment(s.Duplicate, c.by, "duplicate", "has waited for another request with the same name", "", ""))
	how, tone := after(began, s.Returned), Tone("")
	if q.Returned != nil {
		how = join(", ", fmt.Sprintf("returned %d: %s", *q.Returned, Short(q.Meaning)), how)
		if *q.Returned != 0 {
			tone = Warn
		}
	}
	c.moment(s.Returned, c.by, "returned", c.name+" returns", how, tone)
	if s.Returned == nil {
		e := &c.story.Events[asked]
		e.How, e.Tone = join(", ", "still waiting", e.How), Bad
		if slices.Contains(q.Unknown, "returned") {
			e.How, e.Tone = "its return value is not known", Warn
		}
	}
	c.segment(c.by, Ask, c.name, *began, s.Returned, asked)
	if c.helper < 0 {
		return
	}
	if born := earliest(s.Forked, s.Exec); born != nil {
		c.arrow(Arrow{Link: LinkAsk, Name: "", From: End{Lane: c.by, At: *began}, To: End{Lane: c.helper, At: *born},
			Event: asked})
	}
	if ended := earliest(s.Exited, s.Waited); q.Wait && ended != nil && s.Returned != nil && *s.Returned >= *ended {
		c.arrow(Arrow{Link: LinkAnswer, Name: c.exit(), From: End{Lane: c.helper, At: *ended},
			To: End{Lane: c.by, At: *s.Returned}, Tone: c.exitTone(), Event: asked})
	}
}

// run is the helper's side.
func (c *call) run() {
	s, h := &c.q.Stages, c.q.Helper
	command := Short(strings.Join(h.Argv, " "))
	command = cmp.Or(command, Short(h.Path))
	forked := c.moment(s.Forked, c.helper, "forked", "is forked by a kernel worker", after(s.Queued, s.Forked), "")
	run := c.moment(s.Exec, c.helper, "exec", "executes "+command, after(earliest(s.Forked, s.Queued), s.Exec), "")
	end := earliest(s.Exited, s.Waited)
	exited := c.moment(end, c.helper, "exited", "ends", join(", ", c.exit(), after(s.Exec, end)), c.exitTone())
	if exited >= 0 {
		c.story.Events[exited].Point = true
	}
	if forked >= 0 {
		until := s.Exec
		if until == nil {
			until = end
		}
		c.segment(c.helper, Starting, "before exec", *s.Forked, until, forked)
	}
	if run >= 0 {
		c.segment(c.helper, Running, command, *s.Exec, end, run)
	}
}

// point marks an event at which no segment begins or ends; -1 is none.
func (b *builder) point(event int) {
	if event >= 0 {
		b.story.Events[event].Point = true
	}
}

// exit is how the helper ended, in words.
func (c *call) exit() string {
	h := c.q.Helper
	switch {
	case h == nil:
		return ""
	case h.NotExecuted:
		return "could not be executed"
	case h.KilledBy != "":
		return "killed by " + Short(h.KilledBy)
	case h.Exit != nil:
		return fmt.Sprintf("exit %d", *h.Exit)
	}
	return ""
}

func (c *call) exitTone() Tone {
	h := c.q.Helper
	if h.NotExecuted || h.KilledBy != "" || h.Exit != nil && *h.Exit != 0 {
		return Warn
	}
	return ""
}

func helperName(h *result.Helper) string {
	program := h.Path
	if program == "" && len(h.Argv) > 0 {
		program = h.Argv[0]
	}
	if program == "" {
		return "modprobe"
	}
	return path.Base(program)
}
