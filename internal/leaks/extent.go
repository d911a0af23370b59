// SPDX-License-Identifier: MIT

package leaks

import (
	"bytes"
	"debug/elf"
	"fmt"
	"slices"
	"strings"
)

// A kprobe has the kernel decode the whole function around it, to see whether it can
// be optimized to a jump (can_optimize in arch/x86/kernel/kprobes/opt.c). A module's
// last function ends, to kallsyms, with the last page of its code. Behind the code
// there are zeros, instructions of two bytes each: where the code has an odd length,
// the last of them is read past the page. From 6.4 on code has a mapping of its own,
// behind which nothing is mapped: the kernel dies in insn_get_modrm, loading a module
// that is fine. Before, data follows; on 7.2 and 7.3 the code is part of a large mapping.
// That 6.13 and later are like that is not known, so they are taken to be like 6.12.

// decodesTooFar says whether a kernel of that release does.
func decodesTooFar(release string) bool {
	var major, minor int
	if _, err := fmt.Sscanf(release, "%d.%d", &major, &minor); err != nil {
		return true
	}
	return major == 6 && minor >= 4
}

// Unprobed are the functions of a module in which a kernel of that release must not be
// given a kprobe, when it loads the module.
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

// lastCode is the index of the last section of a module's code, and the size of all,
// as the kernel lays them out: in the order of the file, those for init by themselves.
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
