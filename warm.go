// SPDX-License-Identifier: MIT

package kmodlab

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"time"

	"github.com/kmodlab/kmodlab/internal/boot"
	"github.com/kmodlab/kmodlab/internal/leaks"
	"github.com/kmodlab/kmodlab/internal/vm"
	"github.com/kmodlab/kmodlab/internal/warm"
	"github.com/kmodlab/kmodlab/internal/wire"
	"github.com/kmodlab/kmodlab/result"
)

// A run on TCG goes on from a machine that was saved after its boot, with the
// tracer attached and its hooks proved, where there is one; where there is none,
// it makes one. What is under study comes over the wire. Whatever is wrong with
// that machine or with saving it, the run boots instead.

// warmFacts are what the host knows of a saved machine.
type warmFacts struct {
	Machine  result.Machine
	Trace    wire.TraceResult
	MarkNS   uint64
	Unproved string
	Before   wire.SnapshotResult
	Takings  bool // what modules take is noted
	Notes    []string
}

// saveLimit bounds the saving of a machine, before it is stretched for TCG.
const saveLimit = 10 * time.Second

// warmable: on KVM a boot takes half a second, and whether a machine goes on there
// was never tried. A filter is part of the attached programs, and is hardly used
// twice.
func (r *run) warmable() bool {
	switch {
	case r.spec.Cold, !reflect.ValueOf(r.traceArgs.Filter).IsZero():
		return false
	case vm.Accel(r.spec.Accel) == vm.TCG:
		return true
	case vm.Accel(r.spec.Accel) == vm.KVM:
		return false
	}
	switch vm.KVMState(r.spec.CacheDir).State {
	case vm.Absent, vm.Unusable:
		return true
	}
	return false
}

// startWarm goes on from a saved machine; false where the run has to boot.
func (r *run) startWarm(ctx context.Context) bool {
	opts := r.bootOptions(r.baseFiles())
	opts.Accel = vm.TCG
	store := warm.Store{Dir: filepath.Join(r.spec.CacheDir, "machines")}
	key, err := r.warmKey(store, opts)
	if err != nil {
		return false
	}
	facts := new(warmFacts)
	image, err := store.Open(key, facts)
	if errors.Is(err, warm.ErrDamaged) {
		store.Remove(key)
		err = warm.ErrNone
	}
	made := errors.Is(err, warm.ErrNone)
	if made {
		image, err = r.saveMachine(ctx, store, key, opts, facts)
	}
	if err != nil {
		return false
	}
	defer image.Close()
	done := r.phase("boot")
	g, err := boot.Resume(ctx, opts, image)
	if err != nil {
		if ctx.Err() == nil {
			store.Remove(key)
			r.log(fmt.Sprintf("a saved machine does not go on, booting: %v", err))
		}
		return false
	}
	r.lab = inVM(g, r.kernel.Name, r.memory())
	r.lab.machine.Warm = true
	r.lab.machine.AccelReason = facts.Machine.AccelReason
	r.lab.machine.Kernel, r.lab.machine.CPUs = facts.Machine.Kernel, facts.Machine.CPUs
	r.res.Machine = r.lab.machine
	r.warm = facts
	done("", !made)
	return r.installFiles(ctx)
}

func (r *run) warmKey(store warm.Store, opts boot.Options) (string, error) {
	sums := store.Sums()
	machine, err := opts.Identity(sums.Of)
	if err != nil {
		return "", err
	}
	sums.Save() // else they are made once more
	args, err := json.Marshal(r.traceArgs)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	fmt.Fprintf(h, "1\n%s\n%s\n%t %s\n", machine, args, r.probe != "", r.unproved)
	return hex.EncodeToString(h.Sum(nil))[:32], nil
}

// saveMachine boots, attaches, proves, and saves the machine for this run and
// those to come.
func (r *run) saveMachine(ctx context.Context, store warm.Store, key string, opts boot.Options, facts *warmFacts) (*boot.Image, error) {
	draft, err := store.Draft(key)
	if err != nil {
		return nil, err
	}
	defer draft.Discard()
	done := r.phase("save")
	r.tell("save", "booting a machine to be saved, once for this kernel", 0, 0)
	image, err := r.sleepyMachine(ctx, draft, opts, facts)
	if err != nil && ctx.Err() == nil {
		draft.Refuse(err)
	}
	if err != nil {
		return nil, err
	}
	if err := draft.Publish(image, facts); err != nil {
		return nil, err
	}
	done("", false)
	if _, err := store.Prune(warm.MaxImages, warm.MaxBytes); err != nil {
		r.log(err.Error())
	}
	return store.Open(key, facts)
}

// sleepyMachine is a run of its own up to where the first module is loaded.
func (r *run) sleepyMachine(ctx context.Context, draft *warm.Draft, opts boot.Options, facts *warmFacts) (*boot.Image, error) {
	opts.RAM = draft.RAM
	opts.Kmsg, opts.Console = nil, nil // this run hears them when the machine goes on
	g, err := boot.Start(ctx, opts)
	if err != nil {
		return nil, err
	}
	defer g.Close()
	s := &run{spec: r.spec, kernel: r.kernel, agent: r.agent, probe: r.probe, unproved: r.unproved, traceArgs: r.traceArgs, res: &result.Result{}}
	s.spec.Watch = Watch{Phase: r.spec.Watch.Phase, Log: func(line string) { facts.Notes = append(facts.Notes, line) }}
	s.lab = inVM(g, r.kernel.Name, r.memory())
	if !s.attach(ctx) || !s.watchLeaks(ctx) || s.crashed() {
		return nil, errors.New("the machine did not get ready to be saved")
	}
	facts.Machine, facts.Trace, facts.Unproved = s.lab.machine, s.trace.state, s.unproved
	facts.Before, facts.Takings = s.leaks.before, s.leaks.book != nil
	if vm.Accel(r.spec.Accel) == vm.Auto {
		facts.Machine.AccelReason = vm.KVMState(r.spec.CacheDir).Reason
	}
	ctx, cancel := context.WithTimeout(ctx, saveLimit*s.lab.scale)
	defer cancel()
	image, err := g.Save(ctx, draft.State)
	if err == nil {
		facts.MarkNS = image.Slept.MarkNS
	}
	return image, err
}

// adopt takes over what was attached and proved before the machine was saved.
func (r *run) adopt(ctx context.Context) bool {
	f := r.warm
	for _, line := range f.Notes {
		r.log(line)
	}
	r.unproved = f.Unproved
	r.trace.follow(r.lab, r.live)
	r.trace.state, r.trace.mark = f.Trace, f.MarkNS
	r.leaks.before = f.Before
	if f.Takings {
		r.leaks.book = &leaks.Book{}
	}
	if r.live == nil {
		return true
	}
	ctx, cancel := r.deadline(ctx)
	defer cancel()
	if err := r.readSymbols(ctx); err != nil {
		return r.callFailure(err, "read the kernel's symbols")
	}
	r.live.begin(r.trace.kernel, r.trace.mark)
	return true
}

// installFiles puts the run's modules into the guest's tree.
func (r *run) installFiles(ctx context.Context) bool {
	files, err := r.moduleFiles()
	if err != nil {
		return r.hostFailure(err, "")
	}
	done := r.phase("install")
	ctx, cancel := r.deadline(ctx)
	defer cancel()
	for _, f := range files {
		data := f.Data
		if f.Host != "" {
			if data, err = os.ReadFile(f.Host); err != nil {
				return r.hostFailure(fmt.Errorf("read module: %w", err), "")
			}
		}
		if err := boot.WriteFile(ctx, r.lab.Client, f.Name, uint32(f.Mode), data); err != nil {
			return r.callFailure(err, "install "+path.Base(f.Name))
		}
	}
	done("", false)
	return true
}
