// SPDX-License-Identifier: MIT

package lab

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/kmodlab/kmodlab/internal/atomicfile"

	"github.com/kmodlab/kmodlab/internal/boot"
	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/internal/prepare"
	"github.com/kmodlab/kmodlab/internal/wire"
)

// attachLimit bounds the tracer's start, before it is stretched for TCG. The person's
// own limit is for the modules' commands and may be far shorter.
const attachLimit = 30 * time.Second

// Attach attaches the tracer and runs the self-test of its hooks, unless that was done
// before the snapshot. Then it installs the modules: from here on nothing that the guest
// says reaches the cache.
func (l *Lab) Attach(ctx context.Context) error {
	attach := l.attach
	if l.facts != nil {
		attach = l.resume
	}
	if err := attach(ctx); err != nil {
		return err
	}
	if err := l.readLayout(ctx); err != nil {
		return err
	}
	l.foreign = true
	if l.Here { // they are there
		return nil
	}
	if err := l.sendModules(ctx); err != nil {
		return err
	}
	return l.sendPayload(ctx)
}

func (l *Lab) attach(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, attachLimit*l.Scale)
	defer cancel()
	if l.stream.live != nil { // before anything happens that needs a name
		if err := l.readSymbols(ctx); err != nil {
			return l.Failed("read the kernel's symbols", err)
		}
	}
	done := l.journal.Phase("attach")
	l.stream.read()
	if err := l.Call(ctx, wire.OpTraceStart, l.options.Trace, &l.Tracer.State); err != nil {
		return l.Failed("attach the tracer", err)
	}
	done("", false)
	if err := l.keepPrograms(ctx); err != nil {
		return l.Failed("read the tracer's programs", err)
	}
	if err := l.selfTest(ctx); err != nil {
		return l.Failed("test the tracer's hooks", err)
	}
	if err := l.makeUserland(ctx); err != nil {
		return err
	}
	if !l.Here { // whose symbols are read at the end
		if err := l.readSymbols(ctx); err != nil {
			return l.Failed("read the kernel's symbols", err)
		}
	}
	l.stream.live.Begin(l.kernel, l.Tracer.MarkNS)
	return nil
}

// Detach collects what the tracer recorded. A run that was not cut short ends with it.
func (l *Lab) Detach(ctx context.Context) error {
	if err := l.Call(ctx, wire.OpTraceStop, nil, &l.Tracer.State); err != nil {
		return l.Failed("stop the tracer", err)
	}
	if err := l.stream.wait(ctx); err != nil {
		return l.Failed("stop the tracer", err)
	}
	l.stream.live.End()
	if !l.Here {
		return nil
	}
	// The modules that were loaded meanwhile have symbols, too.
	if err := l.readSymbols(ctx); err != nil {
		return l.Failed("read the kernel's symbols", err)
	}
	return nil
}

// guestProbe is where the agent in a VM finds the probe module: outside the module tree,
// where depmod and modprobe would see it.
const guestProbe = "/lib/kmodlab/kmodlab_probe.ko"

// selfTest has every hook fire before the run proper begins, and drops what was recorded
// until then.
func (l *Lab) selfTest(ctx context.Context) error {
	done := l.journal.Phase("proof")
	args := wire.ProveArgs{Module: l.Probe.Path}
	if l.Probe.Path != "" && !l.Here {
		args.Module = guestProbe
	}
	var result wire.ProveResult
	if err := l.Call(ctx, wire.OpTraceProve, args, &result); err != nil {
		return err
	}
	if result.Refused != "" {
		l.Tracer.Unproved = "the kernel refused the probe module: " + result.Refused
	}
	l.Tracer.MarkNS = result.MarkNS
	done("", false)
	if l.Tracer.Unproved != "" {
		l.journal.Log(fmt.Sprintf("no self-test of the tracer's hooks (%s): a hook counts once it has fired, "+
			"and what depends on the others is unknown", l.Tracer.Unproved))
		return nil
	}
	var hooks []evidence.Hook
	for _, h := range result.Hooks {
		hooks = append(hooks, hookOf(h))
	}
	if names := evidence.Unproved(hooks); len(names) > 0 {
		l.journal.Log(fmt.Sprintf("%d of %d hooks did not fire in the self-test, so what depends on them is unknown: %s; "+
			"-v shows why", len(names), len(hooks), strings.Join(names, ", ")))
	}
	return nil
}

// Before the tracer's programs are loaded they are relocated to the offsets of the
// kernel's structs. The first guest with a kernel does that and gives the result to the
// host, which gives it to every later guest with that kernel. Here the programs are just
// bytes: the guest checks whether they are for its kernel and this version of kmodlab.

// maxPrograms bounds the programs, in bytes; they take some 170 kB.
const maxPrograms = 16 << 20

// programsFile is where the programs for this kernel are kept; "" if they cannot be.
func programsFile(h *prepare.Host) string {
	if h.Here || h.Kernel == nil {
		return ""
	}
	return filepath.Join(h.CacheDir, "programs", h.Kernel.ID)
}

// withPrograms adds the programs to a guest's files, if there are any. They are not part
// of a snapshot's key: with or without them, the machine becomes the same.
func withPrograms(h *prepare.Host, files []boot.File) []boot.File {
	data, err := os.ReadFile(programsFile(h))
	if err != nil {
		return files
	}
	return append(files[:len(files):len(files)], boot.File{Name: wire.ProgramsFile, Mode: 0o600, Data: data})
}

// keepPrograms keeps the programs if the guest had to make them.
func (l *Lab) keepPrograms(ctx context.Context) error {
	path := programsFile(l.Host)
	if path == "" || !l.Tracer.State.Made {
		return nil
	}
	data, err := boot.ReadFile(ctx, l.Client, wire.ProgramsFile, maxPrograms)
	if err != nil {
		return err
	}
	l.keepFile(path, data)
	return nil
}

// keepFile spares the next run reading something from the guest. If the cache cannot be
// written (another user's, or a full disk), the next run reads it again. What a guest says
// once foreign modules are in it is not kept: it would be believed by all later runs.
func (l *Lab) keepFile(path string, data []byte) {
	if l.foreign {
		return
	}
	dir := filepath.Dir(path)
	if os.MkdirAll(dir, 0o755) == nil {
		atomicfile.Write(path, data, 0o644)
	}
}
