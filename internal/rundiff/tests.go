// SPDX-License-Identifier: MIT

package rundiff

import (
	"cmp"
	"fmt"

	"github.com/kmodlab/kmodlab/result"
)

// tests compares how the tests that ran beside the modules ended, and what their output says of tests of their own. A
// test that only one of the runs has is a change of its outcome from or to nothing.
func (d *differ) tests() {
	name := func(i int, t *result.Test) string { return t.Name }
	each(d.a.Tests, d.b.Tests, name, func(n string, a, b *result.Test) {
		switch {
		case a == nil:
			d.outcome(n, "", ended(b.Outcome, b.Reason))
			d.subtests(n, nil, b.Subtests)
		case b == nil:
			d.outcome(n, ended(a.Outcome, a.Reason), "")
		case a.Outcome != b.Outcome:
			d.outcome(n, ended(a.Outcome, a.Reason), ended(b.Outcome, b.Reason))
			d.subtests(n, a.Subtests, b.Subtests)
		default:
			if unlike(a.Reason) != unlike(b.Reason) {
				d.outcome(n, ended(a.Outcome, a.Reason), ended(b.Outcome, b.Reason))
			}
			d.subtests(n, a.Subtests, b.Subtests)
		}
	})
}

// subtests compares subtests. Of a test that is new, those that fail are told, and of one that is gone, none.
func (d *differ) subtests(of string, a, b []result.Subtest) {
	name := func(i int, t *result.Subtest) string {
		return of + ": " + cmp.Or(t.Name, fmt.Sprintf("number %d", i+1))
	}
	each(a, b, name, func(n string, x, y *result.Subtest) {
		switch {
		case x == nil && a == nil && y.Outcome != result.TestFail:
		case x == nil:
			d.outcome(n, "", ended(y.Outcome, y.Reason))
			d.subtests(n, nil, y.Tests)
		case y == nil:
			d.outcome(n, ended(x.Outcome, x.Reason), "")
		default:
			if x.Outcome != y.Outcome {
				d.outcome(n, ended(x.Outcome, x.Reason), ended(y.Outcome, y.Reason))
			}
			d.subtests(n, x.Tests, y.Tests)
		}
	})
}

func (d *differ) outcome(name, before, after string) { d.add("test", name, "outcome", before, after) }

// ended is how a test ended, in words.
func ended(o result.TestOutcome, reason string) string {
	if reason == "" {
		return string(o)
	}
	return fmt.Sprintf("%s: %s", o, reason)
}

// each calls visit for all members of two lists, by their names; a nil is what one of them does not have.
func each[T any](a, b []T, name func(i int, t *T) string, visit func(name string, a, b *T)) {
	named := func(list []T) (names []string, by map[string]*T) {
		by = make(map[string]*T)
		seen := make(map[string]int)
		for i := range list {
			n := name(i, &list[i])
			if seen[n]++; seen[n] > 1 {
				n = fmt.Sprintf("%s, number %d", n, seen[n])
			}
			names = append(names, n)
			by[n] = &list[i]
		}
		return names, by
	}
	before, first := named(a)
	after, second := named(b)
	for _, n := range before {
		visit(n, first[n], second[n])
	}
	for _, n := range after {
		if first[n] == nil {
			visit(n, nil, second[n])
		}
	}
}
