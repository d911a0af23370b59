// SPDX-License-Identifier: MIT

package verdict

import (
	"fmt"

	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/result"
)

// exits are the tasks that were to end.
func (m *maker) exits() []result.TargetExit {
	var list []result.TargetExit
	for i := range m.e.Failing {
		f := &m.e.Failing[i]
		if f.Target == "" {
			continue
		}
		x := result.TargetExit{
			Target: f.Target, Module: f.Module, Nth: f.Nth, Uses: f.Calls, Made: f.Made(), Unknown: f.Unread,
		}
		if x.Made {
			var c result.FailedCall
			m.failed(&c, f)
			x.Function, x.AtNS, x.By, x.InInit = c.Symbol, c.AtNS, c.By, c.InInit
			x.Site, x.File, x.Line = c.Site, c.File, c.Line
			x.PID, x.Ended, x.Reaped = f.TargetPID, f.End == evidence.Gone || f.End == evidence.Zombie, f.End == evidence.Gone
			x.Unheld = f.Unheld && x.Reaped
		}
		list = append(list, x)
	}
	return list
}

// exited says which task ended, and before what, as a sentence without a stop.
func exited(x *result.TargetExit) string {
	did := "was ended"
	if !x.Ended {
		did = "did not end"
	}
	return fmt.Sprintf("%s[%d] %s just before %s", x.Target, x.PID, did, called(x))
}

// called is the call with the task.
func called(x *result.TargetExit) string {
	if x.Site == "" {
		return x.Function
	}
	return x.Function + " in " + withLine(x.Site, x.File, x.Line, " (", ")")
}

// notExited says why a task did not end, or that this is not known, as a sentence without a stop.
func notExited(x *result.TargetExit) string {
	switch {
	case x.Unknown != "":
		return fmt.Sprintf("whether %s ended is not known: %s", x.Target, x.Unknown)
	case x.Uses == 0:
		return fmt.Sprintf("%s used no task named %s, so none ended", x.Module, x.Target)
	}
	return fmt.Sprintf("%s used a task named %s only %s, so it did not end before use %d", x.Module, x.Target,
		plural(x.Uses, "time", "times"), x.Nth)
}

// judgeUnheld returns the verdict of a module that uses a task that is gone.
func judgeUnheld(list []result.TargetExit) []result.Verdict {
	for i := range list {
		if x := &list[i]; x.Unheld {
			return []result.Verdict{{
				Class: result.Oops,
				Message: fmt.Sprintf("use after free: nobody had a reference to %s[%d] when it had ended, and %s uses it; "+
					"the kernel did not notice", x.Target, x.PID, called(x)),
				Hint: "take a reference when the task is found (get_pid_task, or get_task_struct within rcu_read_lock), and drop " +
					"it with put_task_struct after the last use",
			}}
		}
	}
	return nil
}
