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
	"path/filepath"
	"reflect"
	"time"

	"github.com/kmodlab/kmodlab/internal/boot"
	"github.com/kmodlab/kmodlab/internal/kbuild"
	"github.com/kmodlab/kmodlab/internal/vm"
	"github.com/kmodlab/kmodlab/internal/warm"
	"github.com/kmodlab/kmodlab/internal/wire"
	"github.com/kmodlab/kmodlab/result"
)

// A run on TCG goes on from a machine that was saved after its boot, with the
// tracer attached and its hooks proved, where there is one; where there is none,
// it makes one. What is under study comes over the wire. Whatever is wrong with
// that machine or with saving it, the run boots instead.

// MachineDir is where saved machines are, below the cache folder.
const MachineDir = "machines"

// warmFacts are what the host knows of a saved machine.
type warmFacts struct {
	Machine  result.Machine
	Trace    wire.TraceResult
	MarkNS   uint64
	Unproved string
	Base     traceBase
	Before   wire.SnapshotResult
	Notes    []string
}

// saveLimit bounds the saving of a machine, before it is stretched for TCG.
const saveLimit = 10 * time.Second

// warmable: on KVM a boot takes half a second, and whether a machine goes on there
// was never tried. A filter is part of the attached programs, and is hardly used
// twice.
func (r *run) warmable() bool {
	return !r.spec.Cold && reflect.ValueOf(r.traceArgs.Filter).IsZero() && r.onTCG()
}

func (r *run) onTCG() bool {
	switch {
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

// ahead is a saved machine that goes on while the modules are still being built.
type ahead struct {
	store  warm.Store
	key    string
	opts   boot.Options
	facts  *warmFacts
	image  *boot.Image // nil where none is saved, or it goes on
	cancel context.CancelFunc
	done   chan struct{} // closed when guest or err is there; nil where none goes on
	guest  *boot.Guest
	err    error
}

// startAhead looks for a saved machine and has it go on. It never fails: a run
// without it boots.
func (r *run) startAhead(ctx context.Context) bool {
	if r.spec.Here || !r.warmable() {
		return true
	}
	a := &ahead{store: warm.Store{Dir: filepath.Join(r.spec.CacheDir, MachineDir), Log: r.log}, opts: r.bootOptions(r.baseFiles()), facts: new(warmFacts)}
	a.opts.Accel = vm.TCG
	var err error
	if a.key, err = r.warmKey(a.store, a.opts); err != nil {
		return true // the boot says why
	}
	image, err := a.store.Find(a.key, a.facts)
	switch {
	case err == nil && r.buildsInVM(ctx): // one VM at a time
		a.image = image
	case err == nil:
		a.goOn(ctx, image)
	case !errors.Is(err, warm.ErrNone):
		return true
	}
	r.ahead = a
	return true
}

// buildsInVM says whether the modules are going to be built in a VM of their own.
func (r *run) buildsInVM(ctx context.Context) bool {
	if r.spec.Dir == "" {
		return false
	}
	_, is := r.runner(ctx).(kbuild.VMRunner)
	return is
}

// goOn resumes in the background.
func (a *ahead) goOn(ctx context.Context, image *boot.Image) {
	ctx, a.cancel = context.WithCancel(ctx)
	a.done = make(chan struct{})
	go func() {
		defer close(a.done)
		defer image.Close()
		a.guest, a.err = boot.Resume(ctx, a.opts, image)
	}()
}

// drop ends what went on in vain.
func (a *ahead) drop() {
	if a.image != nil {
		a.image.Close()
	}
	if a.done == nil {
		return
	}
	a.cancel()
	<-a.done
	if a.guest != nil {
		a.guest.Close()
	}
}

// startWarm takes the machine that goes on, or makes one. Where it started none,
// the run has to boot, unless there is a failure that a boot would meet again.
func (r *run) startWarm(ctx context.Context) (started, failed bool) {
	a := r.ahead
	if a == nil {
		return false, false
	}
	made := a.done == nil && a.image == nil
	if made {
		var err error
		if a.image, made, err = r.sharedMachine(ctx, a); err != nil {
			return false, errors.Is(err, warm.ErrUnready)
		}
	}
	if a.image != nil {
		a.goOn(ctx, a.image)
		a.image = nil
	}
	done := r.phase("boot")
	<-a.done // Resume has its deadline
	if a.err != nil {
		if ctx.Err() == nil {
			a.store.Remove(a.key)
			r.log(fmt.Sprintf("a saved machine does not go on, booting: %v", a.err))
		}
		return false, false
	}
	r.warm = a.facts
	r.lab = inVM(a.guest, r.kernel.Name, r.memory())
	m := &r.lab.machine
	m.Warm, m.Kernel, m.CPUs, m.AccelReason = true, r.warm.Machine.Kernel, r.warm.Machine.CPUs, r.warm.Machine.AccelReason
	r.res.Machine = *m
	done("", !made)
	ok := r.installFiles(ctx)
	return ok, !ok
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
	fmt.Fprintf(h, "2\n%s\n%s\n%t %s\n", machine, args, r.probe != "", r.unproved)
	return hex.EncodeToString(h.Sum(nil))[:32], nil
}

// sharedMachine makes a saved machine, or waits for another run of the pool to make it.
func (r *run) sharedMachine(ctx context.Context, a *ahead) (image *boot.Image, made bool, err error) {
	r.kept().saving.Lock()
	defer r.kept().saving.Unlock()
	if image, err = a.store.Open(a.key, a.facts); !errors.Is(err, warm.ErrNone) {
		return image, false, err
	}
	image, err = r.saveMachine(ctx, a)
	return image, true, err
}

// saveMachine boots, attaches, proves, and saves the machine for this run and
// those to come.
func (r *run) saveMachine(ctx context.Context, a *ahead) (*boot.Image, error) {
	done := r.phase("save")
	r.tell("save", "booting a machine to be saved, once for this kernel", 0, 0)
	image, err := a.store.Make(ctx, a.key, int64(r.memory())<<20, a.facts, func(d *warm.Draft) (*boot.Image, error) {
		return r.sleepyMachine(ctx, d, a.opts, a.facts)
	})
	if err == nil {
		done("", false)
	}
	return image, err
}

// sleepyMachine is a run of its own up to where the first module is loaded.
func (r *run) sleepyMachine(ctx context.Context, draft *warm.Draft, opts boot.Options, facts *warmFacts) (*boot.Image, error) {
	opts.RAM, opts.Files = draft.RAM, r.withPrograms(opts.Files)
	opts.Kmsg, opts.Console = nil, nil // this run hears them when the machine goes on
	g, err := boot.Start(ctx, opts)
	if errors.Is(err, boot.ErrSilent) || errors.Is(err, wire.ErrGarbled) {
		r.bootFailure(err)
		return nil, fmt.Errorf("%w: %w", warm.ErrUnready, err)
	}
	if err != nil { // it may be the file: QEMU dies of a disk that is full
		return nil, err
	}
	defer g.Close()
	s := &run{spec: r.spec, kernel: r.kernel, agent: r.agent, probe: r.probe, unproved: r.unproved, traceArgs: r.traceArgs, res: &result.Result{}}
	s.spec.Watch = Watch{Phase: r.spec.Watch.Phase, Log: func(line string) { facts.Notes = append(facts.Notes, line) }}
	s.lab = inVM(g, r.kernel.Name, r.memory())
	if !s.attach(ctx) || !s.lookBefore(ctx) {
		r.in, r.res.Console, r.res.Machine = s.in, s.res.Console, s.lab.machine
		return nil, warm.ErrUnready
	}
	if facts.Base, err = s.makeBase(ctx); err != nil {
		return nil, err
	}
	facts.Machine, facts.Trace, facts.Unproved = s.lab.machine, s.trace.state, s.unproved
	facts.Before = s.leaks.before
	if vm.Accel(r.spec.Accel) == vm.Auto {
		facts.Machine.AccelReason = vm.KVMState(r.spec.CacheDir).WhyTCG()
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
	done := r.phase("install")
	files, err := r.moduleFiles()
	for i := range files {
		if f := &files[i]; err == nil && f.Host != "" {
			f.Data, err = os.ReadFile(f.Host)
		}
	}
	if err != nil {
		return r.hostFailure(err, "")
	}
	ctx, cancel := r.deadline(ctx)
	defer cancel()
	if err := boot.WriteFiles(ctx, r.lab.Client, files); err != nil {
		return r.callFailure(err, "install the modules")
	}
	done("", false)
	return true
}
