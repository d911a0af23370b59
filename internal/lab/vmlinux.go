// SPDX-License-Identifier: MIT

package lab

import (
	"debug/elf"
	"fmt"
	"os"
	"path/filepath"

	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/internal/symfile"
)

// packagedVmlinux is where Debian's debug packages have a kernel's file, on the host.
const packagedVmlinux = "/usr/lib/debug/boot/vmlinux-"

// vmlinux is a file with the kernel's types and lines, "" if there is none: the one that was asked for, or that of the
// kernel's debug package. It is of the same build, or it would name wrong places.
func (l *Lab) vmlinux(asked string) (string, error) {
	path := asked
	if path == "" {
		path = packagedVmlinux + l.Kernel.Release
		if _, err := os.Stat(path); err != nil {
			return "", nil
		}
	}
	err := l.sameBuild(path)
	switch {
	case err == nil:
		return filepath.Abs(path)
	case asked == "":
		l.journal.Log(fmt.Sprintf("gdb does not get the kernel's types from %s: %v", path, err))
		return "", nil
	}
	return "", &evidence.Failure{
		Kind: evidence.Preflight, Message: fmt.Sprintf("%s: %v", path, err),
		Hint: fmt.Sprintf("linux-image-%s-dbg of the same version has it", l.Kernel.Release),
	}
}

// sameBuild returns an error unless a file is of the guest's kernel.
func (l *Lab) sameBuild(path string) error {
	given, err := elf.Open(path)
	if err != nil {
		return fmt.Errorf("read the kernel's debug information: %w", err)
	}
	defer given.Close()
	own, err := l.Kernel.Direct(l.directDir())
	if err != nil {
		return fmt.Errorf("compare it with the kernel: %w", err)
	}
	kernel, err := elf.Open(own)
	if err != nil {
		return fmt.Errorf("compare it with the kernel: %w", err)
	}
	defer kernel.Close()
	if id := symfile.BuildID(kernel); id == "" || id != symfile.BuildID(given) {
		return fmt.Errorf("its build ID is not that of the running kernel %s", l.Kernel.Release)
	}
	if given.Section(".debug_info") == nil {
		return fmt.Errorf("it has no debug information")
	}
	return nil
}

// directDir is where kernels of this machine are unpacked.
func (l *Lab) directDir() string { return filepath.Join(l.CacheDir, "vmlinux") }
