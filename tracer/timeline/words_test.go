// SPDX-License-Identifier: MIT

package timeline

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFlagNames(t *testing.T) {
	for flags, want := range map[uint32][]string{
		0:          nil,
		0x208040:   {"PF_FORKNOEXEC", "PF_NOFREEZE", "PF_KTHREAD"},
		0x04200000: {"PF_KTHREAD", "PF_NO_SETAFFINITY"},
		0x200001:   {"PF_KTHREAD", "0x1"},
		0x40000000: {"0x40000000"},
	} {
		if diff := cmp.Diff(want, FlagNames(flags)); diff != "" {
			t.Errorf("FlagNames(%#x) (-want +got):\n%s", flags, diff)
		}
	}
}
