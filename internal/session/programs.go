// SPDX-License-Identifier: MIT

package session

import (
	"slices"

	"github.com/kmodlab/kmodlab/internal/beneath"
	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/internal/payload"
)

// Bounds of the programs that are kept, in bytes: of one, and of all. Without a program its place is an offset.
const (
	maxProgram  = 64 << 20
	maxPrograms = 128 << 20
)

// ownFault are the signals that end a program because of what it did itself.
var ownFault = []string{"SIGILL", "SIGTRAP", "SIGABRT", "SIGBUS", "SIGFPE", "SIGSEGV", "SIGSYS"}

// crashed are the programs of the tests that such a signal ended, by their paths in the guest: where in them that was,
// their debug data says.
func crashed(tests []evidence.Test, put []payload.File) map[string][]byte {
	kept, left := make(map[string][]byte), int64(maxPrograms)
	for i := range tests {
		if !slices.Contains(ownFault, tests[i].Signal) {
			continue
		}
		for _, f := range put { // with libraries of its own, the program is an argument of its linker
			if _, has := kept[f.Guest]; has || f.Link != "" || !slices.Contains(tests[i].Argv, f.Guest) {
				continue
			}
			data := f.Data
			if f.Host != "" {
				data, _ = beneath.ReadPath(f.Host, maxProgram) // one that is gone has no lines
			}
			if n := int64(len(data)); n > 0 && n <= min(left, maxProgram) {
				kept[f.Guest], left = data, left-n
			}
		}
	}
	return kept
}
