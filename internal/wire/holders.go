// SPDX-License-Identifier: MIT

package wire

// HoldersArgs ask who holds references to a module.
type HoldersArgs struct {
	Module string `json:"module"`
}

// HoldersResult has those that were found.
type HoldersResult struct {
	Holders []Holder `json:"holders,omitempty"`
	Why     string   `json:"why,omitempty"` // why some may be missing
}

// The ways of holding a module.
const (
	HeldOpen    = "open"
	HeldMapped  = "mapped"
	HeldMounted = "mounted"
)

// Holder is a file of a process, or a mount.
type Holder struct {
	PID     int    `json:"pid,omitempty"` // 0 for a mount
	Comm    string `json:"comm,omitempty"`
	Program string `json:"program,omitempty"` // the path of what it executes
	How     string `json:"how"`
	Path    string `json:"path,omitempty"` // of the file, or where it is mounted
	FD      int    `json:"fd"`             // -1 for none
	File    uint64 `json:"file,omitempty"` // tells open files apart: a child has its parent's
}
