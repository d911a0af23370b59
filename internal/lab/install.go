// SPDX-License-Identifier: MIT

package lab

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/kmodlab/kmodlab/internal/boot"
	"github.com/kmodlab/kmodlab/internal/prepare"
	"github.com/kmodlab/kmodlab/internal/wire"
	"github.com/kmodlab/kmodlab/kmod"
	"github.com/kmodlab/kmodlab/kmod/depmod"
)

// treeFiles are the files of a module tree that depmod and modprobe read besides the
// modules themselves.
var treeFiles = []string{"modules.builtin", "modules.builtin.modinfo"}

// baseFiles returns the files that every guest has: the lists of the module tree, and the
// probe module.
func baseFiles(h *prepare.Host) []boot.File {
	dir := path.Join("/lib/modules", h.Kernel.Release)
	var files []boot.File
	for _, name := range treeFiles {
		host := filepath.Join(h.Kernel.ModuleDir(), name)
		if _, err := os.Stat(host); err == nil {
			files = append(files, boot.File{Name: path.Join(dir, name), Mode: 0o644, Host: host})
		}
	}
	if h.Probe.Path != "" {
		files = append(files, boot.File{Name: guestProbe, Mode: 0o644, Host: h.Probe.Path})
	}
	return files
}

// moduleFiles returns the modules of the plan at their places in the guest's module tree,
// and the tree's index. What was built or given is in extra/, the kernel's own modules
// are where the kernel has them.
func moduleFiles(p *prepare.Prepared) ([]boot.File, error) {
	dir := path.Join("/lib/modules", p.Kernel.Release)
	var files []boot.File
	for _, m := range slices.Concat(p.InTree, p.Fresh) {
		rel, err := p.Place(m)
		if err != nil {
			return nil, err
		}
		files = append(files, boot.File{Name: path.Join(dir, rel), Mode: 0o644, Host: m.Path})
	}
	index, err := guestIndex(p.Host, append(baseFiles(p.Host), files...))
	return append(files, index...), err
}

// inWholeTree turns the files of a guest that has the kernel's whole module tree into those that it lacks: the modules
// that were built or given, and an index of all.
func inWholeTree(p *prepare.Prepared, files []boot.File) ([]boot.File, error) {
	own, err := p.Scratch("index")
	if err != nil {
		return nil, err
	}
	defer own.Close()
	dir := path.Join("/lib/modules", p.Kernel.Release)
	var lacking []boot.File
	for _, f := range files {
		switch {
		case f.Host == "": // of the index
			if err := os.WriteFile(filepath.Join(own.Path, path.Base(f.Name)), f.Data, 0o600); err != nil {
				return nil, fmt.Errorf("index the guest's modules: %w", err)
			}
		case !strings.HasPrefix(f.Host, p.Kernel.ModuleDir()+"/"):
			lacking = append(lacking, f)
		}
	}
	merged, err := depmod.Merge(p.Kernel.ModuleDir(), own.Path)
	if err != nil {
		return nil, fmt.Errorf("index the guest's modules: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(merged)) {
		old, err := os.ReadFile(filepath.Join(p.Kernel.ModuleDir(), name))
		if err == nil && bytes.Equal(old, merged[name]) { // the guest has it: most modules export no symbol
			continue
		}
		lacking = append(lacking, boot.File{Name: path.Join(dir, name), Mode: 0o644, Data: merged[name]})
	}
	return lacking, nil
}

// guestIndex returns what depmod would write in the guest. On the host this takes a
// hundredth of the time that it takes there without KVM.
func guestIndex(h *prepare.Host, files []boot.File) ([]boot.File, error) {
	folder, err := h.Scratch("index")
	if err != nil {
		return nil, err
	}
	defer folder.Close()
	root, release := folder.Path, h.Kernel.Release
	dir := path.Join("/lib/modules", release)
	for _, f := range files {
		if !strings.HasPrefix(f.Name, dir+"/") {
			continue
		}
		if err := linkBelow(root, f); err != nil {
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

// linkBelow makes a link to a file, below root at the file's place in the guest.
func linkBelow(root string, f boot.File) error {
	name := filepath.Join(root, f.Name)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	host, err := filepath.Abs(f.Host)
	if err != nil {
		return err
	}
	return os.Symlink(host, name)
}

// sendModules writes the run's modules into the module tree of a running guest.
func (l *Lab) sendModules(ctx context.Context) error {
	if l.options.Userland && len(l.Fresh)+len(l.InTree) == 0 {
		return nil // the system has the kernel's own, and their index
	}
	done := l.journal.Phase("install")
	files, err := moduleFiles(l.Prepared)
	if err == nil && l.options.Userland {
		files, err = inWholeTree(l.Prepared, files)
	}
	if err != nil {
		return err
	}
	if err := l.install(ctx, files, "modules"); err != nil {
		return err
	}
	done("", false)
	return nil
}

// installRate is how many bytes a second arrive at least, before that is stretched for TCG: far fewer than
// virtio-serial carries. The person's own limit is for the modules' commands, and knows nothing of their size.
const installRate = 4 << 20

// install writes files of the guest. what says which ones.
func (l *Lab) install(ctx context.Context, files []boot.File, what string) error {
	var total int64
	for _, f := range files {
		size, err := sizeOf(f)
		if err != nil {
			return fmt.Errorf("read the %s to install: %w", what, err)
		}
		total += size
	}
	ctx, cancel := l.within(ctx, installLimit(l.options.StepTimeout, total))
	defer cancel()
	for parcel, err := range parcels(files) {
		if err != nil {
			return fmt.Errorf("read the %s to install: %w", what, err)
		}
		if err := boot.WriteFiles(ctx, l.Client, parcel); err != nil {
			return l.Failed("install the "+what, err)
		}
	}
	return nil
}

// installLimit bounds the installation of so many bytes, before it is stretched for TCG.
func installLimit(step time.Duration, bytes int64) time.Duration {
	return max(step, armLimit) + time.Duration(bytes)*(time.Second/installRate)
}

func sizeOf(f boot.File) (int64, error) {
	if f.Host == "" {
		return int64(len(f.Data)), nil
	}
	fi, err := os.Stat(f.Host)
	if err != nil {
		return 0, err
	}
	return fi.Size(), nil
}

// parcels reads files one at a time and yields those together that fit into one message. Together, modules with their
// debug information may be larger than what is free of this machine's memory.
func parcels(files []boot.File) iter.Seq2[[]boot.File, error] {
	return func(yield func([]boot.File, error) bool) {
		var parcel []boot.File
		size := 0
		for _, f := range files {
			if f.Host != "" {
				var err error
				if f.Data, err = kmod.ReadFile(f.Host); err != nil {
					yield(nil, err)
					return
				}
			}
			if size+len(f.Data) > wire.MaxBlob/2 && len(parcel) > 0 {
				if !yield(parcel, nil) {
					return
				}
				parcel, size = nil, 0
			}
			parcel, size = append(parcel, f), size+len(f.Data)
		}
		if len(parcel) > 0 {
			yield(parcel, nil)
		}
	}
}
