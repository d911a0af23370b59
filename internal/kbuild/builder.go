// SPDX-License-Identifier: MIT

package kbuild

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kmodlab/kmodlab/internal/boot"
	"github.com/kmodlab/kmodlab/internal/snapshot"
	"github.com/kmodlab/kmodlab/internal/vm"
	"github.com/kmodlab/kmodlab/internal/wire"
)

// A build's VM on TCG goes on from one that was saved with the toolchain mounted
// and its programs in memory, before any sources came. Whatever is wrong with
// that, it boots.

// saveLimit bounds the saving of a machine on TCG.
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

// resume has a saved machine go on, and saves one where there is none; nil where
// that cannot be.
func (r VMRunner) resume(ctx context.Context, opts boot.Options) *boot.Guest {
	opts.Accel = vm.TCG
	store := snapshot.Store{Dir: r.Machines, Log: r.Log}
	key, err := machineKey(store, opts)
	if err != nil {
		return nil // the boot says why
	}
	var facts struct{} // there is nothing to know
	image, err := store.Find(key, &facts)
	if errors.Is(err, snapshot.ErrNone) {
		image, err = store.Make(ctx, key, int64(opts.MemoryMiB)<<20, &facts, func(d *snapshot.Draft) (*boot.Image, error) {
			return saveBuilder(ctx, d, opts)
		})
	}
	if err != nil {
		return nil
	}
	defer image.Close()
	g, err := boot.Resume(ctx, opts, image)
	if err == nil {
		go io.Copy(io.Discard, g.Events) // what was said on that port before it was saved
		return g
	}
	if ctx.Err() == nil {
		store.Remove(key)
		if r.Log != nil {
			r.Log(fmt.Sprintf("the saved machine for builds does not go on, booting: %v", err))
		}
	}
	return nil
}

// machineKey names a machine by all that it was made of. A disk's contents are in
// the guest's memory, so that it must not have been touched since.
func machineKey(store snapshot.Store, opts boot.Options) (string, error) {
	sums := store.Sums()
	machine, err := opts.Identity(sums.Of)
	if err != nil {
		return "", err
	}
	sums.Save() // else they are made once more
	h := sha256.New()
	fmt.Fprintf(h, "builder/1\n%s\n%s\n", machine, touch)
	for _, d := range opts.Disks {
		var st unix.Stat_t
		if err := unix.Stat(d.Path, &st); err != nil {
			return "", &os.PathError{Op: "stat", Path: d.Path, Err: err}
		}
		fmt.Fprintf(h, "%q %d %d %d %d %d\n", d.Path, st.Dev, st.Ino, st.Size, st.Mtim.Nano(), st.Ctim.Nano())
	}
	return hex.EncodeToString(h.Sum(nil))[:32], nil
}

// touch has the guest read the programs of a build, and run them: what they need
// is in its memory then. That one fails is no harm.
const touch = `mkdir /tmp/touch && cd /tmp/touch && for cc in /usr/bin/gcc-[0-9] /usr/bin/gcc-[0-9][0-9]; do
[ ! -x $cc ] || { echo 'int x;' >x.c; $cc -c x.c; ld -r -o y.o x.o; tar -cf x.tar x.c y.o; tar -xf x.tar; }; done
make --version; cd / && rm -r /tmp/touch; true`

func saveBuilder(ctx context.Context, draft *snapshot.Draft, opts boot.Options) (*boot.Image, error) {
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
