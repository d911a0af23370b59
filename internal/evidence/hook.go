// SPDX-License-Identifier: MIT

package evidence

import (
	"strings"

	"github.com/kmodlab/kmodlab/result"
)

// Hook is one hook of the tracer.
type Hook struct {
	result.Hook
	FiredBefore uint64 `json:"fired_before,omitempty"` // calls in the self-test
}

// Prove sets Proved: the hook was seen to fire, in the self-test or later.
func (h *Hook) Prove() { h.Proved = h.Attached && h.FiredBefore+h.Fired > 0 }

// Absent reports whether a hook has nothing to listen to, so that nothing can be
// missed: request_module knows no duplicates before 6.4, nor later without
// CONFIG_MODULE_DEBUG_AUTOLOAD_DUPS, and the function is called from another file, so
// that it cannot hide by being inlined.
func (h *Hook) Absent() bool {
	return h.Name == "request_duplicate" && strings.HasPrefix(h.Note, "this kernel has no ")
}

// Unproved names the hooks that nobody saw firing, although they could.
func Unproved(hooks []Hook) []string {
	var names []string
	for i := range hooks {
		if h := &hooks[i]; !h.Proved && !h.Absent() {
			names = append(names, h.Name)
		}
	}
	return names
}
