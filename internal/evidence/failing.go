// SPDX-License-Identifier: MIT

package evidence

// Failing is a call of a module that was to fail, and what became of it.
type Failing struct {
	Call    string   `json:"call"` // as it was asked for
	Module  string   `json:"module"`
	Symbols []string `json:"symbols"` // the kernel's functions that the call has become, in the helper module's order
	Nth     int      `json:"nth"`     // 0 if the calls were only counted
	// Jumps are calls that are jumps: function+0x1c of the module, where the jump ends.
	Jumps []string `json:"jumps,omitempty"`

	// Unread says why the helper module could not be asked at the end; then the rest is unknown.
	Unread string `json:"unread,omitempty"`
	Calls  uint64 `json:"calls"`
	Loads  uint64 `json:"loads"` // of the module

	At     uint64 `json:"at,omitempty"`   // where the call would have returned to; 0 if it never came
	Jump   string `json:"jump,omitempty"` // it was this one of Jumps, so At is not in the module
	Symbol int    `json:"symbol,omitempty"`
	Value  int64  `json:"value,omitempty"` // what it returned
	TimeNS uint64 `json:"time_ns,omitempty"`
	PID    int    `json:"pid,omitempty"`
	Comm   string `json:"comm,omitempty"`
	Load   uint64 `json:"load,omitempty"`    // in the life that began with this load
	InInit bool   `json:"in_init,omitempty"` // before its init returned

	// Target is the name of a task that was to end, instead of a call that was to fail: before the Nth call of Symbols
	// with that task. Calls, At and what follows are about these calls.
	Target    string `json:"target,omitempty"`
	TargetPID int    `json:"target_pid,omitempty"`
	End       End    `json:"end,omitempty"`
	// Unheld says that when the task was gone, nobody had a reference to it, and the module was about to use it.
	Unheld bool `json:"unheld,omitempty"`
}

// End is how a task ended, in the helper module's numbers.
type End int

// The ends of a task.
const (
	NotYet End = iota
	Gone
	Zombie // nobody has waited for it
	Alive  // it did not end
)

// Made reports whether the call was made to fail, or came when the task was to end.
func (f *Failing) Made() bool { return f.Unread == "" && f.At != 0 }

// Refused returns the call that was made to fail and after which the module's own init function refused its load, nil
// if no load was refused, or for another reason: a refusal that was asked for.
func (e *Evidence) Refused() *Failing {
	load := e.Failed(Load)
	if load == nil || load.Errno == 0 {
		return nil
	}
	for i := range e.Failing {
		f := &e.Failing[i]
		if f.Made() && f.InInit && f.Load == f.Loads && f.Module == load.Module {
			return f
		}
	}
	return nil
}
