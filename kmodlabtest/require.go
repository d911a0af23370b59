// SPDX-License-Identifier: MIT

package kmodlabtest

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kmodlab/kmodlab/internal/plain"
	"github.com/kmodlab/kmodlab/internal/report"
	"github.com/kmodlab/kmodlab/result"
)

// Requirement is something that must be true of a result. It is pure: Check may be used on any result, such as that of
// a recording.
type Requirement struct {
	check   func(*result.Result) error
	verdict bool // it is about the verdict
}

// Check says what is not as required, nil if all is. The error is a *Mismatch, except for a requirement of That.
func (q Requirement) Check(r *result.Result) error { return q.check(r) }

// That is a requirement of your own. check returns nil or what is wrong, perhaps a *Mismatch.
func That(check func(r *result.Result) error) Requirement { return Requirement{check: check} }

// Mismatch says that a result is not as required.
type Mismatch struct {
	Text string // what is, and what should be, without a stop
	At   *int64 // when, as the times of the result; the story around it is shown; nil: its end
}

func (m *Mismatch) Error() string { return m.Text }

func mismatch(at *int64, format string, args ...any) error {
	return &Mismatch{Text: fmt.Sprintf(format, args...), At: at}
}

// storyLines are how many lines of the story are shown around what is not as required.
const storyLines = 10

// unmet checks the requirements and what the run was expected to be, and that the verdict is pass if no requirement is
// about it. It returns what a person should
// know, "" if all are met.
func unmet(r *result.Result, requirements []Requirement) string {
	wrong := outcome(r, result.ExpectedFailed)
	judged := false
	for _, q := range requirements {
		judged = judged || q.verdict
		if err := q.Check(r); err != nil {
			wrong = append(wrong, err)
		}
	}
	if c := r.Verdict.Class; !judged && c != result.Pass && len(wrong) == 0 { // else what is shown below says it
		wrong = append(wrong, mismatch(nil, "verdict %s; want pass", c))
	}
	if len(wrong) == 0 {
		return ""
	}
	var lines []string
	var at *int64
	for _, err := range wrong {
		lines = append(lines, harmless(err.Error()))
		var m *Mismatch
		if errors.As(err, &m) && at == nil {
			at = m.At
		}
	}
	return strings.Join(lines, "\n") + "\n" + show(r, at)
}

// bar begins the further lines of a text that others have a part in: none of them looks like a line of go test's.
const bar = "  | "

func harmless(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if i > 0 {
			line = bar + strings.TrimPrefix(line, bar)
		}
		lines[i] = plain.Text(strings.TrimRight(line, "\r "))
	}
	return strings.Join(lines, "\n")
}

// show is the story around a moment, and the verdict, with a bar before each line.
func show(r *result.Result, at *int64) string {
	var b strings.Builder
	// A Builder takes all that is written.
	_ = report.Around(&b, r, at, storyLines, report.TextOptions{Width: 108})
	lines := strings.Split(strings.TrimRight(b.String(), "\n"), "\n")
	return bar + strings.Join(lines, "\n"+bar)
}

// Pass wants the verdict pass: nobody has a complaint.
func Pass() Requirement { return Class(result.Pass) }

// Class wants a verdict of this class, whose message or evidence has each of the words.
func Class(class result.Class, words ...string) Requirement {
	return Requirement{verdict: true, check: func(r *result.Result) error {
		v := &r.Verdict
		if v.Class != class {
			return mismatch(nil, "verdict %s: %s; want %s", v.Class, v.Message, class)
		}
		all := v.Message + "\n" + strings.Join(v.Evidence, "\n")
		for _, w := range words {
			if !strings.Contains(all, w) {
				return mismatch(nil, "verdict %s: %s; want %q in it", v.Class, v.Message, w)
			}
		}
		return nil
	}}
}

// NoLeaks wants that nothing was left behind after unload and no memory was freed twice, and that this was looked for.
func NoLeaks() Requirement {
	return That(func(r *result.Result) error {
		if len(r.Leaks) > 0 {
			l, at, more := &r.Leaks[0], "", ""
			if l.File != "" {
				at = fmt.Sprintf(" (%s:%d)", l.File, l.Line)
			}
			if n := len(r.Leaks) - 1; n > 0 {
				more = fmt.Sprintf(", and %d more", n)
			}
			return mismatch(nil, "left behind: %s: %s%s%s", l.Kind, l.What, at, more)
		}
		if len(r.Misuse) > 0 {
			return mismatch(nil, "%s at %s", r.Misuse[0].Kind, r.Misuse[0].Site)
		}
		for _, p := range r.Phases {
			if p.Name == "leaks" {
				return nil
			}
		}
		return mismatch(nil, "whether something was left behind is not known: the run did not come so far, or did not look")
	})
}

// NothingLost wants that the trace is whole: no record and no line of the kernel's log was lost.
func NothingLost() Requirement {
	return That(func(r *result.Result) error {
		switch {
		case r.Dropped.Total > 0:
			return mismatch(nil, "%d records of the trace were lost", r.Dropped.Total)
		case r.LogLost > 0:
			return mismatch(nil, "%d lines of the kernel's log were lost", r.LogLost)
		}
		return nil
	})
}

// doubts says what the result does not know, for a requirement that found nothing; "" if it knows all. kinds are how
// the names of those records begin that it rests on.
func doubts(r *result.Result, kinds ...string) string {
	var parts []string
	if n := r.Dropped.Total; n > 0 {
		parts = append(parts, fmt.Sprintf("%d records were lost", n))
	}
	for _, kind := range slices.Sorted(maps.Keys(r.Unknown)) {
		if slices.ContainsFunc(kinds, func(k string) bool { return strings.HasPrefix(kind, k) }) {
			parts = append(parts, fmt.Sprintf("no %s is recorded (%s)", kind, r.Unknown[kind]))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return "; the trace does not know everything: " + strings.Join(parts, ", ")
}
