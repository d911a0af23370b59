// SPDX-License-Identifier: MIT

package vm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Frozen is a machine whose processors stand, so that its memory can be read as it is at one moment.
type Frozen struct {
	ctx  context.Context
	qmp  *qmpClient
	file *os.File // in memory, shared with QEMU
	set  int      // QEMU's number for the set of descriptors
	name string   // by which QEMU opens it
}

// thawLimit bounds the thawing of a machine that did not freeze as it should.
const thawLimit = 2 * time.Second

// Freeze stops the processors. The guest's clock stands, too. Thaw must follow; ctx bounds all that is read until then.
// After an error the processors run, as far as QEMU still does what it is asked to.
func (m *Machine) Freeze(ctx context.Context) (*Frozen, error) {
	fd, err := unix.MemfdCreate("kmodlab", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make a file in memory: %w", err)
	}
	f := &Frozen{ctx: ctx, qmp: m.qmp, file: os.NewFile(uintptr(fd), "memfd")}
	if err := f.share(); err != nil {
		return nil, errors.Join(fmt.Errorf("share a file with QEMU: %w", err), f.file.Close())
	}
	if _, err = f.qmp.execute(ctx, "stop", nil); err != nil { // it may have been done all the same
		thaw, cancel := context.WithTimeout(context.WithoutCancel(ctx), thawLimit)
		defer cancel()
		return nil, errors.Join(fmt.Errorf("stop the guest's processors: %w", err), f.Thaw(thaw))
	}
	return f, nil
}

// share gives QEMU the file, to write to.
func (f *Frozen) share() error {
	raw, err := f.qmp.executeWith(f.ctx, "add-fd", nil, f.file)
	if err != nil {
		return err
	}
	var given struct {
		Set int `json:"fdset-id"`
		FD  int `json:"fd"`
	}
	if err := json.Unmarshal(raw, &given); err != nil {
		return fmt.Errorf("read QEMU's answer: %w", err)
	}
	f.set, f.name = given.Set, fmt.Sprintf("/proc/self/fd/%d", given.FD)
	return nil
}

// ReadPhysical reads memory by its physical address. QEMU copies it from its own memory: the guest takes no part.
func (f *Frozen) ReadPhysical(addr uint64, size int) ([]byte, error) {
	args := map[string]any{"val": addr, "size": size, "filename": f.name}
	if _, err := f.qmp.execute(f.ctx, "pmemsave", args); err != nil {
		return nil, err
	}
	data := make([]byte, size)
	n, err := f.file.ReadAt(data, 0)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return data[:n], err
}

// Thaw lets the processors run again. ctx need not be that of Freeze.
func (f *Frozen) Thaw(ctx context.Context) error {
	_, err := f.qmp.execute(ctx, "cont", nil)
	if _, forget := f.qmp.execute(ctx, "remove-fd", map[string]any{"fdset-id": f.set}); err == nil {
		err = forget
	}
	return errors.Join(err, f.file.Close())
}
