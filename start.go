// SPDX-License-Identifier: MIT

package kmodlab

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"time"

	"github.com/kmodlab/kmodlab/internal/boot"
	"github.com/kmodlab/kmodlab/internal/vm"
	"github.com/kmodlab/kmodlab/internal/wire"
	"github.com/kmodlab/kmodlab/result"
)

// start boots the VM or goes on from a saved one, or starts the agent on this
// machine.
func (r *run) start(ctx context.Context) bool {
	if r.spec.Here {
		return r.startHere(ctx)
	}
	if started, failed := r.startWarm(ctx); started || failed || ctx.Err() != nil {
		return started
	}
	done := r.phase("boot")
	files, err := r.moduleFiles()
	if err != nil {
		return r.hostFailure(err, "")
	}
	g, err := boot.Start(ctx, r.bootOptions(r.withPrograms(append(r.baseFiles(), files...))))
	if err != nil {
		return r.bootFailure(err)
	}
	r.lab = inVM(g, r.kernel.Name, r.memory())
	r.res.Machine = r.lab.machine
	done("", false)
	return true
}

func (r *run) bootOptions(files []boot.File) boot.Options {
	return boot.Options{
		Kernel: r.kernel, Agent: r.agent, Files: files,
		CPUs: r.spec.CPUs, MemoryMiB: r.spec.MemoryMiB,
		Accel: vm.Accel(r.spec.Accel), QEMU: r.spec.QEMU, StateDir: r.spec.CacheDir,
		Console: r.spec.Watch.Console, Log: r.log, Kmsg: r.kmsg,
	}
}

func (r *run) memory() int {
	if r.spec.MemoryMiB == 0 {
		return 512
	}
	return r.spec.MemoryMiB
}

// killedHint is for a QEMU that ended and was not asked to.
const killedHint = "run it again; where this machine has run out of memory, its own dmesg says so"

func (r *run) bootFailure(err error) bool {
	var failed *boot.Error
	if errors.As(err, &failed) {
		r.res.Console = string(failed.Console)
		if errors.Is(err, boot.ErrSilent) {
			r.in.Timeout = &result.Failure{Message: err.Error()}
			if len(failed.Console) == 0 {
				r.in.Timeout.Hint = "its console stayed empty; run it again, and with another --kernel"
			}
			return false
		}
		if errors.Is(err, wire.ErrGarbled) {
			r.in.Lost = &result.Failure{Message: err.Error()}
			return false
		}
		return r.hostFailure(err, killedHint)
	}
	return r.hostFailure(err, "")
}

// kmsg gets records of /dev/kmsg from the guest: "prio,seq,usec,flags;text".
func (r *run) kmsg(record string) {
	_, text, ok := strings.Cut(record, ";")
	if !ok {
		return
	}
	text, _, _ = strings.Cut(text, "\n")
	if r.spec.Here {
		r.hereLog.add(text)
	}
	r.kernelLog.add(stamped(record))
	if r.spec.Watch.Kmsg != nil {
		r.spec.Watch.Kmsg(text)
	}
}

// attachLimit bounds the tracer's start, before it is stretched for TCG. The
// person's own limit is for the modules' commands and may be far shorter.
const attachLimit = 30 * time.Second

// attach attaches the tracer and has its hooks prove themselves.
func (r *run) attach(ctx context.Context) bool {
	if r.warm != nil {
		return r.adopt(ctx)
	}
	ctx, cancel := context.WithTimeout(ctx, attachLimit*r.lab.scale)
	defer cancel()
	if r.live != nil { // before anything happens that has to be named
		if err := r.readSymbols(ctx); err != nil {
			return r.callFailure(err, "read the kernel's symbols")
		}
	}
	done := r.phase("attach")
	if err := r.trace.start(ctx, r.lab, r.traceArgs, r.live); err != nil {
		return r.callFailure(err, "attach the tracer")
	}
	done("", false)
	if err := r.keepPrograms(ctx); err != nil {
		return r.callFailure(err, "read the tracer's programs")
	}
	if err := r.prove(ctx); err != nil {
		return r.callFailure(err, "test the tracer's hooks")
	}
	if r.live != nil {
		r.live.begin(r.trace.kernel, r.trace.mark)
	}
	return true
}

// readSymbols gets the names of the kernel's functions. A real machine's kernel
// has other addresses after each boot, so there is nothing to keep of it.
func (r *run) readSymbols(ctx context.Context) error {
	id := ""
	if !r.spec.Here {
		id = r.kernel.ID
	}
	return r.trace.readKernel(ctx, r.lab, filepath.Join(r.spec.CacheDir, "symbols"), id, &r.kept().symbols)
}

// symbolsFile is where the names of this kernel's functions are kept, "" where they
// cannot be.
func (r *run) symbolsFile() string {
	if r.spec.Here || r.kernel == nil {
		return ""
	}
	return filepath.Join(r.spec.CacheDir, "symbols", r.kernel.ID)
}
