// SPDX-License-Identifier: MIT

package evidence

import "github.com/kmodlab/kmodlab/internal/witness"

// Witness is what was seen of the guest from outside.
type Witness struct {
	Why         string          `json:"why,omitempty"`   // nothing was seen
	Guest       witness.Account `json:"guest"`           // what the guest says of itself
	First       *witness.View   `json:"first,omitempty"` // before the first foreign module
	Last        *witness.View   `json:"last,omitempty"`
	Differences []string        `json:"differences,omitempty"` // a sentence each
}

// Bounded reports whether a witness has no more of anything than that of a live run.
func (w *Witness) Bounded() bool {
	for _, v := range []*witness.View{w.First, w.Last} {
		if v != nil && !v.Bounded() {
			return false
		}
	}
	return len(w.Guest.Modules) <= witness.MaxModules && len(w.Differences) <= witness.MaxDifferences
}
