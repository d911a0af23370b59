// SPDX-License-Identifier: MIT

package depmod

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// kernelSymbol is a symbol that the kernel itself exports.
type kernelSymbol struct{ crc uint64 }

// readKernelSymbols reads Symvers or SystemMap; if both are given, Symvers.
func (x *indexer) readKernelSymbols() error {
	switch {
	case x.Symvers != "":
		data, err := os.ReadFile(x.Symvers)
		if err != nil {
			return fmt.Errorf("read symbol versions: %w", err)
		}
		x.kernel = symversOfKernel(data)
	case x.SystemMap != "":
		data, err := os.ReadFile(x.SystemMap)
		if err != nil {
			return fmt.Errorf("read symbols of the kernel: %w", err)
		}
		x.kernel = map[string]kernelSymbol{}
		x.readSystemMap(data)
	}
	return nil
}

// symversOfKernel reads the lines for vmlinux in a Module.symvers.
func symversOfKernel(data []byte) map[string]kernelSymbol {
	symbols := map[string]kernelSymbol{}
	for line := range strings.Lines(string(data)) {
		f := strings.Split(strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r"), "\t")
		if len(f) < 3 || f[2] != "vmlinux" {
			continue
		}
		if crc, err := strconv.ParseUint(strings.TrimPrefix(f[0], "0x"), 16, 64); err == nil {
			symbols[f[1]] = kernelSymbol{crc}
		}
	}
	return symbols
}

// readSystemMap reads the exported symbols of a System.map: those with an entry
// __ksymtab_NAME.
func (x *indexer) readSystemMap(data []byte) {
	n := 0
	for line := range bytes.Lines(data) {
		n++
		f := strings.Fields(string(line))
		if len(f) != 3 {
			x.problem(true, x.SystemMap, nil, "%s:%d: invalid line: %s", x.SystemMap, n, line)
			continue
		}
		name := f[2]
		if x.SymbolPrefix != 0 && name[0] == x.SymbolPrefix {
			name = name[1:]
		}
		if name, ok := strings.CutPrefix(name, "__ksymtab_"); ok {
			x.kernel[name] = kernelSymbol{}
		}
	}
}

// findOwners finds the module that exports each symbol; of several, the last.
func (x *indexer) findOwners() {
	n := 0
	for _, m := range x.mods {
		n += len(m.exports)
	}
	x.owners = make(map[string]*indexed, n)
	for _, m := range x.mods {
		for _, e := range m.exports {
			x.owners[x.symbolName(e.name)] = m
		}
	}
}

// symbolName is a symbol's name as it is looked up.
func (x *indexer) symbolName(name string) string {
	if name != "" && name[0] == '.' {
		name = name[1:]
	}
	if x.SymbolPrefix != 0 && name != "" && name[0] == x.SymbolPrefix {
		name = name[1:]
	}
	return name
}

// link finds out which module needs which. One that needs a symbol of its own needs itself,
// as with depmod, and cannot be loaded.
func (x *indexer) link() {
	defer func() {
		for _, m := range x.mods {
			m.mark = nil
		}
	}()
	for _, m := range x.mods {
		for _, s := range m.needs {
			name := x.symbolName(s.name)
			owner := x.owners[name]
			if x.CheckSymbols {
				x.checkSymbol(m, s, name, owner)
			}
			if owner == nil || owner.mark == m {
				continue
			}
			owner.mark = m
			m.deps = append(m.deps, owner)
			owner.users++
			if x.Verbose != nil {
				fmt.Fprintf(x.Verbose, "%s needs \"%s\": %s\n", m.path, s.name, owner.path)
			}
		}
	}
}

func (x *indexer) checkSymbol(m *indexed, s scannedSymbol, name string, owner *indexed) {
	known, crc := owner != nil, uint64(0)
	if owner != nil {
		crc = owner.crcOf(name, x)
	} else if k, ok := x.kernel[name]; ok {
		known, crc = true, k.crc
	}
	switch {
	case !known && !s.weak:
		x.problem(false, m.path, nil, "%s needs unknown symbol %s", m.path, s.name)
	case known && x.Symvers != "" && crc != s.crc:
		x.problem(false, m.path, nil, "%s disagrees about version of symbol %s", m.path, s.name)
	}
}

func (m *indexed) crcOf(name string, x *indexer) uint64 {
	for _, e := range m.exports {
		if x.symbolName(e.name) == name {
			return e.crc
		}
	}
	return 0
}
