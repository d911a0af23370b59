// SPDX-License-Identifier: MIT

package result

// Wakeup is one time that a test, or a process that it started, woke a kernel thread.
type Wakeup struct {
	By   Task  `json:"by"` // with the place in the module, or in the kernel
	AtNS int64 `json:"at_ns"`
	// Omitted is how many further wake-ups of the thread by the same process are counted here and not listed.
	Omitted int `json:"omitted,omitempty"`
}
