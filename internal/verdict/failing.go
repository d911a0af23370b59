// SPDX-License-Identifier: MIT

package verdict

import (
	"fmt"
	"slices"

	"github.com/kmodlab/kmodlab/internal/errno"
	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/internal/failable"
	"github.com/kmodlab/kmodlab/result"
)

// failures are the calls that were to fail.
func (m *maker) failures() []result.FailedCall {
	var list []result.FailedCall
	for i := range m.e.Failing {
		f := &m.e.Failing[i]
		if f.Target != "" {
			continue
		}
		c := result.FailedCall{
			Function: f.Call, Module: f.Module, Nth: f.Nth, Calls: f.Calls, Made: f.Made(), Unknown: f.Unread,
		}
		if f.Made() {
			m.failed(&c, f)
		}
		list = append(list, c)
	}
	return list
}

// failed adds what is known of a call that was made to fail.
func (m *maker) failed(c *result.FailedCall, f *evidence.Failing) {
	if f.Symbol >= 0 && f.Symbol < len(f.Symbols) {
		c.Symbol = f.Symbols[f.Symbol]
	}
	c.Value, c.Returned, c.InInit = f.Value, failable.Returned(c.Symbol, f.Value), f.InInit
	c.AtNS = clock{m.start}.ns(f.TimeNS)
	if f.Comm != "" { // else it was an interrupt
		c.By = &result.Task{Comm: f.Comm, PID: f.PID}
	}
	site, module := m.placeOf(f.At, f.TimeNS)
	if f.Jump != "" {
		site, module = fmt.Sprintf("%s [%s]", f.Jump, f.Module), f.Module
	}
	if module == f.Module {
		c.Site = site
		c.File, c.Line = m.locator.position(site, false)
	}
}

// withoutHelper leaves out the module that makes calls fail.
func withoutHelper(e *evidence.Evidence, modules []result.Module) []result.Module {
	if len(e.Failing) == 0 {
		return modules
	}
	return slices.DeleteFunc(modules, func(m result.Module) bool { return m.Name == failable.Helper })
}

// addFailures adds to a verdict which call was made to fail before, and which task ended, or that it never came.
func addFailures(v *result.Verdict, e *evidence.Evidence, res *result.Result) {
	if v.Class == result.Pass && e.Refused() != nil {
		return // its message says so
	}
	for i := range res.Failures {
		if c := &res.Failures[i]; c.Made {
			v.Message += "; " + made(c)
		} else if v.Class == result.Pass {
			v.Message += "; " + notMade(c)
		}
	}
	for i := range res.Exits {
		if x := &res.Exits[i]; x.Made {
			v.Message += "; " + exited(x)
		} else if v.Class == result.Pass {
			v.Message += "; " + notExited(x)
		}
	}
}

// made says which call was made to fail, as a sentence without a stop.
func made(c *result.FailedCall) string {
	s := fmt.Sprintf("call %d of %s", c.Nth, c.Function)
	if c.Site != "" {
		s += " in " + withLine(c.Site, c.File, c.Line, " (", ")")
	}
	return s + " was made to return " + c.Returned
}

// notMade says why a call was not made to fail, or that this is not known, as a sentence without a stop.
func notMade(c *result.FailedCall) string {
	if c.Unknown != "" {
		return fmt.Sprintf("whether call %d of %s failed is not known: %s", c.Nth, c.Function, c.Unknown)
	}
	return fmt.Sprintf("%s made %s of %s, so call %d did not fail", c.Module, onlyCalls(c.Calls), c.Function, c.Nth)
}

func onlyCalls(n uint64) string {
	if n == 0 {
		return "no call"
	}
	return "only " + plural(n, "call", "calls")
}

// refusedMessage is the message of a pass in which a module refused its load because a call was made to fail.
func refusedMessage(e *evidence.Evidence, f *evidence.Failing, res *result.Result) string {
	message := fmt.Sprintf("init of %s returned -%s", f.Module, errno.Name(e.Failed(evidence.Load).Errno))
	for i := range res.Failures {
		if c := &res.Failures[i]; c.Made {
			message += " after " + made(c)
		}
	}
	for i := range res.Exits {
		if x := &res.Exits[i]; x.Made {
			message += " after " + exited(x)
		}
	}
	if !e.Left.Compared || e.Left.Ledger == nil {
		return message + "; what it left behind was not looked for"
	}
	return message + ", and nothing was left behind"
}
