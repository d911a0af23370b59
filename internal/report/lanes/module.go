// SPDX-License-Identifier: MIT

package lanes

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/kmodlab/kmodlab/result"
	"github.com/kmodlab/kmodlab/tracer/timeline"
)

// module draws the life of a module in a lane of its own, and the calls that load and free it.
func (b *builder) module(m *result.Module) {
	if m.LoadedNS == nil && m.FreedNS == nil && len(m.Refs) == 0 {
		return // the trace knows nothing about it
	}
	name := Short(m.Name)
	subject := b.subject("module", name, m)
	lane := b.lane(name, 0, Module, m.Background)
	b.modules[name] = lane
	b.story.Lanes[lane].Subject = subject
	moment := func(at *int64, who int, moment, what, how string, tone Tone) int {
		return b.event(Event{At: *at, Lane: who, Subject: subject, Moment: moment, What: what, How: how, Tone: tone,
			Background: m.Background})
	}
	if m.LoadedNS != nil {
		by := b.who(m.By, *m.LoadedNS, m.Background)
		how, tone := loadWords(m)
		loaded := moment(m.LoadedNS, by, "loaded_ns", "finit_module "+name, how, tone)
		initialized := initEnd(m)
		b.segment(by, Load, "finit_module "+name, *m.LoadedNS, &initialized, loaded)
		b.segment(lane, Init, "init", *m.LoadedNS, &initialized, loaded)
		if m.FreedNS == nil || *m.FreedNS > initialized {
			b.segment(lane, Live, "loaded", initialized, m.FreedNS, loaded)
		}
	}
	if m.FreedNS != nil {
		what, how := "delete_module "+name, "gone"
		switch {
		case slices.Contains(m.Unknown, "loaded"):
			what = "drops " + name
		case !m.Loaded && m.LoadedNS != nil:
			what, how = "drops "+name, "its init failed"
		}
		b.point(moment(m.FreedNS, b.who(m.FreedBy, *m.FreedNS, m.Background), "freed_ns", what, how, ""))
	}
	for i := range m.Refs {
		ref := &m.Refs[i]
		verb := "takes a reference to "
		if ref.Put {
			verb = "drops a reference to "
		}
		how := join(", ", fmt.Sprintf("%d now", ref.Count), inSite(ref.By.Site))
		b.point(moment(&ref.AtNS, b.who(&ref.By, ref.AtNS, m.Background), fmt.Sprintf("refs[%d].at_ns", i), verb+name, how,
			""))
	}
}

// initEnd is when the load finished. The duration of init is known, but not when init began, which is some time after
// the module appeared. What do_init_module does after init, dropping its own reference, is a lower bound.
func initEnd(m *result.Module) int64 {
	end := *m.LoadedNS + initNS(m)
	for i := range m.Refs {
		if ref := &m.Refs[i]; ref.Put && strings.HasPrefix(ref.By.Site, "do_init_module+") {
			return max(end, ref.AtNS)
		}
	}
	return end
}

// initNS is how long init took, in whole nanoseconds.
func initNS(m *result.Module) int64 {
	return int64(min(max(0, m.InitMS*1e6), math.MaxInt64/4))
}

func loadWords(m *result.Module) (string, Tone) {
	needs := ""
	if len(m.Depends) > 0 {
		needs = "needs " + Short(strings.Join(m.Depends, ", "))
	}
	took := "init"
	if !slices.Contains(m.Unknown, "init_ms") {
		took += " " + timeline.Span(initNS(m))
	}
	switch {
	case slices.Contains(m.Unknown, "init_ret") && slices.Contains(m.Unknown, "loaded"):
		return "the return value of its init is not known", Warn
	case m.InitRet < 0:
		return join(", ", took, fmt.Sprintf("returned %d", m.InitRet), needs), Bad
	case !m.Loaded:
		return join(", ", "init did not return", needs), Bad
	}
	return join(", ", took, fmt.Sprintf("returned %d", m.InitRet), needs), ""
}

func (b *builder) signal(s *result.Signal) {
	name := Short(s.Name)
	from := b.who(&s.From, s.SentNS, s.Background)
	to := b.who(&s.To, s.SentNS, s.Background)
	target := Short(s.To.Comm)
	kind, what := name, name+" to "+target
	if s.Outcome == result.NotASignal {
		kind, what = "wake-up", "wakes "+target+" without a signal"
	}
	subject := b.subject("signal", join(" ", kind, "to", target), s)
	tone := outcomeTone(s.Outcome)
	outcome := Short(string(s.Outcome))
	how := outcome
	if s.ConsumedNS != nil && !slices.Contains(s.Unknown, "sent_ns") {
		how = join(" ", how, after(&s.SentNS, s.ConsumedNS))
	}
	reason := ""
	if s.Reason != timeline.Dequeued {
		reason = Short(s.Reason)
	}
	how = join(": ", join(" ", how, inSite(s.Site)), reason)
	sent := b.event(Event{
		At: s.SentNS, Lane: from, Subject: subject, Moment: "sent_ns", What: what, How: how, Tone: tone, Point: true,
		Background: s.Background,
	})
	end := End{Lane: to, At: s.SentNS}
	if s.ConsumedNS != nil {
		verb := "takes " + name
		if s.Outcome == result.NotASignal {
			verb = "finds signal_pending() true without a signal"
		}
		b.point(b.event(Event{
			At: *s.ConsumedNS, Lane: to, Subject: subject, Moment: "consumed_ns", What: verb,
			How: join(" ", after(&s.SentNS, s.ConsumedNS), inSite(s.Site)), Tone: tone, Background: s.Background,
		}))
		end.At = max(s.SentNS, *s.ConsumedNS)
	}
	b.arrow(Arrow{Link: LinkSignal, Name: name, Outcome: outcome, Tone: tone, From: End{Lane: from, At: s.SentNS},
		To: end, Event: sent})
}

func outcomeTone(o result.Outcome) Tone {
	switch o {
	case result.Consumed, result.Delivered:
		return Good
	case result.LostSignal:
		return Bad
	}
	return Warn
}
