// SPDX-License-Identifier: MIT

// Package agree holds what must be true of every result, whatever the modules did: the verdict, the story and the JSON
// never contradict each other.
package agree

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/kmodlab/kmodlab/internal/report"
	"github.com/kmodlab/kmodlab/result"
)

// Contradictions returns what in a result contradicts something else in it, a sentence each.
func Contradictions(r *result.Result) []string {
	c := &checker{r: r}
	var text bytes.Buffer
	if err := report.Text(&text, r, report.TextOptions{Width: 400}); err != nil {
		return []string{fmt.Sprintf("it cannot be printed: %v", err)}
	}
	c.text = text.String()
	c.pass()
	c.classes()
	c.inits()
	c.threads()
	c.complaints()
	c.tests()
	return c.found
}

type checker struct {
	r     *result.Result
	text  string
	found []string
}

func (c *checker) says(format string, args ...any) {
	c.found = append(c.found, fmt.Sprintf(format, args...))
}

// pass: a pass has nothing to complain about.
func (c *checker) pass() {
	if c.r.Verdict.Class != result.Pass {
		return
	}
	for name, n := range map[string]int{
		"crashes": len(c.r.Crashes), "leaks": len(c.r.Leaks), "stuck tasks": len(c.r.Stuck),
		"other verdicts": len(c.r.Verdict.Also), "kinds of misuse": len(c.r.Misuse),
		"contradictions": len(c.r.Contradictions),
	} {
		if n > 0 {
			c.says("it passes, with %d %s", n, name)
		}
	}
	for _, m := range c.r.Modules {
		if !m.Background && m.InitRet != 0 && !c.askedFor(m.Name) {
			c.says("it passes, although the init of %s returned %d", m.Name, m.InitRet)
		}
	}
}

// askedFor reports whether a call was made to fail, or a task ended, while a module's init ran: then it may refuse its
// load.
func (c *checker) askedFor(module string) bool {
	failed := slices.ContainsFunc(c.r.Failures, func(f result.FailedCall) bool {
		return f.Made && f.InInit && f.Module == module
	})
	return failed || slices.ContainsFunc(c.r.Exits, func(x result.TargetExit) bool {
		return x.Made && x.InInit && x.Module == module
	})
}

// classes: the class of the verdict, or of what else applies, rests on something in the JSON.
func (c *checker) classes() {
	for _, v := range append([]result.Verdict{c.r.Verdict}, c.r.Verdict.Also...) {
		crash := slices.ContainsFunc(append(slices.Clone(c.r.Crashes), c.r.Unrelated...), func(x result.Crash) bool {
			return x.Class == v.Class
		})
		tainted := slices.ContainsFunc(c.r.Taint, complains)
		switch v.Class {
		case result.Oops:
			unheld := slices.ContainsFunc(c.r.Exits, func(x result.TargetExit) bool { return x.Unheld })
			if !crash && !tainted && len(c.r.Misuse) == 0 && !unheld {
				c.says("verdict oops without a report of the kernel: %s", v.Message)
			}
		case result.Panic:
			if !crash {
				c.says("verdict panic without a report of the kernel: %s", v.Message)
			}
		case result.Lockup, result.Hung:
			if !crash && len(c.r.Stuck) == 0 {
				c.says("verdict %s without a task that is stuck: %s", v.Class, v.Message)
			}
		case result.Leak:
			hooked := c.r.Witness != nil && len(c.r.Witness.Hooked) > 0
			if len(c.r.Leaks) == 0 && !slices.ContainsFunc(c.r.Threads, alive) &&
				!slices.ContainsFunc(c.r.Modules, stays) && !hooked {
				c.says("verdict leak with nothing left: %s", v.Message)
			}
		}
		if v.Class != result.Pass && v.Message == "" {
			c.says("verdict %s without a message", v.Class)
		}
	}
}

// complains reports whether the kernel sets a taint because of something that it found.
func complains(taint string) bool {
	return slices.Contains([]string{"earlier oops or BUG", "earlier warning", "bad page", "earlier soft lockup"}, taint)
}

func alive(t result.Thread) bool { return t.Alive && !t.Background }

func stays(m result.Module) bool { return m.Loaded && !m.Unloaded && !m.Background }

// inits: the result of an init is the same in the JSON, in the story and in the verdict.
func (c *checker) inits() {
	for _, m := range c.r.Modules {
		if m.InitRet < 0 && m.Loaded {
			c.says("%s is loaded, and its init returned %d", m.Name, m.InitRet)
		}
		if m.LoadedNS == nil || m.Background || slices.Contains(m.Unknown, "init_ret") {
			continue
		}
		refused := strings.Contains(c.r.Verdict.Message, "the init function of "+m.Name+" returned -")
		if refused && m.InitRet >= 0 {
			c.says("the verdict says that the init of %s refused; the JSON says that it returned %d", m.Name, m.InitRet)
		}
		if refused && strings.Contains(c.text, "init did not return") && len(c.r.Modules) == 1 {
			c.says("the verdict says that the init of %s refused; the story says that it did not return", m.Name)
		}
		odd := strings.Contains(c.r.Verdict.Message, "init of "+m.Name+" returned ") &&
			strings.Contains(c.r.Verdict.Message, "neither 0")
		if odd && m.InitRet <= 0 {
			c.says("the verdict says that the init of %s returned a positive number; the JSON says %d", m.Name, m.InitRet)
		}
	}
}

// threads: a thread that crashed did not return, and one that is alive has not ended.
func (c *checker) threads() {
	for _, t := range c.r.Threads {
		if t.Alive && t.Stages.Exited != nil {
			c.says("%s[%d] is alive and has exited", t.Name, t.PID)
		}
		if alive(t) && c.r.Verdict.Class == result.Pass && strings.Contains(c.r.Verdict.Message, "born and ended") {
			c.says("%s[%d] is alive, and the verdict says that all threads ended", t.Name, t.PID)
		}
		for i := range c.r.Crashes {
			x := &c.r.Crashes[i]
			if x.Task == nil || x.Task.PID != t.PID || x.Task.PID == 0 || x.Class != result.Oops || x.GoesOn() || !dies(x) {
				continue
			}
			if strings.HasPrefix(t.Ended, "returned") || t.Alive {
				c.says("%s[%d] crashed, and %q", t.Name, t.PID, t.Ended)
			}
		}
	}
}

// dies reports whether the kernel ends a task after such a report.
func dies(c *result.Crash) bool {
	dying := []string{"null-dereference", "page-fault", "general-protection", "divide-error", "invalid-opcode"}
	return slices.Contains(dying, c.Type) ||
		strings.HasPrefix(c.Title, "kernel BUG at")
}

// complaints: nobody says that the kernel did not complain if it did.
func (c *checker) complaints() {
	if !strings.Contains(c.r.Verdict.Message, "no complaint from the kernel") {
		return
	}
	for _, w := range c.r.Taint {
		if complains(w) {
			c.says("no complaint from the kernel, and it is tainted: %s", w)
		}
	}
	if n := len(c.r.Crashes) + len(c.r.Unrelated); n > 0 {
		c.says("no complaint from the kernel, and %d reports", n)
	}
}
