// SPDX-License-Identifier: MIT

package result

// TargetExit is a task that was to end just before a module used it, as asked for, and what became of it.
type TargetExit struct {
	Target string `json:"target"` // its name
	Module string `json:"module"`
	Nth    int    `json:"nth"`  // before which use, from 1
	Uses   uint64 `json:"uses"` // how many there were until then
	// Made reports that the use came. What follows is about it.
	Made     bool   `json:"made"`
	Ended    bool   `json:"ended"`  // the task did end
	Reaped   bool   `json:"reaped"` // and was waited for, so that its pid names nothing any more
	PID      int    `json:"pid,omitempty"`
	Function string `json:"function,omitempty"` // of the kernel, which the module called with the task
	AtNS     *int64 `json:"at_ns"`
	By       *Task  `json:"by,omitempty"`
	Site     string `json:"site,omitempty"` // function+0x1c [module]
	File     string `json:"file,omitempty"`
	Line     int    `json:"line,omitempty"`
	InInit   bool   `json:"in_init,omitempty"` // before the module's init returned
	// Unheld says that nobody had a reference to the task when the module used it.
	Unheld bool `json:"unheld,omitempty"`
	// Unknown says why it is not known what became of it.
	Unknown string `json:"unknown,omitempty"`
}
