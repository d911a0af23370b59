// SPDX-License-Identifier: MIT

package report

import (
	"fmt"

	"github.com/kmodlab/kmodlab/result"
)

// programMessages are the tests, the processes that a signal ended, and the calls, of which equal ones are one.
func programMessages(r *result.Result) []message {
	var list []message
	for i := range r.Tests {
		t := &r.Tests[i]
		name := who(result.Task{Comm: commOf(t.Name), PID: t.PID})
		if t.StartNS != nil {
			list = append(list, message{at: *t.StartNS, from: name, text: "the test " + clean(t.Name) + " starts"})
		}
		if t.EndNS != nil {
			list = append(list, message{at: *t.EndNS, from: name,
				text: joined(outcomeWords[t.Outcome]+": "+howEnded(t.Exit, t.Signal), clean(t.Reason))})
		}
	}
	for i := range r.Processes {
		if p := &r.Processes[i]; !root(r, p) && p.EndNS != nil && p.KilledBy != "" {
			list = append(list, message{at: *p.EndNS, from: who(p.Task), text: howEnded(0, p.KilledBy)})
		}
	}
	for calls := r.Calls; len(calls) > 0; {
		n := sameCalls(calls)
		list = append(list, callMessage(calls[:n]))
		calls = calls[n:]
	}
	return list
}

// callMessage is an arrow to the module that serves the calls.
func callMessage(group []result.Call) message {
	c, arrow := &group[0], arrowCall
	to := kernelActor
	if c.Module != "" {
		to = "module " + clean(c.Module)
	}
	if c.Ret == nil {
		arrow = arrowLost
	}
	text := joined(clean(c.Name+" "+c.File), returned(c, ""))
	if n := len(group); n > 1 {
		text = fmt.Sprintf("%s ×%d", text, n)
	}
	return message{c.AtNS, who(c.By), to, arrow, text}
}
