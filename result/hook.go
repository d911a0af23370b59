// SPDX-License-Identifier: MIT

package result

// Hook is one place where the tracer listened.
type Hook struct {
	Name     string `json:"name"`
	Target   string `json:"target"` // function or tracepoint
	Kind     string `json:"kind"`   // tp_btf, fentry, fexit, kprobe, kretprobe
	Attached bool   `json:"attached"`
	Proved   bool   `json:"proved"`             // seen to fire, in the self-test or later
	Fired    uint64 `json:"fired"`              // calls since the self-test, before any filter
	Missed   uint64 `json:"missed,omitempty"`   // calls lost to the program because it was already running on that CPU
	Fallback string `json:"fallback,omitempty"` // why the first choice was not used
	Runs     uint64 `json:"runs,omitempty"`     // executions, if run time is measured
	RunNS    uint64 `json:"run_ns,omitempty"`   // time spent in them
	Note     string `json:"note"`
	// Kinds are the records that the hook writes.
	Kinds []string `json:"kinds,omitempty"`
}

// Dropped counts records that the tracer could not keep.
type Dropped struct {
	Total  uint64            `json:"total"`
	ByKind map[string]uint64 `json:"by_kind,omitempty"`
}
