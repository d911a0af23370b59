// SPDX-License-Identifier: MIT

package shape

import "github.com/kmodlab/kmodlab/result"

// life gathers moments; those that the trace did not see are left out.
type life []moment

func (l *life) add(at *int64, words ...string) {
	if at != nil {
		*l = append(*l, moment{*at, join(words...)})
	}
}

// thread is a thread's life. The kernel's own steps between the request and the first call of the function are left out
// (they race with the requester), and so is when the kernel freed it.
func (c cast) thread(t *result.Thread) string {
	var l life
	s := &t.Stages
	l.add(s.Requested, "requested by", string(c.of(&t.Requester)))
	l.add(s.Woken, "woken by", string(c.of(t.WokenBy)))
	l.add(s.Function, "function")
	for i := range t.Parks {
		p := &t.Parks[i]
		l.add(p.AskedNS, "asked to park by", string(c.of(p.By)))
		l.add(p.ParkedNS, "parked")
		l.add(p.UnparkedNS, "unparked by", string(c.of(p.UnparkedBy)))
	}
	for i := range t.Works {
		l.add(t.Works[i].StartedNS, "work")
	}
	for i := range t.StopCalls {
		call := &t.StopCalls[i]
		l.add(&call.AskedNS, "stop by", string(c.of(&call.By)), "gave", pointed(call.Ret))
	}
	if len(t.StopCalls) == 0 {
		l.add(s.StopAsked, "stop by", string(c.of(t.StoppedBy)), "gave", pointed(t.StopRet))
	}
	for _, sig := range c[t.PID] {
		l.add(&sig.SentNS, c.signal(sig))
		l.add(sig.ConsumedNS, "takes", sig.Name)
	}
	l.add(s.StopSeen, "saw it")
	l.add(s.Exited, "ended with", sign(t.Result))
	l.add(s.ModuleFreed, "module freed")
	created := "created"
	if t.CreateRet != nil && *t.CreateRet != 0 {
		created = "not created: " + sign(*t.CreateRet)
	}
	return join("thread,", created, t.Ending, flag(t.Alive, "alive"), "stops", number(t.Stops)) + ": " + inOrder(l)
}
