// SPDX-License-Identifier: MIT

// Package prepare does the host's part of a run, before anything boots: it finds the agent
// and the kernel, builds the probe module of the self-test and the person's modules,
// decides what is loaded in which order, and refuses what cannot work.
package prepare

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/kmodlab/kmodlab/internal/boot"
	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/internal/failable"
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
	Absent []string // names of modules of Dir or Files that the guest does not get

	Fail   *failable.Want   // a call that is to fail; nil for none
	Target *failable.Target // a task that is to end; nil for none

	Kernel string       // debian:bookworm and the like; empty: the host's own Debian release
	Here   bool         // this machine's own kernel
	Build  kbuild.Where // empty: Auto
	Accel  vm.Accel     // Auto, KVM or TCG
	Cold   bool         // do not restore a snapshot
	Agent  string       // kmodlab-agent's path; empty: see ErrNoAgent
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

	CacheDir  string // of this host alone
	KernelDir string // a cache that other hosts may use as well; empty: CacheDir
	Mirror    string
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
	if h.Agent, err = FindAgent(o.Agent); err != nil {
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
	kernels := cmp.Or(h.KernelDir, h.CacheDir)
	for _, dir := range []string{h.CacheDir, kernels} {
		if err := private.Make(dir); err != nil {
			return nil, evidence.HostFailure(err, ownCache)
		}
	}
	done := h.journal.Phase("kernel")
	k, err := boot.Kernels(kernels, h.Mirror, h.reportFetch).Get(ctx, name)
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

// AgentName is the agent's program.
const AgentName = "kmodlab-agent"

// ErrNoAgent means that kmodlab-agent, which works in the guest, was not found.
var ErrNoAgent = errors.New("cannot find kmodlab-agent, which works in the guest: " +
	"put it beside kmodlab or into PATH, or build it " +
	"(CGO_ENABLED=0 go build github.com/kmodlab/kmodlab/cmd/kmodlab-agent) " +
	"and name it in Spec.Agent or $KMODLAB_AGENT")

// FindAgent returns the path of the agent's program: the named one, $KMODLAB_AGENT, the one beside this program, or
// that in PATH.
func FindAgent(named string) (string, error) {
	if named != "" {
		return named, nil
	}
	if path := os.Getenv("KMODLAB_AGENT"); path != "" {
		return path, nil
	}
	if self, err := os.Executable(); err == nil {
		if self, err = filepath.EvalSymlinks(self); err == nil { // a link to kmodlab in PATH
			beside := filepath.Join(filepath.Dir(self), AgentName)
			if info, err := os.Stat(beside); err == nil && info.Mode().IsRegular() {
				return beside, nil
			}
		}
	}
	if path, err := exec.LookPath(AgentName); err == nil {
		return path, nil
	}
	return "", ErrNoAgent
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
