// SPDX-License-Identifier: MIT

package kmodlab

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/kmodlab/kmodlab/internal/kbuild"
	"github.com/kmodlab/kmodlab/internal/lazyregexp"
	"github.com/kmodlab/kmodlab/internal/prepare"
	"github.com/kmodlab/kmodlab/internal/vm"
)

// Spec says what to run. Dir or Files is needed; every other zero value works.
type Spec struct {
	// Dir is a folder of sources with a Kbuild or Makefile. It is not written to.
	Dir string
	// Files are ready .ko files, instead of Dir.
	Files []string
	// Load names the modules to load; their dependencies come along, from the
	// folder or from the kernel's own tree. Empty: all modules of the folder.
	Load []string
	// Params are module parameters, as "module.param=value".
	Params []string
	// For is how long the modules run between load and unload; 0 is one second.
	For time.Duration
	// Script replaces "load, wait, unload".
	Script []Step

	// Kernel is debian:bookworm and the like, host, or path:…; empty is the
	// host's own Debian release. `kmodlab kernel list` shows the names.
	Kernel string
	// Build is auto, vm or sandbox; empty is auto: in the VM where KVM is proven
	// to work, in the sandbox elsewhere.
	Build string
	// Accel is kvm or tcg; empty is KVM where it is proven, TCG elsewhere.
	Accel string
	// Cold boots the VM even where a saved one could go on.
	Cold bool
	// Here runs on this machine's own kernel, as root, instead of in a VM.
	Here bool

	CPUs      int // of the VM; 0 is 2
	MemoryMiB int // of the VM; 0 is 512
	// StepTimeout bounds each command in the guest, before it is stretched for
	// TCG; 0 is 30 s.
	StepTimeout time.Duration

	CacheDir string // kernels, builds, symbols, saved machines; empty: $XDG_CACHE_HOME/kmodlab
	Mirror   string // a Debian mirror for kernels; empty: $KMODLAB_MIRROR, then the host's apt configuration
	Agent    string // the kmodlab program
	QEMU     string // empty: qemu-system-x86_64 in PATH

	// HookStats has the kernel measure the run time of each hook of the tracer.
	HookStats bool
	// SteadyHooks takes kprobes and classic tracepoints first, which run with
	// preemption off, as the tracer does by itself on a preemptible kernel (7.x).
	SteadyHooks bool

	// Record, where it is not nil, is filled with all that the result was made of,
	// however the run went. It costs the memory of the records, compressed.
	Record *Recording

	Watch Watch

	// NoLeaks has nothing looked for that stays behind after unload. The search costs
	// some hundredths of a run; a benchmark measures them so.
	NoLeaks bool
}

// Step is one command of a script.
type Step struct {
	Argv []string      // modprobe, lsmod, modinfo, depmod, insmod and rmmod are the agent's own
	Wait time.Duration // let the machine run on for that long afterwards
	Role Role
}

// Role says what a step's failure means.
type Role int

// The roles of steps.
const (
	Show    Role = iota // a failure is an unmet expectation
	Load                // a failure is verdict load
	Unload              // a failure is verdict load as well: the module does not go
	Refused             // success is an unmet expectation
)

// UsageError is a Spec that makes no sense.
type UsageError struct{ Text string }

func (e *UsageError) Error() string { return e.Text }

func usage(format string, args ...any) error {
	return &UsageError{Text: fmt.Sprintf(format, args...)}
}

// Durations that a zero Spec stands for.
const (
	defaultFor  = time.Second
	defaultStep = 30 * time.Second
)

// Bounds of the VM: QEMU's pc takes 255 processors; with less memory the kernel
// has no room for its initramfs.
const (
	maxCPUs   = 255
	minMemory = 128
)

// complete checks a Spec and fills its zero values.
func (s Spec) complete() (Spec, error) {
	switch {
	case s.Dir == "" && len(s.Files) == 0:
		return s, usage("nothing to run: name a folder with a Kbuild, or .ko files")
	case s.Dir != "" && len(s.Files) > 0:
		return s, usage("name a folder or .ko files, not both")
	case s.Here && (s.Kernel != "" || s.Accel != ""):
		return s, usage("--here runs on this machine's own kernel: no other kernel or accelerator can be chosen")
	case s.Here && os.Geteuid() != 0:
		return s, usage("--here loads modules into this machine's kernel, which only root may: sudo kmodlab run --here …")
	}
	s, err := s.completeMachine()
	if s.For == 0 {
		s.For = defaultFor
	}
	return s, err
}

// completeMachine is the part of complete that Trace needs as well.
func (s Spec) completeMachine() (Spec, error) {
	if s.For < 0 || s.StepTimeout < 0 {
		return s, usage("a negative time makes no sense")
	}
	switch vm.Accel(s.Accel) {
	case vm.Auto, vm.KVM, vm.TCG:
	default:
		return s, usage("unknown accelerator %q: choose kvm or tcg", s.Accel)
	}
	switch kbuild.Where(s.Build) {
	case "", kbuild.Auto, kbuild.VM, kbuild.Sandbox:
	default:
		return s, usage("unknown place to build %q: choose auto, vm or sandbox", s.Build)
	}
	if s.CPUs < 0 || s.CPUs > maxCPUs || s.MemoryMiB < 0 || s.MemoryMiB > 0 && s.MemoryMiB < minMemory {
		return s, usage("the VM takes 1 to %d processors and at least %d MiB of memory", maxCPUs, minMemory)
	}
	if err := checkParams(s.Params); err != nil {
		return s, err
	}
	if err := s.checkSource(); err != nil {
		return s, err
	}
	if s.StepTimeout == 0 {
		s.StepTimeout = defaultStep
	}
	if s.Mirror == "" {
		s.Mirror = os.Getenv("KMODLAB_MIRROR")
	}
	if s.CacheDir == "" {
		dir, err := DefaultCacheDir()
		if err != nil {
			return s, err
		}
		s.CacheDir = dir
	}
	return s, nil
}

// checkSource finds a mistyped path before anything is fetched for it.
func (s Spec) checkSource() error {
	if s.Dir != "" {
		st, err := os.Stat(s.Dir)
		if err != nil {
			return usage("%s: %v: name a folder with a Kbuild or Makefile, or .ko files", s.Dir, pathCause(err))
		}
		if !st.IsDir() {
			return usage("%s is no folder: name a folder with a Kbuild or Makefile, or .ko files", s.Dir)
		}
	}
	for _, file := range s.Files {
		if !moduleFile.MatchString(file) {
			return usage("%s is no module file: name one folder, or .ko files", file)
		}
		st, err := os.Stat(file)
		if err != nil {
			return usage("%s: %v: name one folder, or .ko files", file, pathCause(err))
		}
		if !st.Mode().IsRegular() {
			return usage("%s is no file: name one folder, or .ko files", file)
		}
	}
	return nil
}

var moduleFile = lazyregexp.New(`\.ko(\.gz|\.xz|\.zst)?$`)

// pathCause leaves out the path, which the message names already.
func pathCause(err error) error {
	var path *os.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

func checkParams(params []string) error {
	for _, p := range params {
		module, rest, ok := strings.Cut(p, ".")
		name, _, assigned := strings.Cut(rest, "=")
		if !ok || !assigned || module == "" || name == "" {
			return usage("parameter %q: write module.name=value", p)
		}
	}
	return nil
}

// DefaultCacheDir is $XDG_CACHE_HOME/kmodlab, or ~/.cache/kmodlab.
func DefaultCacheDir() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find the cache folder: %w: set XDG_CACHE_HOME or HOME", err)
	}
	return filepath.Join(dir, "kmodlab"), nil
}

// ErrNoAgent means that the kmodlab program, which is the guest's agent, was not
// found.
var ErrNoAgent = prepare.ErrNoAgent

// MachineDir is where snapshots of machines are, below the cache folder.
const MachineDir = prepare.MachineDir
