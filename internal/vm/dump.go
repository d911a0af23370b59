// SPDX-License-Identifier: MIT

package vm

import (
	"context"
	"fmt"
	"os"
)

// dumpID names the file of a dump to QEMU.
const dumpID = "dump"

// Dump writes the guest's memory and its processors' registers to a file, as an ELF core. The guest stands meanwhile.
func (m *Machine) Dump(ctx context.Context, to *os.File) error {
	if _, err := m.qmp.executeWith(ctx, "getfd", map[string]any{"fdname": dumpID}, to); err != nil {
		return fmt.Errorf("dump the guest's memory: %w", err)
	}
	args := map[string]any{"paging": false, "protocol": "fd:" + dumpID, "format": "elf"}
	if _, err := m.qmp.execute(ctx, "dump-guest-memory", args); err != nil {
		return fmt.Errorf("dump the guest's memory: %w", err)
	}
	return nil
}
