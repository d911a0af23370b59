// SPDX-License-Identifier: MIT

package kmodlab

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kmodlab/kmodlab/internal/boot"
	"github.com/kmodlab/kmodlab/internal/kbuild"
	"github.com/kmodlab/kmodlab/internal/vm"
	"github.com/kmodlab/kmodlab/kmod/depmod"
)

// treeFiles are the lists beside a kernel's modules that depmod and modprobe
// read besides the modules themselves.
var treeFiles = []string{"modules.builtin", "modules.builtin.modinfo"}

// baseFiles are what every run's guest has: the lists of the module tree, and
// the probe module.
func (r *run) baseFiles() []boot.File {
	dir := path.Join("/lib/modules", r.kernel.Release)
	var files []boot.File
	for _, name := range treeFiles {
		host := filepath.Join(r.kernel.ModuleDir(), name)
		if _, err := os.Stat(host); err == nil {
			files = append(files, boot.File{Name: path.Join(dir, name), Mode: 0o644, Host: host})
		}
	}
	if r.probe != "" {
		files = append(files, boot.File{Name: guestProbe, Mode: 0o644, Host: r.probe})
	}
	return files
}

// moduleFiles are the modules of the plan at their places in the guest's module
// tree, what was built or given in extra/, the kernel's own where it has them,
// and the tree's index.
func (r *run) moduleFiles() ([]boot.File, error) {
	dir := path.Join("/lib/modules", r.kernel.Release)
	var files []boot.File
	for _, m := range slices.Concat(r.inTree, r.fresh) {
		rel, err := r.place(m.Path, m.InTree)
		if err != nil {
			return nil, err
		}
		files = append(files, boot.File{Name: path.Join(dir, rel), Mode: 0o644, Host: m.Path})
	}
	index, err := guestIndex(r.kernel.Release, append(r.baseFiles(), files...))
	return append(files, index...), err
}

// guestIndex is what depmod would write in the guest, made here in a hundredth of
// the time that it takes there without KVM.
func guestIndex(release string, files []boot.File) ([]boot.File, error) {
	root, err := os.MkdirTemp("", "kmodlab-index-")
	if err != nil {
		return nil, fmt.Errorf("index the guest's modules: %w", err)
	}
	defer os.RemoveAll(root)
	dir := path.Join("/lib/modules", release)
	for _, f := range files {
		if !strings.HasPrefix(f.Name, dir+"/") {
			continue
		}
		name := filepath.Join(root, f.Name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return nil, fmt.Errorf("index the guest's modules: %w", err)
		}
		host, err := filepath.Abs(f.Host)
		if err == nil {
			err = os.Symlink(host, name)
		}
		if err != nil {
			return nil, fmt.Errorf("index the guest's modules: %w", err)
		}
	}
	made, err := depmod.Index(depmod.Options{Root: root, Release: release})
	if err != nil {
		return nil, fmt.Errorf("index the guest's modules: %w", err)
	}
	var index []boot.File
	for _, name := range made.Files {
		data, err := os.ReadFile(filepath.Join(made.Dir, name))
		if err != nil {
			return nil, fmt.Errorf("index the guest's modules: %w", err)
		}
		index = append(index, boot.File{Name: path.Join(dir, name), Mode: 0o644, Data: data})
	}
	return index, nil
}

// place is a module's path below the module tree.
func (r *run) place(file string, inTree bool) (string, error) {
	base := r.kernel.ModuleDir()
	switch {
	case inTree:
	case r.build != nil:
		base = filepath.Join(r.build.Dir, "lib/modules", r.kernel.Release)
	default:
		return path.Join("extra", filepath.Base(file)), nil
	}
	rel, err := filepath.Rel(base, file)
	if err != nil || !filepath.IsLocal(rel) {
		return "", fmt.Errorf("place %s below %s: not inside", file, base)
	}
	return filepath.ToSlash(rel), nil
}

// runner chooses where to build. The VM is the honest place and costs little
// where KVM works; under TCG it takes some fifteen times as long as the sandbox.
func (r *run) runner(ctx context.Context) kbuild.Runner {
	if r.chosen == nil {
		r.chosen = r.chooseRunner(ctx)
	}
	return r.chosen
}

func (r *run) chooseRunner(ctx context.Context) kbuild.Runner {
	where := kbuild.Where(r.spec.Build)
	if r.spec.Here {
		return kbuild.HereRunner{}
	}
	if where == "" || where == kbuild.Auto {
		where = kbuild.Sandbox
		if vm.Accel(r.spec.Accel) != vm.TCG && vm.KVMState(r.spec.CacheDir).State == vm.Proven && r.kernel.RootImage != "" {
			where = kbuild.VM
		}
	}
	if r.spec.Build != string(kbuild.Sandbox) && where == kbuild.Sandbox && r.kernel.RootImage != "" {
		if err := r.kept().checkSandbox(ctx); err != nil {
			r.log(fmt.Sprintf("building in the VM, which takes longer: %v", err))
			where = kbuild.VM
		}
	}
	if where == kbuild.VM {
		return kbuild.VMRunner{Agent: r.agent, Accel: vm.Accel(r.spec.Accel), QEMU: r.spec.QEMU, StateDir: r.spec.CacheDir, Machines: r.builderMachines(), Log: r.log}
	}
	return kbuild.SandboxRunner{}
}

// builderMachines is where a build's machine is saved; "" where it is to boot.
func (r *run) builderMachines() string {
	if r.spec.Cold || !r.onTCG() {
		return ""
	}
	return filepath.Join(r.spec.CacheDir, MachineDir)
}

// startHere installs the modules into this machine's tree, as modules_install
// does, and starts the agent.
func (r *run) startHere(ctx context.Context) bool {
	phase := "install"
	if len(r.fresh) == 0 {
		phase = "agent"
	}
	done := r.phase(phase)
	if err := r.installHere(ctx); err != nil {
		return r.hostFailure(err, "")
	}
	l, err := here(ctx, r.agent, r.kmsg)
	if err != nil {
		return r.hostFailure(err, "")
	}
	l.console = r.hereLog.bytes
	r.lab = l
	r.res.Machine = l.machine
	done("", false)
	return true
}

// installHere copies what was built to extra/ and runs the machine's own
// depmod, for the kernel's helper is the machine's own modprobe. A module that
// was there before is not replaced.
func (r *run) installHere(ctx context.Context) error {
	if len(r.fresh) == 0 {
		return nil
	}
	for _, m := range r.fresh {
		rel, err := r.place(m.Path, false)
		if err != nil {
			return err
		}
		target := filepath.Join(r.kernel.ModuleDir(), rel)
		if err := copyNew(m.Path, target); err != nil {
			if errors.Is(err, fs.ErrExist) {
				return fmt.Errorf("install %s: it is there already: remove it first, or run in a VM without --here", target)
			}
			return fmt.Errorf("install module: %w", err)
		}
		r.here = append(r.here, target)
	}
	return depmodHere(ctx, r.kernel.Release)
}

func depmodHere(ctx context.Context, release string) error {
	out, err := exec.CommandContext(ctx, "depmod", "-a", release).CombinedOutput()
	if err != nil {
		return fmt.Errorf("run this machine's depmod: %w: %s (apt-get install kmod)", err, strings.TrimSpace(string(out)))
	}
	return nil
}

// uninstallHere takes the modules away again and mends the index.
func (r *run) uninstallHere() {
	if len(r.here) == 0 {
		return
	}
	for _, file := range r.here {
		if err := os.Remove(file); err != nil {
			r.log(fmt.Sprintf("cannot remove %s: %v", file, err))
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), defaultStep)
	defer cancel()
	if err := depmodHere(ctx, r.kernel.Release); err != nil {
		r.log(err.Error())
	}
}

func copyNew(from, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		f.Close()
		os.Remove(to)
		return err
	}
	return f.Close()
}
