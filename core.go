// SPDX-License-Identifier: MIT

package kmodlab

import (
	"errors"
	"io"

	"github.com/kmodlab/kmodlab/internal/corefile"
	"github.com/kmodlab/kmodlab/internal/lab"
)

// Core is the guest's memory and its processors' registers at the end of a run with Spec.Core: before the machine was
// stopped, or when its kernel had panicked. crash and drgn read what WriteTo writes.
type Core struct{ core *lab.Core }

var errNoCore = errors.New("write the guest's memory: no run was asked to keep it")

// WriteTo writes the core as an ELF file. The error says why there is none, too.
func (c *Core) WriteTo(w io.Writer) (int64, error) {
	if c == nil {
		return 0, errNoCore
	}
	if c.core.Err != nil {
		return 0, c.core.Err
	}
	size, err := c.core.File.Seek(0, io.SeekEnd)
	if err != nil {
		return 0, err
	}
	file, err := corefile.Open(c.core.File, size)
	if err != nil {
		return 0, err
	}
	note, err := file.Info(c.core.Info)
	if err != nil {
		note = nil // crash does without, where it is told where the kernel lies
	}
	n := &counter{w: w}
	err = file.WriteTo(n, note)
	return n.n, err
}

// Close frees the disk's space. It may be called on nil.
func (c *Core) Close() error {
	if c == nil || c.core.File == nil {
		return nil
	}
	return c.core.File.Close()
}
