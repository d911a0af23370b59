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

// withDebugInfo has the compiler write debug information where the kernel's
// configuration does not ask for it: a crash is named at its file and line by it.
// The kernel never loads it. Debian's configurations ask for it.
func withDebugInfo(k *kernel.Kernel, flags []string) []string {
	if !lacksDebugInfo(k) {
		return flags
	}
	return mergeFlag(flags, "KCFLAGS", "-g")
}

// lacksDebugInfo reads the configuration that the headers come with. One that
// cannot be read says nothing, and then nothing is changed.
func lacksDebugInfo(k *kernel.Kernel) bool {
	dir := headersDir(k)
	for _, name := range []string{"include/config/auto.conf", ".config"} {
		config, err := os.ReadFile(filepath.Join(dir, name))
		if err == nil {
			return !slices.ContainsFunc(bytes.Split(config, []byte("\n")), func(l []byte) bool { return string(l) == "CONFIG_DEBUG_INFO=y" })
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

// mergeFlag puts words in front of those that a make variable is given already.
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
