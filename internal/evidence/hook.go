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

// Absent reports whether there is nothing that a hook could miss: request_module has no
// duplicates before 6.4, nor later without CONFIG_MODULE_DEBUG_AUTOLOAD_DUPS. The hook's
// function is called from another file, so it cannot have been inlined.
func (h *Hook) Absent() bool {
	return h.Name == "request_duplicate" && strings.HasPrefix(h.Note, "this kernel has no ")
}

// Unproved returns the names of the hooks that never fired, although they could.
func Unproved(hooks []Hook) []string {
	var names []string
	for i := range hooks {
		if h := &hooks[i]; !h.Proved && !h.Absent() {
			names = append(names, h.Name)
		}
	}
	return names
}
