// SPDX-License-Identifier: MIT

package lab

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"slices"

	"github.com/kmodlab/kmodlab/internal/boot"
	"github.com/kmodlab/kmodlab/internal/payload"
	"github.com/kmodlab/kmodlab/internal/prepare"
	"github.com/kmodlab/kmodlab/internal/vm"
	"github.com/kmodlab/kmodlab/internal/wire"
)

// Userland is where the agent sees the system that programs run in: the suite's own Debian, on read-only disks under a
// layer in memory. Programs see it as their root.
const Userland = "/userland"

// userlandDisk is the serial of the disk with the kernel's RootImage.
const userlandDisk = "userland"

// userlandModules are the modules that its disks and mounts need.
var userlandModules = []string{"ext4", "overlay"}

// cableModules are the modules of its network interfaces.
var cableModules = []string{"virtio_net"}

// disks are what a machine with a userland has in addition, and the modules that all its parts need.
func (o Options) disks(h *prepare.Host) (disks []vm.Disk, modules []string) {
	if o.Cable {
		modules = cableModules
	}
	if !o.Userland {
		return nil, modules
	}
	disks = []vm.Disk{{Path: h.Kernel.RootImage, ReadOnly: true, Serial: userlandDisk}}
	return disks, slices.Concat(userlandModules, modules)
}

// makeUserland makes the system, if the run has one. From then on the agent's modprobe uses the system's module tree,
// which has all of the kernel's modules.
func (l *Lab) makeUserland(ctx context.Context) error {
	if !l.options.Userland {
		return nil
	}
	done := l.journal.Phase("userland")
	tree := path.Join("/lib/modules", l.Kernel.Release)
	args := wire.UserlandArgs{Serials: []string{userlandDisk}, Target: Userland, Tree: tree, Work: payload.Dir}
	if err := l.Call(ctx, wire.OpUserland, args, nil); err != nil {
		return l.Failed("make the system for the programs", err)
	}
	done("", false)
	return nil
}

// warmUp is a script that uses what every run uses: the shells, with the libraries of most programs, and the module
// tree, into which the modules go.
const warmUp = `cd /lib/modules/"$(uname -r)" && mkdir -p extra && cat modules.* >/dev/null; exec /bin/sh -c :`

// warmUserland runs a script in the system before a snapshot is taken: then what it needs of the disk is in the guest's
// memory.
func (l *Lab) warmUserland(ctx context.Context) error {
	if !l.options.Userland {
		return nil
	}
	args := wire.ExecArgs{
		Argv: []string{"/bin/bash", "-c", warmUp}, Env: []string{"PATH=/usr/bin:/bin"}, Dir: payload.Dir,
		TimeoutMS: (armLimit * l.Scale).Milliseconds(), Guest: &wire.GuestArgs{},
	}
	ctx, cancel := l.armDeadline(ctx)
	defer cancel()
	if err := l.Call(ctx, wire.OpExec, args, &wire.ExecResult{}); err != nil {
		return l.Failed("run a shell in the system for the programs", err)
	}
	return nil
}

// checkUserland refuses a machine that cannot have a userland.
func checkUserland(h *prepare.Host, o Options) error {
	switch {
	case !o.Userland || !h.Here && h.Kernel.RootImage != "":
		return nil
	case h.Here:
		return fmt.Errorf("programs do not run beside modules on this machine's own system: leave out --here")
	}
	return fmt.Errorf("kernel %s comes without a Debian system to run programs in: use a debian: kernel", h.Kernel.Name)
}

// sendPayload puts the programs that run beside the modules, and a person's files, into the system.
func (l *Lab) sendPayload(ctx context.Context) error {
	if len(l.Put) == 0 {
		return nil
	}
	done := l.journal.Phase("programs")
	files := make([]boot.File, 0, len(l.Put))
	for _, f := range l.Put {
		file := boot.File{Name: path.Join(Userland, f.Guest), Mode: f.Mode, Host: f.Host, Data: f.Data}
		if f.Link != "" {
			file.Mode, file.Data = fs.ModeSymlink, []byte(f.Link)
		}
		files = append(files, file)
	}
	if err := l.install(ctx, files, "programs"); err != nil {
		return err
	}
	done("", false)
	return nil
}
