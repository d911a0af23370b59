// SPDX-License-Identifier: MIT

package kbuild

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/kmodlab/kmodlab/internal/boot"
	"github.com/kmodlab/kmodlab/internal/snapshot"
	"github.com/kmodlab/kmodlab/internal/vm"
	"github.com/kmodlab/kmodlab/internal/wire"
)

// A build's VM on TCG resumes from a snapshot that was taken with the toolchain mounted and its programs in memory,
// before any sources arrived. Whatever is wrong with the snapshot, the VM boots instead.

// saveLimit bounds the time to take a snapshot on TCG.
const saveLimit = 60 * time.Second

// guest is a VM that has the toolchain at /toolchain.
func (r VMRunner) guest(ctx context.Context, job Job) (*boot.Guest, error) {
	opts := r.options(job)
	if r.Machines != "" {
		if g := r.resume(ctx, opts); g != nil {
			return g, nil
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
	}
	g, err := boot.Start(ctx, opts)
	if err != nil {
		return nil, err
	}
	if err := mountToolchain(ctx, g); err != nil {
		g.Close()
		return nil, err
	}
	return g, nil
}

func mountToolchain(ctx context.Context, g *boot.Guest) error {
	mount := wire.MountArgs{Serial: toolchain, Target: "/" + toolchain, Overlay: true, Binds: []string{"/proc", "/dev"}}
	if err := g.Call(ctx, wire.OpMount, mount, nil); err != nil {
		return fmt.Errorf("mount the toolchain: %w", err)
	}
	return nil
}

// resume restores a snapshot, and takes one if there is none; it returns nil if neither is possible.
func (r VMRunner) resume(ctx context.Context, opts boot.Options) *boot.Guest {
	opts.Accel = vm.TCG
	store := snapshot.Store{Dir: r.Machines, Log: r.Log}
	key, err := machineKey(store, opts)
	if err != nil {
		return nil // the boot will say why
	}
	facts := snapshot.About{Builds: true} // for the list of snapshots
	facts.Machine.Name, facts.Machine.Kernel = opts.Kernel.Name, opts.Kernel.Release
	facts.Machine.CPUs, facts.Machine.MemoryMiB = opts.CPUs, opts.MemoryMiB
	image, err := store.Find(key, &facts)
	if errors.Is(err, snapshot.ErrNone) {
		image, err = store.Make(ctx, key, int64(opts.MemoryMiB)<<20, &facts, func(d *snapshot.Draft) (*boot.Image, error) {
			return snapshotMachine(ctx, d, opts)
		})
	}
	if err != nil {
		return nil
	}
	defer image.Close()
	g, err := boot.Resume(ctx, opts, image)
	if err == nil {
		go io.Copy(io.Discard, g.Events) // what arrived on that port before the snapshot
		return g
	}
	var stalled *vm.StallError
	if ctx.Err() == nil {
		if !errors.As(err, &stalled) { // else there may be nothing wrong with it
			store.Remove(key)
		}
		if r.Log != nil {
			r.Log(fmt.Sprintf("the snapshot for builds does not resume, booting instead: %v", err))
		}
	}
	return nil
}

// machineKey identifies a snapshot by everything that it was made from.
func machineKey(store snapshot.Store, opts boot.Options) (string, error) {
	sums := store.Sums()
	machine, err := opts.Identity(sums.Of)
	if err != nil {
		return "", err
	}
	sums.Save() // if this fails, they are computed again
	h := sha256.New()
	fmt.Fprintf(h, "builder/2\n%s\n%s\n", machine, touch)
	return hex.EncodeToString(h.Sum(nil))[:32], nil
}

// touch makes the guest read and run the programs of a build, so that what they need is in its memory. It does no harm
// if one of them fails.
const touch = `mkdir /tmp/touch && cd /tmp/touch && for cc in /usr/bin/gcc-[0-9] /usr/bin/gcc-[0-9][0-9]; do
[ ! -x $cc ] || { echo 'int x;' >x.c; $cc -c x.c; ld -r -o y.o x.o; tar -cf x.tar x.c y.o; tar -xf x.tar; }; done
make --version; cd / && rm -r /tmp/touch; true`

func snapshotMachine(ctx context.Context, draft *snapshot.Draft, opts boot.Options) (*boot.Image, error) {
	opts.RAM, opts.Console = draft.RAM, nil
	g, err := boot.Start(ctx, opts)
	if err != nil {
		return nil, err
	}
	defer g.Close()
	go io.Copy(io.Discard, g.Events)
	if err := mountToolchain(ctx, g); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, saveLimit)
	defer cancel()
	c := guestBuild{ctx: ctx, client: g.Client, deadline: time.Now().Add(saveLimit)}
	if err := c.quiet(touch); err != nil {
		return nil, fmt.Errorf("run the toolchain: %w", err)
	}
	return g.Save(ctx, draft.State)
}
