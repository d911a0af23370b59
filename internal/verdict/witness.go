// SPDX-License-Identifier: MIT

package verdict

import (
	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/result"
)

// seen is what the result says of a look at the guest from outside.
func seen(w *evidence.Witness) *result.Witness {
	switch {
	case w == nil:
		return nil
	case w.Last == nil:
		return &result.Witness{Why: w.Why, Differences: append([]string{}, w.Differences...)}
	}
	return &result.Witness{
		Modules: len(w.Last.Modules), Tasks: len(w.Last.Tasks), Programs: len(w.Last.Programs),
		Differences: append([]string{}, w.Differences...),
	}
}
