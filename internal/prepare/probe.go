// SPDX-License-Identifier: MIT

package prepare

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/kmodlab/kmodlab/internal/kbuild"
	"github.com/kmodlab/kmodlab/internal/notify"
	"github.com/kmodlab/kmodlab/modules"
)

// Probe is the probe module of the tracer's self-test: its init makes every hook fire.
type Probe struct {
	Path     string // on the host; "" if there is none
	Unproved string // why there is none
	known    string // the options that the compiler knows, learned in its build
}

// buildProbe builds modules/probe for the kernel, once. A run without it continues: its
// hooks count once they have fired. The error is ctx's.
func (h *Host) buildProbe(ctx context.Context) (Probe, error) {
	done := h.journal.Phase("probe")
	key := fmt.Sprint(h.Kernel.ID, h.CacheDir, h.Here)
	build, err := h.shared.probes.Get(key, func() (*kbuild.Build, error) { return h.makeProbe(ctx) })
	if err != nil {
		return Probe{Unproved: err.Error()}, context.Cause(ctx)
	}
	done(string(build.Where), build.Cached)
	return Probe{Path: build.Modules[0].Path, known: build.Known}, nil
}

func (h *Host) makeProbe(ctx context.Context) (*kbuild.Build, error) {
	return h.makeOwn(ctx, modules.Probe(), "probe", "probe module", kbuild.Request{Learn: true})
}

// makeOwn builds a module of our own for the kernel, in a phase. what it is, a person is told.
func (h *Host) makeOwn(
	ctx context.Context, sources fs.FS, phase, what string, r kbuild.Request,
) (*kbuild.Build, error) {
	dir, err := h.Scratch(phase)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	if err := os.CopyFS(dir.Path, sources); err != nil {
		return nil, fmt.Errorf("write the sources of the %s: %w", what, err)
	}
	r.Kernel, r.Sources, r.CacheDir = h.Kernel, dir.Path, filepath.Join(h.CacheDir, BuildDir)
	r.Runner = announced{h.probeRunner(ctx), func() {
		h.journal.Progress(notify.Progress{Phase: phase, Detail: "building the " + what + ", once for this kernel"})
	}}
	return kbuild.Run(ctx, r)
}

// probeRunner uses the sandbox if it works, even in a run that builds in the VM: these
// sources are our own, and the VM takes fifteen times as long.
func (h *Host) probeRunner(ctx context.Context) kbuild.Runner {
	if h.Build == kbuild.VM && !h.Here && h.shared.checkSandbox(ctx) == nil {
		return kbuild.SandboxRunner{}
	}
	return h.runner
}

// announced reports that a build begins. A build from the cache never gets here.
type announced struct {
	kbuild.Runner
	say func()
}

func (a announced) Run(ctx context.Context, job kbuild.Job) ([]kbuild.Step, error) {
	a.say()
	return a.Runner.Run(ctx, job)
}
