// SPDX-License-Identifier: MIT

package rundiff

import "github.com/kmodlab/kmodlab/result"

// tests compares how the tests that ran beside the modules ended, and what their output says of tests of their own.
func (d *differ) tests() {
	background := func(*result.Test) bool { return false }
	name := func(t *result.Test) string { return t.Name }
	pairs(d, "test", d.a.Tests, d.b.Tests, background, name, func(n string, a, b *result.Test) {
		d.add("test", n, "outcome", a.Outcome, b.Outcome)
		d.subtests(n, a.Subtests, b.Subtests)
	})
}

func (d *differ) subtests(of string, a, b []result.Subtest) {
	background := func(*result.Subtest) bool { return false }
	name := func(t *result.Subtest) string { return of + ": " + t.Name }
	pairs(d, "test", a, b, background, name, func(n string, a, b *result.Subtest) {
		d.add("test", n, "outcome", a.Outcome, b.Outcome)
		d.subtests(n, a.Tests, b.Tests)
	})
}
