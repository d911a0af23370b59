// SPDX-License-Identifier: MIT

package vm

import (
	"context"
	"fmt"
	"net"
)

// gdbID names the character device of QEMU's gdb stub.
const gdbID = "gdb"

// Debug stops the guest and returns a connection that speaks gdb's remote protocol, which the caller closes. The stub
// is added to the machine as it runs: it is no part of the command line, so a machine from a snapshot has it too.
func (m *Machine) Debug(ctx context.Context) (net.Conn, error) {
	ours, theirs, err := socketPair()
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	socket := map[string]any{"server": false, "addr": map[string]any{"type": "fd", "data": map[string]any{"str": gdbID}}}
	if _, err = m.qmp.executeWith(ctx, "getfd", map[string]any{"fdname": gdbID}, theirs); err == nil {
		_, err = m.qmp.execute(ctx, "chardev-add",
			map[string]any{"id": gdbID, "backend": map[string]any{"type": "socket", "data": socket}})
	}
	if err == nil {
		// The stub stops the guest: for it, somebody has just connected.
		_, err = m.monitor(ctx, 0, "gdbserver chardev:"+gdbID)
	}
	if err != nil {
		ours.Close()
		return nil, fmt.Errorf("add QEMU's debugger: %w", err)
	}
	return ours, nil
}

// Undebug takes the stub away and lets the guest run, whatever the other side of the connection has left undone.
func (m *Machine) Undebug(ctx context.Context) error {
	if _, err := m.monitor(ctx, 0, "gdbserver none"); err != nil {
		return fmt.Errorf("remove QEMU's debugger: %w", err)
	}
	if _, err := m.qmp.execute(ctx, "cont", nil); err != nil {
		return fmt.Errorf("let the guest run: %w", err)
	}
	return nil
}
