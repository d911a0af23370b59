// SPDX-License-Identifier: MIT

package kmodlab

import (
	"context"
	"os"
	"path/filepath"

	"github.com/kmodlab/kmodlab/internal/boot"
	"github.com/kmodlab/kmodlab/internal/wire"
)

// The tracer's programs have the kernel's offsets put in before they are loaded. The
// guest that did so for a kernel once gives them to the host, which gives them to
// every later guest with that kernel. Here they are bytes; whether they are for that
// kernel and from this version of kmodlab is the guest's to tell.

// maxPrograms bounds them; they have some 170 kB.
const maxPrograms = 16 << 20

// programsFile is where those for this kernel are kept, "" where they cannot be.
func (r *run) programsFile() string {
	if r.spec.Here || r.kernel == nil {
		return ""
	}
	return filepath.Join(r.spec.CacheDir, "programs", r.kernel.ID)
}

// withPrograms adds to a guest's files the programs, where some are kept. They are
// not part of what a saved machine is known by: with or without, it becomes the same.
func (r *run) withPrograms(files []boot.File) []boot.File {
	data, err := os.ReadFile(r.programsFile())
	if err != nil {
		return files
	}
	return append(files[:len(files):len(files)], boot.File{Name: wire.ProgramsFile, Mode: 0o600, Data: data})
}

// keepPrograms keeps those that the guest had to make.
func (r *run) keepPrograms(ctx context.Context) error {
	path := r.programsFile()
	if path == "" || !r.trace.state.Made {
		return nil
	}
	data, err := boot.ReadFile(ctx, r.lab.Client, wire.ProgramsFile, maxPrograms)
	if err != nil {
		return err
	}
	keepFile(path, data)
	return nil
}
