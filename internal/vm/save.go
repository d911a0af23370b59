// SPDX-License-Identifier: MIT

package vm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"
)

// A machine is saved as two files: its memory, which a machine with
// Config.RAMShared works in all the time, and the state of its processors and
// devices, some hundred kilobytes, which Save writes as a migration that leaves
// shared memory out. A machine with Config.State and the memory as private
// Config.RAM goes on from there. What it does not write to is read from the file's
// pages, which all such machines share, and only when it is needed.

// ignoreShared has a migration leave out memory that a file is behind (QEMU 4.0).
const ignoreShared = "x-ignore-shared"

// saveBandwidth is, in bytes per second, no limit; QEMU's own is 128 MiB.
const saveBandwidth = 1 << 40

// migrationPoll is how often QEMU is asked how far it is.
const migrationPoll = 2 * time.Millisecond

// Save stops the guest and writes the state of its devices to state. The
// machine needs Config.RAMShared. It does not go on afterwards: with its memory
// it would change what was saved.
func (m *Machine) Save(ctx context.Context, state *os.File) error {
	if !m.cfg.RAMShared {
		return errors.New("save machine: its memory is not in a file")
	}
	steps := []struct {
		command string
		args    any
		file    *os.File
	}{
		{"stop", nil, nil},
		{"migrate-set-capabilities", capability(ignoreShared), nil},
		{"migrate-set-parameters", map[string]int{"max-bandwidth": saveBandwidth}, nil},
		{"getfd", map[string]string{"fdname": "state"}, state},
		{"migrate", map[string]string{"uri": "fd:state"}, nil},
	}
	for _, s := range steps {
		if _, err := m.qmp.executeWith(ctx, s.command, s.args, s.file); err != nil {
			return fmt.Errorf("save machine: %w", err)
		}
	}
	if err := m.awaitMigration(ctx); err != nil {
		return fmt.Errorf("save machine: %w", err)
	}
	return nil
}

// resume has a machine that was started for it take the saved state, and go on.
func (m *Machine) resume(ctx context.Context, fd int) error {
	if _, err := m.qmp.execute(ctx, "migrate-set-capabilities", capability(ignoreShared)); err != nil {
		return err
	}
	if _, err := m.qmp.execute(ctx, "migrate-incoming", map[string]string{"uri": fmt.Sprintf("fd:%d", fd)}); err != nil {
		return err
	}
	if err := m.awaitMigration(ctx); err != nil {
		return err
	}
	_, err := m.qmp.execute(ctx, "cont", nil)
	return err
}

func capability(name string) any {
	type state struct {
		Capability string `json:"capability"`
		State      bool   `json:"state"`
	}
	return map[string][]state{"capabilities": {{name, true}}}
}

// awaitMigration waits for the end of a migration, in or out.
func (m *Machine) awaitMigration(ctx context.Context) error {
	tick := time.NewTicker(migrationPoll)
	defer tick.Stop()
	for {
		raw, err := m.qmp.execute(ctx, "query-migrate", nil)
		if err != nil {
			return err
		}
		var info struct {
			Status string `json:"status"`
			Error  string `json:"error-desc"`
		}
		if err := json.Unmarshal(raw, &info); err != nil {
			return fmt.Errorf("read the migration's status: %w", err)
		}
		switch info.Status {
		case "completed":
			return nil
		case "failed", "cancelled":
			return fmt.Errorf("the migration %s: %s", info.Status, info.Error)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
