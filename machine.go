// SPDX-License-Identifier: MIT

package kmodlab

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/kmodlab/kmodlab/internal/cachedir"
	"github.com/kmodlab/kmodlab/internal/kbuild"
	"github.com/kmodlab/kmodlab/internal/prepare"
	"github.com/kmodlab/kmodlab/internal/vm"
)

// Machine says where a run or a trace takes place. The zero value is a VM with the kernel of the host's own Debian
// release.
type Machine struct {
	// Kernel is debian:bookworm and the like, host, or path:…; empty is the host's own Debian release. `kmodlab kernel
	// list` shows the names.
	Kernel string
	// Accel is empty for KVM where it is proven to work, and TCG elsewhere.
	Accel     Accel
	CPUs      int // 0 is 2
	MemoryMiB int // 0 is 512
	// Cold boots the VM even where a snapshot could be restored.
	Cold bool
	// Here uses this machine's own kernel, as root, instead of a VM. Foreign code then runs in that kernel: use a
	// machine that you can lose.
	Here bool
}

// Accel is how a VM's CPUs are run.
type Accel string

// The accelerators.
const (
	KVM Accel = Accel(vm.KVM)
	TCG Accel = Accel(vm.TCG)
)

// Build is where modules are built.
type Build string

// The places to build. The empty one is BuildAuto.
const (
	BuildAuto    Build = Build(kbuild.Auto)    // in a VM where KVM is proven to work, in the sandbox elsewhere
	BuildVM      Build = Build(kbuild.VM)      // in a VM of its own, with the kernel's own root file system
	BuildSandbox Build = Build(kbuild.Sandbox) // in user namespaces of this machine, without a network
)

// Tools are what a run or a trace uses of this computer. The zero value finds all of them.
type Tools struct {
	// CacheDir has kernels, builds, symbols and snapshots; empty: see DefaultCacheDir. If it is on a file system that
	// other hosts may use, as NFS, it has the kernels alone, and all else is on a disk of this host.
	CacheDir string
	Mirror   string // a Debian mirror for kernels; empty: $KMODLAB_MIRROR, then the host's apt configuration
	Agent    string // kmodlab-agent; empty: $KMODLAB_AGENT, then beside this program, then in PATH
	QEMU     string // empty: qemu-system-x86_64 in PATH

	kernels string // the cache that has the kernels; complete sets it
}

// DefaultCacheDir is $XDG_CACHE_HOME/kmodlab, or ~/.cache/kmodlab.
func DefaultCacheDir() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find the cache folder: %w: set XDG_CACHE_HOME or HOME", err)
	}
	return filepath.Join(dir, "kmodlab"), nil
}

// ErrNoAgent means that kmodlab-agent, which works in the guest, was not found.
var ErrNoAgent = prepare.ErrNoAgent

// complete fills the zero values.
func (t Tools) complete() (Tools, error) {
	if t.Mirror == "" {
		t.Mirror = os.Getenv("KMODLAB_MIRROR")
	}
	var err error
	if t.CacheDir == "" {
		if t.CacheDir, err = DefaultCacheDir(); err != nil {
			return t, err
		}
	}
	if t.kernels == "" {
		t.kernels = t.CacheDir
		t.CacheDir, err = cachedir.Own(t.kernels)
	}
	return t, err
}

// Bounds of the VM: QEMU's pc takes 255 CPUs; with less memory the kernel has no room for its initramfs.
const (
	maxCPUs   = 255
	minMemory = 128
)

// check finds a machine that makes no sense. what is done there with Here.
func (m Machine) check(what string) error {
	switch m.Accel {
	case "", KVM, TCG:
	default:
		return usage("Accel", "unknown accelerator %q: choose kvm or tcg", m.Accel)
	}
	switch {
	case m.CPUs < 0 || m.CPUs > maxCPUs:
		return usage("CPUs", "a VM takes 1 to %d CPUs", maxCPUs)
	case m.MemoryMiB < 0 || m.MemoryMiB > 0 && m.MemoryMiB < minMemory:
		return usage("MemoryMiB", "a VM takes at least %d MiB of memory", minMemory)
	case m.Here && (m.Kernel != "" || m.Accel != ""):
		return usage("Here", "this machine's own kernel is used, so no other kernel or accelerator can be chosen")
	case m.Here && os.Geteuid() != 0:
		return usage("Here", "only root may %s: run this with sudo", what)
	}
	return nil
}

func (b Build) check() error {
	switch b {
	case "", BuildAuto, BuildVM, BuildSandbox:
		return nil
	}
	return usage("Build", "unknown place to build %q: choose auto, vm or sandbox", b)
}
