// SPDX-License-Identifier: MIT

package prepare

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/kmodlab/kmodlab/internal/kbuild"
	"github.com/kmodlab/kmodlab/internal/notify"
	"github.com/kmodlab/kmodlab/modules"
)

// Probe is the module of the tracer's self-test, whose init makes every hook fire.
type Probe struct {
	Path     string // on the host; "" where there is none
	Unproved string // why there is none
	known    string // which options the compiler knows, learned when it was built
}

// buildProbe has modules/probe built for the kernel, once. A run without it goes on:
// its hooks count as they fire. The error is ctx's.
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
	dir, err := os.MkdirTemp("", "kmodlab-probe-")
	if err != nil {
		return nil, fmt.Errorf("make a folder for the probe module: %w", err)
	}
	defer os.RemoveAll(dir)
	if err := os.CopyFS(dir, modules.Probe()); err != nil {
		return nil, fmt.Errorf("write the probe module's sources: %w", err)
	}
	return kbuild.Run(ctx, kbuild.Request{
		Kernel: h.Kernel, Sources: dir, CacheDir: filepath.Join(h.CacheDir, "build"), Learn: true,
		Runner: announced{h.probeRunner(ctx), func() {
			h.journal.Progress(notify.Progress{Phase: "probe", Detail: "building the probe module, once for this kernel"})
		}},
	})
}

// probeRunner takes the sandbox where it works, also for a run that builds in the VM:
// these sources are our own, and the VM takes fifteen times as long.
func (h *Host) probeRunner(ctx context.Context) kbuild.Runner {
	if h.Build == kbuild.VM && !h.Here && h.shared.checkSandbox(ctx) == nil {
		return kbuild.SandboxRunner{}
	}
	return h.runner
}

// announced says that a build begins. What the cache has begins none.
type announced struct {
	kbuild.Runner
	say func()
}

func (a announced) Run(ctx context.Context, job kbuild.Job) ([]kbuild.Step, error) {
	a.say()
	return a.Runner.Run(ctx, job)
}
