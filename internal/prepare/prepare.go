// SPDX-License-Identifier: MIT

// Package prepare does the host's part of a run, before anything boots: it finds the agent
// and the kernel, builds the probe module of the self-test and the person's modules,
// decides what is loaded in which order, and refuses what cannot work.
package prepare

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	"github.com/kmodlab/kmodlab/internal/boot"
	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/internal/kbuild"
	"github.com/kmodlab/kmodlab/internal/kernel"
	"github.com/kmodlab/kmodlab/internal/notify"
	"github.com/kmodlab/kmodlab/internal/payload"
	"github.com/kmodlab/kmodlab/internal/private"
	"github.com/kmodlab/kmodlab/internal/scratch"
	"github.com/kmodlab/kmodlab/internal/vm"
)

// Options say what to prepare, for which machine.
type Options struct {
	Dir    string   // a folder of sources, or
	Files  []string // ready .ko files
	Load   []string // names of the modules to load; empty: all of the folder
	Params []string // "module.param=value"

	Kernel string       // debian:bookworm and the like; empty: the host's own Debian release
	Here   bool         // this machine's own kernel
	Build  kbuild.Where // empty: Auto
	Accel  vm.Accel     // Auto, KVM or TCG
	Cold   bool         // do not restore a snapshot
	Agent  string       // the kmodlab program; empty: see ErrNoAgent
	QEMU   string       // empty: in PATH

	Tests    []payload.Wanted // programs that run beside the modules
	Command  *payload.Wanted  // a program with the caller's streams; nil for none
	Put      []payload.Copy   // files that they find in the guest
	Folders  []string         // folders that they find there
	Packages []string         // of the kernel's suite, for the guest's system

	BuildTimeout time.Duration // of the person's modules; 0: kbuild.DefaultTimeout

	// BuildOnly is for a host that starts no machine, except perhaps one to build in.
	BuildOnly bool

	// NoProbe leaves this machine's kernel as it is: nothing is built, installed or loaded,
	// and no kernel is fetched, since the running one is traced.
	NoProbe bool

	CacheDir string
	Mirror   string
}

// Host is this machine, with everything that all runs with one kernel need.
type Host struct {
	Options
	Agent  string
	Kernel *kernel.Kernel // nil with NoProbe
	Probe  Probe

	shared  *Shared
	journal *notify.Journal
	runner  kbuild.Runner // nil with NoProbe
}

// Find finds the agent, QEMU and the kernel, and builds the probe module. Its error is an
// *evidence.Failure, kernel.ErrUnknownName or ctx's.
func Find(ctx context.Context, o Options, s *Shared, j *notify.Journal) (*Host, error) {
	h := &Host{Options: o, shared: s, journal: j}
	var err error
	if h.Agent, err = findAgent(o.Agent); err != nil {
		return nil, evidence.HostFailure(err, "")
	}
	if o.NoProbe {
		h.Probe = Probe{Unproved: "--here loads no module into this machine's kernel without --probe"}
		return h, nil
	}
	if !o.Here && !o.BuildOnly {
		if _, err := vm.FindQEMU(o.QEMU); err != nil {
			return nil, evidence.HostFailure(err, "kmodlab doctor says what else is missing")
		}
	}
	if h.Kernel, err = h.fetch(ctx); err != nil {
		return nil, err
	}
	h.runner = h.chooseRunner(ctx)
	h.Probe, err = h.buildProbe(ctx)
	return h, err
}

// Scratch makes a temporary folder, which the caller closes.
func (h *Host) Scratch(name string) (*scratch.Folder, error) {
	return scratch.Make(filepath.Join(h.CacheDir, ScratchDir), name)
}

// Shared is what the runs of one pool have in common.
func (h *Host) Shared() *Shared { return h.shared }

// ownCache is what to do about a cache that others can change. What lies there is believed, and foreign code wrote some
// of it.
const ownCache = "use a cache that is yours alone: set XDG_CACHE_HOME to a folder that only you can enter"

// fetch finds the kernel. Modules are built for the same kernel that loads them.
func (h *Host) fetch(ctx context.Context) (*kernel.Kernel, error) {
	name := h.Options.Kernel
	if h.Here {
		name = "host"
	}
	if name == "" {
		var err error
		if name, err = kernel.DefaultName(); err != nil {
			return nil, evidence.HostFailure(err, "name a kernel: --kernel debian:bookworm")
		}
	}
	name, err := withPackages(name, h.Packages)
	if err != nil {
		return nil, err
	}
	if err := kernel.CheckName(name); err != nil { // before anything is made
		return nil, err
	}
	if err := private.Make(h.CacheDir); err != nil {
		return nil, evidence.HostFailure(err, ownCache)
	}
	done := h.journal.Phase("kernel")
	k, err := boot.Kernels(h.CacheDir, h.Mirror, h.reportFetch).Get(ctx, name)
	if errors.Is(err, kernel.ErrUnknownName) {
		return nil, err
	}
	if err != nil {
		return nil, evidence.HostFailure(err, "kmodlab doctor shows which kernels are available here")
	}
	done("", false)
	return k, nil
}

// withPackages is the name of a kernel whose system has further packages.
func withPackages(name string, packages []string) (string, error) {
	if len(packages) == 0 {
		return name, nil
	}
	if !strings.HasPrefix(name, "debian:") {
		return "", &evidence.Failure{
			Kind: evidence.Host, Message: fmt.Sprintf("kernel %s has no packages to add", name),
			Hint: "use a debian: kernel, or leave out --packages",
		}
	}
	return name + "," + strings.Join(packages, ","), nil
}

func (h *Host) reportFetch(p kernel.Progress) {
	h.journal.Progress(
		notify.Progress{Phase: "kernel", Detail: p.Text, Done: p.Done, Total: p.Total, Unit: string(p.Unit)},
	)
}

// ErrNoAgent means that the kmodlab program, which is the guest's agent, was not found.
var ErrNoAgent = errors.New("cannot find the kmodlab program: build it (go build ./cmd/kmodlab) " +
	"and name it in Spec.Agent or $KMODLAB_AGENT")

// findAgent returns the path of the kmodlab program.
func findAgent(named string) (string, error) {
	if named != "" {
		return named, nil
	}
	if path := os.Getenv("KMODLAB_AGENT"); path != "" {
		return path, nil
	}
	if self, err := os.Executable(); err == nil && isKmodlab() {
		return self, nil
	}
	if path, err := exec.LookPath("kmodlab"); err == nil {
		return path, nil
	}
	return "", ErrNoAgent
}

// isKmodlab reports whether this process runs the kmodlab program, under any name: a
// program that imports the library, such as a test, has another main package.
func isKmodlab() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && strings.HasSuffix(info.Path, "/cmd/kmodlab")
}

// OnTCG reports whether guests are emulated. With KVM a boot takes half a second, and
// restoring a snapshot was never tried.
func (h *Host) OnTCG() bool {
	switch h.Accel {
	case vm.TCG:
		return true
	case vm.KVM:
		return false
	}
	switch vm.KVMState(h.CacheDir).State {
	case vm.Absent, vm.Unusable:
		return true
	}
	return false
}

// MachineDir is the folder of snapshots, below the cache folder.
const MachineDir = "machines"

// ScratchDir is where temporary folders lie in the cache.
const ScratchDir = "tmp"

// BuildDir is the folder of builds, below the cache folder.
const BuildDir = "build"

// Snapshots is the folder of snapshots.
func (h *Host) Snapshots() string { return filepath.Join(h.CacheDir, MachineDir) }

// chooseRunner decides where to build. The VM isolates a build best, and costs little if
// KVM works; with TCG a build takes some fifteen times as long as in the sandbox.
func (h *Host) chooseRunner(ctx context.Context) kbuild.Runner {
	where := h.Build
	if h.Here {
		return kbuild.HereRunner{}
	}
	if where == "" || where == kbuild.Auto {
		where = kbuild.Sandbox
		if h.Accel != vm.TCG && vm.KVMState(h.CacheDir).State == vm.Proven && h.Kernel.RootImage != "" {
			where = kbuild.VM
		}
	}
	if h.Build != kbuild.Sandbox && where == kbuild.Sandbox && h.Kernel.RootImage != "" {
		if err := h.shared.checkSandbox(ctx); err != nil {
			h.journal.Log(fmt.Sprintf("building in the VM, which takes longer: %v", err))
			where = kbuild.VM
		}
	}
	if where == kbuild.VM {
		return kbuild.VMRunner{
			Agent: h.Agent, Accel: h.Accel, QEMU: h.QEMU, StateDir: h.CacheDir,
			Machines: h.builderSnapshots(), Log: h.journal.Log,
		}
	}
	return kbuild.SandboxRunner{}
}

// builderSnapshots is the folder for snapshots of the machine that builds; "" if it must boot.
func (h *Host) builderSnapshots() string {
	if h.Cold || !h.OnTCG() {
		return ""
	}
	return h.Snapshots()
}

// BuildsInVM reports whether the modules will be built in a VM of their own.
func (h *Host) BuildsInVM() bool {
	_, is := h.runner.(kbuild.VMRunner)
	return is && h.Dir != ""
}
