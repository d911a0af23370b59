// SPDX-License-Identifier: MIT

package result

// Expected is something that a person expected of the run, and what became of it.
type Expected struct {
	Text    string          `json:"text"` // an expression: docs/expectations.md
	Outcome ExpectedOutcome `json:"outcome"`
	// Found says what was found instead, a sentence without a stop each.
	Found []string `json:"found,omitempty"`
	// Why says why it can be told neither to hold nor to fail.
	Why string `json:"why,omitempty"`
	// AtNS is the time of the first thing that is not as expected, if it has one.
	AtNS *int64 `json:"at_ns,omitempty"`
}

// ExpectedOutcome is what became of an expectation.
type ExpectedOutcome string

// The outcomes of expectations. One is unknown if what it is about is not recorded on the kernel, or if the run did not
// come so far: that is no fault of the modules.
const (
	ExpectedHeld    ExpectedOutcome = "held"
	ExpectedFailed  ExpectedOutcome = "failed"
	ExpectedUnknown ExpectedOutcome = "unknown"
)
