// SPDX-License-Identifier: MIT

package lab

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"

	"github.com/kmodlab/kmodlab/internal/boot"
	"github.com/kmodlab/kmodlab/internal/notify"
	"github.com/kmodlab/kmodlab/internal/prepare"
	"github.com/kmodlab/kmodlab/internal/snapshot"
	"github.com/kmodlab/kmodlab/internal/vm"
)

// Ahead is a snapshot that is being restored while the modules are still being built. It
// is nil for a run that boots.
type Ahead struct {
	store  snapshot.Store
	key    string
	opts   boot.Options
	facts  *facts
	log    *Log        // of the machine that is restored
	image  *boot.Image // nil if there is none, or it is being restored
	cancel context.CancelFunc
	done   chan resumed // gets one value; nil if nothing is being restored, or somebody took it
}

// resumed is how the restoring of a snapshot ended.
type resumed struct {
	guest *boot.Guest
	err   error
}

// StartAhead looks for a snapshot and begins to restore it. It never fails: a run without
// a snapshot boots. So does a run with a filter, which is part of the attached programs
// and is hardly used twice.
func StartAhead(ctx context.Context, h *prepare.Host, o Options, j *notify.Journal) *Ahead {
	if h.Here || h.Cold || !reflect.ValueOf(o.Trace.Filter).IsZero() || !h.OnTCG() {
		return nil
	}
	a := &Ahead{store: snapshot.Store{Dir: h.Snapshots(), Log: j.Log}, facts: new(facts), log: newLog(false, j)}
	disks, modules := o.disks(h)
	a.opts = boot.Options{
		Kernel: h.Kernel, Agent: h.Agent, Files: baseFiles(h), Disks: disks, Modules: modules,
		Cable: o.Cable, CPUs: o.CPUs, MemoryMiB: o.MemoryMiB,
		Accel: vm.TCG, QEMU: h.QEMU, StateDir: h.CacheDir, Console: a.log, Log: j.Log, Kmsg: a.log.kmsg, Last: o.Core.last(),
	}
	var err error
	if a.key, err = a.snapshotKey(h, o); err != nil {
		return nil // the boot will report why
	}
	image, err := a.store.Find(a.key, a.facts)
	switch {
	case err == nil && h.BuildsInVM(): // one VM at a time
		a.image = image
	case err == nil:
		a.restore(ctx, image)
	case !errors.Is(err, snapshot.ErrNone):
		return nil
	}
	return a
}

// restore resumes the guest in the background.
func (a *Ahead) restore(ctx context.Context, image *boot.Image) {
	ctx, a.cancel = context.WithCancel(ctx)
	done := make(chan resumed, 1)
	a.done = done
	go func() {
		defer image.Close()
		guest, err := boot.Resume(ctx, a.opts, image)
		done <- resumed{guest, err}
	}()
}

// take waits for the guest that is being restored, which has a deadline, and hands it over. release frees the context
// that the guest lives in, once the guest is closed.
func (a *Ahead) take() (g *boot.Guest, release func(), err error) {
	end := <-a.done
	a.done = nil // so that Close leaves it alone
	if end.err != nil {
		a.cancel()
		return nil, nil, end.err
	}
	return end.guest, a.cancel, nil
}

// Close ends what was restored, if no lab has taken it.
func (a *Ahead) Close() {
	if a == nil {
		return
	}
	if a.image != nil {
		a.image.Close()
		a.image = nil
	}
	if a.done == nil {
		return
	}
	a.cancel()
	if end := <-a.done; end.guest != nil {
		end.guest.Close()
	}
	a.done = nil
}

// snapshotKey returns a hash of everything that the machine of the snapshot depends on.
func (a *Ahead) snapshotKey(h *prepare.Host, o Options) (string, error) {
	sums := a.store.Sums()
	machine, err := a.opts.Identity(sums.Of)
	if err != nil {
		return "", err
	}
	sums.Save() // if it fails, the next run computes them again
	args, err := json.Marshal(o.Trace)
	if err != nil {
		return "", err
	}
	hash := sha256.New()
	fmt.Fprintf(hash, "4\n%s\n%s\n%t %s\n", machine, args, h.Probe.Path != "", h.Probe.Unproved)
	return hex.EncodeToString(hash.Sum(nil))[:32], nil
}
