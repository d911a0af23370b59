// SPDX-License-Identifier: MIT

package kbuild

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kmodlab/kmodlab/internal/kernel"
)

// withDebugInfo makes the compiler write debug information if the kernel's configuration does not ask for it: crash
// reports need it to name file and line. The kernel never loads it. Debian's configurations ask for it.
func withDebugInfo(k *kernel.Kernel, flags []string) []string {
	if !lacksDebugInfo(k) {
		return flags
	}
	return mergeFlag(flags, "KCFLAGS", "-g")
}

// lacksDebugInfo reads the configuration that comes with the headers. If that cannot be read, nothing is changed.
func lacksDebugInfo(k *kernel.Kernel) bool {
	dir := headersDir(k)
	for _, name := range []string{"include/config/auto.conf", ".config"} {
		config, err := os.ReadFile(filepath.Join(dir, name))
		if err == nil {
			on := func(l []byte) bool { return string(l) == "CONFIG_DEBUG_INFO=y" }
			return !slices.ContainsFunc(bytes.Split(config, []byte("\n")), on)
		}
	}
	return false
}

// headersDir is where the kernel's headers are on the host.
func headersDir(k *kernel.Kernel) string {
	dir := filepath.Join(k.Root, k.BuildDir())
	target, err := os.Readlink(dir) // as seen from inside Root
	switch {
	case err != nil:
		return dir
	case filepath.IsAbs(target):
		return filepath.Join(k.Root, target)
	}
	if parent, err := filepath.EvalSymlinks(filepath.Dir(dir)); err == nil { // lib is a link to usr/lib
		return filepath.Join(parent, target)
	}
	return dir
}

// mergeFlag puts words in front of those already given for a make variable.
func mergeFlag(flags []string, name, words string) []string {
	var rest []string
	for _, f := range flags {
		if value, ok := strings.CutPrefix(f, name+"="); ok {
			words += " " + value
			continue
		}
		rest = append(rest, f)
	}
	return append(rest, name+"="+words)
}
