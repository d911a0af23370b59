// SPDX-License-Identifier: MIT

package foreign

import "github.com/kmodlab/kmodlab/result"

// AddExpectations adds an expectation of each outcome to a result.
func AddExpectations(r *result.Result) {
	at := int64(4_010_000)
	r.Expectations = append(r.Expectations,
		result.Expected{Text: "h", Outcome: result.ExpectedHeld},
		result.Expected{Text: "f", Outcome: result.ExpectedFailed, Found: []string{"a", "b", "c"}, AtNS: &at},
		result.Expected{Text: "n", Outcome: result.ExpectedFailed, Why: "w"},
		result.Expected{Text: "u", Outcome: result.ExpectedUnknown, Why: "w"})
}
