// SPDX-License-Identifier: MIT

package lab

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/kmodlab/kmodlab/internal/boot"
	"github.com/kmodlab/kmodlab/tracer/symbols"
)

// maxKallsyms bounds the guest's /proc/kallsyms, in bytes; Debian's kernels have 6 to 12 MB.
const maxKallsyms = 64 << 20

// readSymbols reads the names and addresses of the kernel's functions. Without KASLR they
// are the same at every boot of a kernel, so they are read from a guest once. A real
// machine's kernel has other addresses after each boot, so its symbols are not kept.
func (l *Lab) readSymbols(ctx context.Context) error {
	l.cachedSymbols()
	if l.kernel != nil {
		return nil
	}
	data, err := boot.ReadFile(ctx, l.Client, "/proc/kallsyms", maxKallsyms)
	if err != nil {
		return err
	}
	path := l.symbolsFile()
	if path == "" {
		l.kernel, err = symbols.ReadRunning(bytes.NewReader(data))
		return err
	}
	if l.kernel, err = symbols.ReadKernel(bytes.NewReader(data)); err == nil {
		l.keepFile(path, data)
	}
	return err
}

// cachedSymbols takes the symbols that an earlier run with this kernel kept, if any.
func (l *Lab) cachedSymbols() {
	path := l.symbolsFile()
	if l.kernel != nil || path == "" {
		return
	}
	kernel, err := l.Shared().Symbols.Get(path, func() (*symbols.Kernel, error) { return readSymbolsFile(path) })
	if err == nil {
		l.kernel = kernel
	} else if !errors.Is(err, fs.ErrNotExist) {
		os.Remove(path) // half written or damaged
	}
}

// symbolsFile is where the symbols of this kernel are kept; "" if they cannot be.
func (l *Lab) symbolsFile() string {
	if l.Here || l.Kernel == nil {
		return ""
	}
	return filepath.Join(l.CacheDir, "symbols", l.Kernel.ID)
}

func readSymbolsFile(path string) (*symbols.Kernel, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return symbols.ReadKernel(bytes.NewReader(data))
}

// Variable returns the address of one of the kernel's variables, as its symbols have it; 0 if that is unknown.
func (l *Lab) Variable(name string) uint64 {
	path := l.symbolsFile()
	if path == "" {
		return 0
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	before, _, ok := bytes.Cut(data, []byte(" "+name+"\n"))
	if !ok {
		return 0
	}
	line := before[bytes.LastIndexByte(before, '\n')+1:]
	digits, _, _ := bytes.Cut(line, []byte(" "))
	addr, err := strconv.ParseUint(string(digits), 16, 64)
	if err != nil {
		return 0
	}
	return addr
}

// Function names the place in the kernel's own code at an address; "" if that is unknown.
func (l *Lab) Function(addr uint64) string {
	l.cachedSymbols()
	if l.kernel == nil {
		return ""
	}
	return symbols.New(l.kernel, nil, nil).Site(addr+1, 0).Symbol
}
