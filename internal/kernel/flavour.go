// SPDX-License-Identifier: MIT

package kernel

import (
	"os"
	"path/filepath"
)

// Generic names the kernel of the same suite in Debian's generic flavour, which has what the cloud flavour leaves out,
// and its tree if it is in the cache. The name is empty for a kernel that is not a cloud kernel of Debian.
func (k *Kernel) Generic() (name, root string) {
	parsed, err := parseName(k.Name)
	n := parsed.debian
	if err != nil || n.flavour != "cloud" {
		return "", ""
	}
	n.flavour = "generic"
	root = filepath.Join(filepath.Dir(filepath.Dir(k.Root)), n.folder(), "root")
	if _, err := os.Stat(filepath.Join(filepath.Dir(root), "kernel.json")); err != nil {
		root = ""
	}
	return n.String(), root
}
