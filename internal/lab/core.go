// SPDX-License-Identifier: MIT

package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kmodlab/kmodlab/internal/vm"
)

// Core is a guest's memory as it was at the run's end: before the machine was stopped, or when the guest had ended by
// itself.
type Core struct {
	File *os.File // in the cache, without a name; nil if there is none
	Err  error    // why there is none
	Info uint64   // the address of the kernel's vmcoreinfo_note, 0 if it is unknown

	dir  string
	once sync.Once
}

// NewCore makes a Core, whose file will be on the file system of a folder.
func NewCore(dir string) *Core {
	return &Core{dir: dir, Err: errors.New("write the guest's memory: the run never had a machine")}
}

// coreLimit bounds the writing of a core. It is the disk's time and not the guest's.
const coreLimit = 5 * time.Minute

// take writes the core once, whoever comes first: the end of the guest, or that of the run. The other waits.
func (c *Core) take(dump dumper) {
	c.once.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), coreLimit)
		defer cancel()
		c.File, c.Err = c.write(ctx, dump)
	})
}

func (c *Core) write(ctx context.Context, dump dumper) (*os.File, error) {
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return nil, fmt.Errorf("write the guest's memory: %w", err)
	}
	fd, err := unix.Open(c.dir, unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("save the guest's memory: create a file in %s: %w", c.dir, err)
	}
	file := os.NewFile(uintptr(fd), "core")
	if err := dump(ctx, file); err != nil {
		file.Close()
		var fs unix.Statfs_t
		if unix.Statfs(c.dir, &fs) == nil && fs.Bavail*uint64(fs.Bsize) < 1<<20 {
			return nil, fmt.Errorf("write the guest's memory: the disk of %s is full: %w", c.dir, err)
		}
		return nil, fmt.Errorf("write the guest's memory: %w", err)
	}
	return file, nil
}

// last is what a machine calls when its guest has ended by itself; nil without a Core.
func (c *Core) last() func(*vm.Machine) {
	if c == nil {
		return nil
	}
	return func(m *vm.Machine) { c.take(m.Dump) }
}

// TakeCore writes the core of a machine that is still there, if the run wants one.
func (l *Lab) TakeCore(ctx context.Context) {
	c := l.options.Core
	if c == nil || l.machine.dump == nil || ctx.Err() != nil {
		return
	}
	c.Info = l.Variable("vmcoreinfo_note")
	done := l.journal.Phase("core")
	c.take(l.machine.dump)
	done("", false)
}
