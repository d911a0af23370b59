// SPDX-License-Identifier: MIT

package lab

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"

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
		l.kallsyms = data
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
func (l *Lab) Variable(name string) uint64 { return l.table().at[name] }

// table holds all of the kernel's symbols: functions, variables and constants. It is empty for this machine's own
// kernel.
type table struct {
	at   map[string]uint64 // the first of each name
	list []symbol          // by address
}

type symbol struct {
	at   uint64
	name string
}

// table reads the symbols when it is first asked for them.
func (l *Lab) table() *table {
	l.tableOnce.Do(func() {
		data := l.kallsyms
		if path := l.symbolsFile(); data == nil && path != "" {
			data, _ = os.ReadFile(path) // an earlier run has kept it
		}
		l.symbolTable = newTable(string(data))
	})
	return l.symbolTable
}

// tableAhead reads the symbols while the guest is at work, if an earlier run has kept them: a witness asks for them,
// and they are many.
func (l *Lab) tableAhead() {
	if data, err := os.ReadFile(l.symbolsFile()); err == nil {
		l.tableOnce.Do(func() { l.symbolTable = newTable(string(data)) })
	}
}

// newTable reads lines of an address, a letter and a name. What is no such line is left out.
func newTable(text string) *table {
	n := strings.Count(text, "\n")
	t := &table{at: make(map[string]uint64, n), list: make([]symbol, 0, n)}
	for line := range strings.Lines(text) {
		digits, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		_, name, ok := strings.Cut(rest, " ")
		addr, err := strconv.ParseUint(digits, 16, 64)
		if !ok || err != nil || strings.ContainsAny(name, " \t") { // a module's
			continue
		}
		t.list = append(t.list, symbol{addr, name})
		if _, known := t.at[name]; !known {
			t.at[name] = addr
		}
	}
	slices.SortStableFunc(t.list, func(a, b symbol) int { return cmp.Compare(a.at, b.at) })
	return t
}

// name returns the symbol that an address is in, and how far behind its beginning that is.
func (t *table) name(addr uint64) (string, uint64) {
	i := sort.Search(len(t.list), func(i int) bool { return t.list[i].at > addr }) - 1
	if i < 0 {
		return "", 0
	}
	return t.list[i].name, addr - t.list[i].at
}

// Function names the place in the kernel's own code at an address; "" if that is unknown.
func (l *Lab) Function(addr uint64) string {
	l.cachedSymbols()
	if l.kernel == nil {
		return ""
	}
	return symbols.New(l.kernel, nil, nil).Site(addr+1, 0).Symbol
}
