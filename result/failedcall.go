// SPDX-License-Identifier: MIT

package result

// FailedCall is a call of a module that was to fail, as asked for, and what became of it.
type FailedCall struct {
	Function string `json:"function"` // as it was asked for
	Module   string `json:"module"`
	Nth      int    `json:"nth"`   // which call was to fail, from 1
	Calls    uint64 `json:"calls"` // how many there were; of all that the function has become
	// Made reports that the call came and failed. What follows is about it.
	Made     bool   `json:"made"`
	Symbol   string `json:"symbol,omitempty"` // the kernel's function that it called
	Value    int64  `json:"value"`            // what it returned
	Returned string `json:"returned,omitempty"`
	AtNS     *int64 `json:"at_ns"`
	By       *Task  `json:"by,omitempty"`   // none in an interrupt
	Site     string `json:"site,omitempty"` // function+0x1c [module]
	File     string `json:"file,omitempty"`
	Line     int    `json:"line,omitempty"`
	InInit   bool   `json:"in_init,omitempty"` // before the module's init returned
	// Unknown says why it is not known what became of it.
	Unknown string `json:"unknown,omitempty"`
}
