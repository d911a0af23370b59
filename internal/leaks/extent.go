// SPDX-License-Identifier: MIT

package leaks

import (
	"bytes"
	"debug/elf"
	"fmt"
	"slices"
	"strings"

	"github.com/kmodlab/kmodlab/internal/linuxversion"
)

// For a kprobe the kernel decodes the whole function around it, to see whether the
// probe can be optimized to a jump (can_optimize in arch/x86/kernel/kprobes/opt.c). To
// kallsyms, a module's last function extends to the end of the last page of its code.
// The code is followed by zeros, which decode as instructions of two bytes: if the code
// has an odd length, the last of them reaches past the page. From 6.4 on, code has a
// mapping of its own, with nothing mapped after it: the kernel crashes in insn_get_modrm
// while it loads a module that is fine. Before 6.4 data follows the code; on 7.2 and 7.3
// the code is part of a large mapping. 6.13 to 6.19 were not tried, and are treated as 6.12.

// decodesTooFar reports whether a kernel of that release does that.
func decodesTooFar(release string) bool {
	major, minor, ok := linuxversion.Parse(release)
	return !ok || major == 6 && minor >= 4
}

// Unprobed returns the functions of a module in which no kprobe may be set while a
// kernel of that release loads the module.
func Unprobed(ko []byte, release string) (map[string]bool, error) {
	names := make(map[string]bool)
	if !decodesTooFar(release) {
		return names, nil
	}
	f, err := elf.NewFile(bytes.NewReader(ko))
	if err != nil {
		return nil, fmt.Errorf("read module: %w", err)
	}
	symbols, err := f.Symbols()
	if err != nil {
		return nil, fmt.Errorf("read module's symbols: %w", err)
	}
	for _, init := range []bool{false, true} {
		last, size := lastCode(f, init)
		if size%2 == 0 {
			continue
		}
		of := slices.DeleteFunc(slices.Clone(symbols), func(s elf.Symbol) bool {
			return int(s.Section) != last || elf.ST_TYPE(s.Info) != elf.STT_FUNC
		})
		var end uint64
		for _, s := range of {
			end = max(end, s.Value)
		}
		for _, s := range of {
			if s.Value == end {
				names[s.Name] = true
			}
		}
	}
	return names, nil
}

// lastCode returns the index of the last code section of a module, and the size of all
// of them, laid out as the kernel does: in the order of the file, with init's apart.
func lastCode(f *elf.File, init bool) (index int, size uint64) {
	const code = elf.SHF_ALLOC | elf.SHF_EXECINSTR
	for i, s := range f.Sections {
		if s.Flags&code != code || s.Size == 0 || strings.HasPrefix(s.Name, ".init") != init {
			continue
		}
		if align := max(s.Addralign, 1); size%align != 0 {
			size += align - size%align
		}
		index, size = i, size+s.Size
	}
	return index, size
}
