// SPDX-License-Identifier: MIT

package program

import (
	"bytes"
	"debug/elf"
	"io"
)

// Object is what an executable or a library says to the dynamic linker. Its strings are as the file has them: whoever
// shows one escapes it, and whoever makes a path of one looks at it first. None has a zero.
type Object struct {
	Arch   Arch
	Interp string   // the dynamic linker's path; most libraries have none
	Soname string   // how a library wants to be called
	Needed []string // the libraries to load with it, in order; one with a slash is a path
	// RPath and RunPath are folders, with colons between them, where libraries are looked for. There is no RPath beside
	// a RunPath, as the dynamic linker ignores it.
	RPath, RunPath string
	// NoDefaultLib says that libraries must not come from the system's own folders.
	NoDefaultLib bool
	Versions     []Version // that it needs of its libraries
	Defines      []string  // the versions that a library defines; without any, it satisfies every need
}

// Version is a version of a library's interface, such as GLIBC_2.34 of libc.so.6.
type Version struct {
	Library string
	Name    string
	Weak    bool // the dynamic linker does without it
}

// Bounds of what is read of one file. Of 2,087 files of a Debian machine, Chromium needs the most, 47 libraries and 56
// versions, and has 2 KB of strings; libc defines 38 versions. With these bounds an Object takes 300 KB at most.
const (
	maxDynamic  = 1 << 20   // bytes of the dynamic section
	maxNeeded   = 512       // libraries
	maxVersions = 1024      // versions needed, and as many defined
	maxString   = 64 << 10  // one string
	maxStrings  = 128 << 10 // all strings together
)

// Read reads an executable or a library that the dynamic linker is to load. The source may be a file of any size, of
// which only the needed parts are read. What is for another architecture than want is an *ArchError, what the dynamic
// linker would refuse a *DamagedError; all other errors are those of src.
func Read(src io.ReaderAt, size int64, want Arch) (*Object, error) {
	f, err := readHeader(src, size)
	if err != nil {
		return nil, err
	}
	if f.arch != want {
		return nil, &ArchError{Is: f.arch, Want: want}
	}
	if f.typ != elf.ET_DYN && f.typ != elf.ET_EXEC {
		return nil, damaged("it is neither a library nor an executable (type %d)", f.typ)
	}
	if err := f.readSegments(); err != nil {
		return nil, err
	}
	o, _, err := f.object()
	return o, err
}

// dynamic is a file's dynamic section.
type dynamic struct {
	*file
	tags      map[elf.DynTag]uint64 // but for DT_NEEDED
	needed    []uint64
	remaining uint64 // of maxStrings
}

// object reads what is meant for the dynamic linker. flags is DT_FLAGS_1.
func (f *file) object() (o *Object, flags elf.DynFlag1, err error) {
	o = &Object{Arch: f.arch}
	if o.Interp, _, err = f.interp(); err != nil {
		return nil, 0, err
	}
	d, err := f.dynamic()
	if err != nil {
		return nil, 0, err
	}
	if err := d.fill(o); err != nil {
		return nil, 0, err
	}
	flags = elf.DynFlag1(d.tags[elf.DT_FLAGS_1])
	o.NoDefaultLib = flags&elf.DF_1_NODEFLIB != 0
	return o, flags, nil
}

// fill reads the strings and the versions.
func (d *dynamic) fill(o *Object) (err error) {
	for _, off := range d.needed {
		name, err := d.str(off)
		if err != nil {
			return err
		}
		o.Needed = append(o.Needed, name)
	}
	if _, has := d.tags[elf.DT_RUNPATH]; has {
		delete(d.tags, elf.DT_RPATH)
	}
	for _, one := range []struct {
		tag elf.DynTag
		to  *string
	}{{elf.DT_SONAME, &o.Soname}, {elf.DT_RPATH, &o.RPath}, {elf.DT_RUNPATH, &o.RunPath}} {
		if off, has := d.tags[one.tag]; has {
			if *one.to, err = d.str(off); err != nil {
				return err
			}
		}
	}
	if o.Versions, err = d.versionsNeeded(); err != nil {
		return err
	}
	o.Defines, err = d.versionsDefined()
	return err
}

// dynamic reads the dynamic section.
func (f *file) dynamic() (*dynamic, error) {
	const what = "the dynamic section"
	var section elf.ProgHeader
	for _, s := range f.segments {
		if s.Type == elf.PT_DYNAMIC && s.Filesz > 0 {
			section = s // of several, the dynamic linker takes the last
		}
	}
	if section.Filesz == 0 || section.Filesz > maxDynamic {
		return nil, damaged("%s has %d bytes", what, section.Filesz)
	}
	data, err := f.memory(section.Vaddr, section.Filesz, what)
	if err != nil {
		return nil, err
	}
	d := &dynamic{file: f, tags: make(map[elf.DynTag]uint64), remaining: maxStrings}
	half := f.pick(4, 8)
	for ; len(data) >= 2*half; data = data[2*half:] {
		tag, value := elf.DynTag(f.word(data)), f.word(data[half:])
		switch tag {
		case elf.DT_NULL:
			return d, nil
		case elf.DT_NEEDED:
			if len(d.needed) == maxNeeded {
				return nil, damaged("it needs more than %d libraries", maxNeeded)
			}
			d.needed = append(d.needed, value)
		case elf.DT_STRTAB, elf.DT_STRSZ, elf.DT_SONAME, elf.DT_RPATH, elf.DT_RUNPATH, elf.DT_FLAGS_1,
			elf.DT_VERNEED, elf.DT_VERDEF:
			d.tags[tag] = value
		}
	}
	return nil, damaged("%s does not end", what)
}

// str reads a string of the dynamic section's string table.
func (d *dynamic) str(off uint64) (string, error) {
	const what = "the string table"
	addr, has := d.tags[elf.DT_STRTAB]
	if size := d.tags[elf.DT_STRSZ]; !has || off >= size || addr+off < addr {
		return "", damaged("a string at byte %d of %s, which has %d bytes", off, what, size)
	}
	at, left, err := d.mapped(addr+off, what)
	if err != nil {
		return "", err
	}
	left = min(left, d.tags[elf.DT_STRSZ]-off, maxString, d.remaining)
	for n := min(left, 64); n > 0; n = min(left, 8*n) {
		data, err := d.at(at, n, what)
		if err != nil {
			return "", err
		}
		if end := bytes.IndexByte(data, 0); end >= 0 {
			d.remaining -= uint64(end) + 1
			return string(data[:end]), nil
		}
		if n == left {
			break
		}
	}
	return "", damaged("a string of the dynamic section does not end, or its strings are too long")
}
