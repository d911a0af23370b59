// SPDX-License-Identifier: MIT

package program

import (
	"debug/elf"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// versionsNeeded reads .gnu.version_r, a list for each library of the versions that are needed of it. Like the dynamic
// linker it follows the distances to the next entry until one is 0, and ignores the counts.
func (d *dynamic) versionsNeeded() (list []Version, err error) {
	const what = "the list of versions needed"
	at, has := d.tags[elf.DT_VERNEED]
	for entries := 0; has; entries++ {
		if entries == maxVersions {
			return nil, damaged("%s has more than %d libraries, or does not end", what, maxVersions)
		}
		p, err := d.memory(at, 16, what)
		if err != nil {
			return nil, err
		}
		if version := d.order.Uint16(p); version != 1 {
			return nil, damaged("%s has format %d", what, version)
		}
		library, err := d.str(uint64(d.order.Uint32(p[4:])))
		if err != nil {
			return nil, err
		}
		for aux, more := at+uint64(d.order.Uint32(p[8:])), true; more; {
			if len(list) == maxVersions {
				return nil, damaged("it needs more than %d versions", maxVersions)
			}
			p, err := d.memory(aux, 16, what)
			if err != nil {
				return nil, err
			}
			name, err := d.str(uint64(d.order.Uint32(p[8:])))
			if err != nil {
				return nil, err
			}
			list = append(list, Version{Library: library, Name: name, Weak: d.order.Uint16(p[4:])&flagWeak != 0})
			aux, more = d.next(aux, p[12:])
		}
		at, has = d.next(at, p[12:])
	}
	return list, nil
}

const (
	flagBase = 1 // VER_FLG_BASE: the definition names the library itself
	flagWeak = 2 // VER_FLG_WEAK
)

// next follows a distance to the next entry.
func (d *dynamic) next(at uint64, distance []byte) (addr uint64, more bool) {
	n := d.order.Uint32(distance)
	return at + uint64(n), n != 0
}

// versionsDefined reads .gnu.version_d.
func (d *dynamic) versionsDefined() (list []string, err error) {
	const what = "the list of versions defined"
	at, has := d.tags[elf.DT_VERDEF]
	for entries := 0; has; entries++ {
		if entries == maxVersions {
			return nil, damaged("it defines more than %d versions", maxVersions)
		}
		p, err := d.memory(at, 20, what)
		if err != nil {
			return nil, err
		}
		if version := d.order.Uint16(p); version != 1 {
			return nil, damaged("%s has format %d", what, version)
		}
		if d.order.Uint16(p[2:])&flagBase == 0 {
			// Further names are those of the versions that this one continues.
			first, err := d.memory(at+uint64(d.order.Uint32(p[12:])), 8, what)
			if err != nil {
				return nil, err
			}
			name, err := d.str(uint64(d.order.Uint32(first)))
			if err != nil {
				return nil, err
			}
			list = append(list, name)
		}
		at, has = d.next(at, p[16:])
	}
	return list, nil
}

// LacksError is a library, or a version of one, that a program needs and that is not there. Its text continues a
// sentence that begins with the program's name.
type LacksError struct {
	Where   string // debian:bullseye
	Library string // or the dynamic linker's path
	Version string // empty if all of the library is missing
	Newest  string // the newest version of the same name that is there: GLIBC_2.31 for GLIBC_2.38
}

func (e *LacksError) Error() string {
	const hint = "build it there, or link it with -static"
	where, version := show(e.Where), show(e.Version)
	switch {
	case e.Version == "" && strings.Contains(e.Library, "/"):
		return fmt.Sprintf("needs the dynamic linker %s, which %s does not have: %s", show(e.Library), where, hint)
	case e.Version == "":
		return fmt.Sprintf("needs %s, which %s does not have: %s", show(e.Library), where, hint)
	case e.Newest == "":
		return fmt.Sprintf("needs %s of %s, which %s's does not define: %s", version, show(e.Library), where, hint)
	}
	return fmt.Sprintf("needs %s; %s has up to %s: %s", version, where, show(e.Newest), hint)
}

// Satisfied reports whether what is in a place suffices for an executable or a library: its dynamic linker, its
// libraries, and their versions. have tells what is there: of a library's name, and of the dynamic linker's path, which
// has a slash, the versions that it defines; a library that defines none satisfies every need, as it does for the
// dynamic linker. The error is a *LacksError. Of the versions that the first such library lacks it names the newest.
func Satisfied(o *Object, where string, have func(name string) (versions []string, ok bool)) error {
	for _, name := range slices.Concat([]string{o.Interp}, o.Needed) {
		if _, ok := have(name); name != "" && !ok {
			return &LacksError{Where: where, Library: name}
		}
	}
	var lacks *LacksError
	var defined []string
	for _, v := range o.Versions {
		if v.Weak || lacks != nil && lacks.Library != v.Library {
			continue
		}
		versions, ok := have(v.Library)
		if !ok || len(versions) == 0 || slices.Contains(versions, v.Name) {
			continue // of a library that is not among Needed, the dynamic linker asks nothing either
		}
		if lacks == nil || compareVersions(v.Name, lacks.Version) > 0 {
			lacks, defined = &LacksError{Where: where, Library: v.Library, Version: v.Name}, versions
		}
	}
	if lacks == nil {
		return nil
	}
	lacks.Newest = newest(defined, lacks.Version)
	return lacks
}

// newest is the newest version of the same name as another, or empty.
func newest(versions []string, like string) string {
	found := ""
	prefix, numbers := splitVersion(like)
	for _, v := range versions {
		p, n := splitVersion(v)
		if p == prefix && len(n) > 0 && len(numbers) > 0 && (found == "" || compareVersions(v, found) > 0) {
			found = v
		}
	}
	return found
}

// compareVersions orders versions of the same name by their numbers, and any with numbers above one without, such as
// GLIBC_ABI_DT_RELR: a person knows the former. All others are equal.
func compareVersions(a, b string) int {
	prefixA, numbersA := splitVersion(a)
	prefixB, numbersB := splitVersion(b)
	if prefixA != prefixB && len(numbersA) > 0 && len(numbersB) > 0 {
		return 0
	}
	return slices.Compare(numbersA, numbersB)
}

// splitVersion divides GLIBC_2.34 into GLIBC and 2, 34. There are no numbers if not all are.
func splitVersion(v string) (prefix string, numbers []int) {
	at := strings.LastIndexByte(v, '_')
	if at < 0 {
		return v, nil
	}
	for part := range strings.SplitSeq(v[at+1:], ".") {
		n, err := strconv.ParseUint(part, 10, 31)
		if err != nil {
			return v, nil
		}
		numbers = append(numbers, int(n))
	}
	return v[:at], numbers
}
