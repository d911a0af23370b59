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

// A snapshot of a machine is two files: its memory, which a machine with Config.RAMShared works in all the time, and
// the state of its processors and devices, some hundred kilobytes, which Save writes as a migration that leaves shared
// memory out. A machine with Config.State, and with the memory as private Config.RAM, resumes from there. Pages that it
// does not write are read from the file, which all such machines share, and only when needed.

// ignoreShared makes a migration leave out memory that is backed by a file (QEMU 4.0).
const ignoreShared = "x-ignore-shared"

// saveBandwidth, in bytes per second, amounts to no limit; QEMU's default is 128 MiB.
const saveBandwidth = 1 << 40

// migrationPoll is how often QEMU is asked about its progress.
const migrationPoll = 2 * time.Millisecond

// Save stops the guest and writes the state of its devices to state. The machine needs Config.RAMShared. It does not
// continue afterwards: it would change the memory that belongs to the snapshot.
func (m *Machine) Save(ctx context.Context, state *os.File) error {
	if !m.cfg.RAMShared {
		return errors.New("take snapshot: the machine's memory is not in a file")
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
			return fmt.Errorf("take snapshot: %w", err)
		}
	}
	if err := m.awaitMigration(ctx); err != nil {
		return fmt.Errorf("take snapshot: %w", err)
	}
	return nil
}

// resume makes a machine that was started for it load the saved state and continue.
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
