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
	ctx    context.Context
	qmp    *qmpClient
	direct *direct  // nil if QEMU must be asked for all of the memory
	file   *os.File // in memory, shared with QEMU; nil until QEMU is asked
	set    int      // QEMU's number for the set of descriptors
	name   string   // by which QEMU opens it
}

// thawLimit bounds the thawing of a machine that did not freeze as it should.
const thawLimit = 2 * time.Second

// Freeze stops the processors. The guest's clock stands, too. Thaw must follow; ctx bounds all that is read until then.
// After an error the processors run, as far as QEMU still does what it is asked to.
func (m *Machine) Freeze(ctx context.Context) (*Frozen, error) {
	f := &Frozen{ctx: ctx, qmp: m.qmp}
	err := f.stop(m)
	if err == nil {
		return f, nil
	}
	thaw, cancel := context.WithTimeout(context.WithoutCancel(ctx), thawLimit)
	defer cancel() // what failed may have been done all the same
	return nil, errors.Join(err, f.Thaw(thaw))
}

func (f *Frozen) stop(m *Machine) error {
	if _, err := f.qmp.execute(f.ctx, "stop", nil); err != nil {
		return fmt.Errorf("stop the guest's processors: %w", err)
	}
	var err error
	if f.direct, err = m.findDirect(f.ctx); err == nil {
		return nil
	}
	m.indirect.Do(func() { m.cfg.Log(fmt.Sprintf("reading the guest's memory through QEMU, which takes longer: %v", err)) })
	return f.share()
}

// share gives QEMU a file to write to.
func (f *Frozen) share() error {
	fd, err := unix.MemfdCreate("kmodlab", unix.MFD_CLOEXEC)
	if err != nil {
		return fmt.Errorf("make a file in memory: %w", err)
	}
	f.file = os.NewFile(uintptr(fd), "memfd")
	raw, err := f.qmp.executeWith(f.ctx, "add-fd", nil, f.file)
	if err != nil {
		return fmt.Errorf("share a file with QEMU: %w", err)
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

// ReadPhysical reads memory by its physical address. The guest takes no part.
func (f *Frozen) ReadPhysical(addr uint64, size int) ([]byte, error) {
	if f.direct.has(addr, size) {
		return f.direct.read(addr, size)
	}
	if f.name == "" { // the guest has more memory than lies in one piece
		if err := f.share(); err != nil {
			return nil, err
		}
	}
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
	if f.name != "" {
		if _, forget := f.qmp.execute(ctx, "remove-fd", map[string]any{"fdset-id": f.set}); err == nil {
			err = forget
		}
	}
	if f.file != nil {
		err = errors.Join(err, f.file.Close())
	}
	return err
}
