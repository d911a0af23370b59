// SPDX-License-Identifier: MIT

// Package machine gives tests real kernels, and Debian machines that run them: VMs
// with a compiler, with kmod's commands and with ours.
package machine

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/kmodlab/kmodlab"
	"github.com/kmodlab/kmodlab/internal/boot"
	"github.com/kmodlab/kmodlab/internal/kernel"
	"github.com/kmodlab/kmodlab/internal/report"
	"github.com/kmodlab/kmodlab/internal/testlab/needs"
	"github.com/kmodlab/kmodlab/result"
)

// Fetch brings a kernel into this user's own cache, the default one where name is "".
func Fetch(ctx context.Context, name string) (*kernel.Kernel, error) {
	if name == "" {
		var err error
		if name, err = kernel.DefaultName(); err != nil {
			return nil, err
		}
	}
	dir, err := kmodlab.DefaultCacheDir()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 15*time.Minute)
	defer cancel()
	return boot.Kernels(dir, os.Getenv("KMODLAB_MIRROR"), nil).Get(ctx, name)
}

// Kernel is Fetch for a test, which is skipped with -short: the kernel may have to be
// downloaded.
func Kernel(tb testing.TB, name string) *kernel.Kernel {
	tb.Helper()
	needs.Long(tb, "it needs a kernel")
	k, err := Fetch(tb.Context(), name)
	if err != nil {
		tb.Fatal(err)
	}
	return k
}

// CacheDir is this user's own cache.
func CacheDir(tb testing.TB) string {
	tb.Helper()
	dir, err := kmodlab.DefaultCacheDir()
	if err != nil {
		tb.Fatal(err)
	}
	return dir
}

// ReadResult reads a result that a run wrote as JSON.
func ReadResult(tb testing.TB, path string) *result.Result {
	tb.Helper()
	f, err := os.Open(path)
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	res, err := report.ReadJSON(f)
	if err != nil {
		tb.Fatal(err)
	}
	return res
}
