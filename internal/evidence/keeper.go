// SPDX-License-Identifier: MIT

package evidence

// Keeper is a file of a process, or a mount, that held a module when its unload had been refused.
type Keeper struct {
	Module  string `json:"module"`
	PID     int    `json:"pid,omitempty"` // 0 for a mount
	Comm    string `json:"comm,omitempty"`
	Program string `json:"program,omitempty"`
	How     string `json:"how"` // Opened, Mapped or Mounted
	Path    string `json:"path,omitempty"`
	FD      int    `json:"fd"`             // -1 for none
	File    uint64 `json:"file,omitempty"` // tells open files apart
}

// The ways to hold a module.
const (
	KeptOpen    = "open"
	KeptMapped  = "mapped"
	KeptMounted = "mounted"
)
