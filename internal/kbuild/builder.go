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
	"github.com/kmodlab/kmodlab/internal/vm"
	"github.com/kmodlab/kmodlab/internal/warm"
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
		g, err := r.resume(ctx, opts)
		if err == nil || ctx.Err() != nil {
			return g, err
		}
		r.say(fmt.Sprintf("the build's machine boots, as no saved one goes on: %v", err))
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

func (r VMRunner) say(line string) {
	if r.Log != nil {
		r.Log(line)
	}
}

func mountToolchain(ctx context.Context, g *boot.Guest) error {
	mount := wire.MountArgs{Serial: toolchain, Target: "/" + toolchain, Overlay: true, Binds: []string{"/proc", "/dev"}}
	if err := g.Call(ctx, wire.OpMount, mount, nil); err != nil {
		return fmt.Errorf("mount the toolchain: %w", err)
	}
	return nil
}

// resume has a saved machine go on, and saves one where there is none.
func (r VMRunner) resume(ctx context.Context, opts boot.Options) (*boot.Guest, error) {
	opts.Accel = vm.TCG
	store := warm.Store{Dir: r.Machines}
	key, err := machineKey(store, opts)
	if err != nil {
		return nil, err
	}
	image, err := store.Open(key, new(any))
	if errors.Is(err, warm.ErrDamaged) {
		store.Remove(key)
		err = warm.ErrNone
	}
	if errors.Is(err, warm.ErrNone) {
		image, err = saveMachine(ctx, store, key, opts)
	}
	if err != nil {
		return nil, err
	}
	defer image.Close()
	g, err := boot.Resume(ctx, opts, image)
	if err != nil {
		if ctx.Err() == nil {
			store.Remove(key)
		}
		return nil, err
	}
	go io.Copy(io.Discard, g.Events) // what was said on that port before it was saved
	return g, nil
}

// machineKey names a machine by all that it was made of. A disk's contents are in
// the guest's memory, so that it must not have been touched since.
func machineKey(store warm.Store, opts boot.Options) (string, error) {
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

// saveMachine boots a machine, mounts, and saves it. One that cannot be saved is not
// tried again for a while.
func saveMachine(ctx context.Context, store warm.Store, key string, opts boot.Options) (*boot.Image, error) {
	draft, err := store.Draft(key, int64(opts.MemoryMiB)<<20)
	if err != nil {
		return nil, err
	}
	defer draft.Discard()
	image, err := sleepyMachine(ctx, draft, opts)
	if err != nil {
		if ctx.Err() == nil {
			draft.Refuse(err)
		}
		return nil, err
	}
	if err := draft.Publish(image, nil); err != nil {
		return nil, err
	}
	if _, err := store.Prune(warm.MaxImages, warm.MaxBytes); err != nil && opts.Log != nil {
		opts.Log(err.Error())
	}
	return store.Open(key, new(any))
}

// touch has the guest read the programs of a build, and run them: what they need
// is in its memory then. That one fails is no harm.
const touch = `mkdir /tmp/touch && cd /tmp/touch && for cc in /usr/bin/gcc-[0-9] /usr/bin/gcc-[0-9][0-9]; do
[ ! -x $cc ] || { echo 'int x;' >x.c; $cc -c x.c; ld -r -o y.o x.o; tar -cf x.tar x.c y.o; tar -xf x.tar; }; done
make --version; cd / && rm -r /tmp/touch; true`

func sleepyMachine(ctx context.Context, draft *warm.Draft, opts boot.Options) (*boot.Image, error) {
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
