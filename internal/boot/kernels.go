// SPDX-License-Identifier: MIT

package boot

import (
	"path/filepath"

	"github.com/kmodlab/kmodlab/internal/kernel"
	"github.com/kmodlab/kmodlab/kmod/depmod"
)

// Kernels is the store of kernels below a cache folder, each with the module index that a boot needs. mirror may be
// empty, progress nil.
func Kernels(cacheDir, mirror string, progress func(kernel.Progress)) *kernel.Store {
	return &kernel.Store{
		Dir:      filepath.Join(cacheDir, "kernels"),
		Mirror:   mirror,
		Progress: progress,
		Prepare:  depmod.WriteIndex,
	}
}
