// SPDX-License-Identifier: MIT

// Package holders finds which open files, mappings and file systems hold a reference to a module. It asks the kernel's
// own lists, through eBPF iterators, and follows its pointers, so no name has to be guessed. Nothing is loaded before
// somebody asks.
package holders

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"

	"github.com/kmodlab/kmodlab/tracer/bpf"
)

// Kind is how a process holds a module.
type Kind uint32

// The kinds. A file is Mounted if it is of a file system that the module serves, or that is on a disk of the module.
const (
	Open    Kind = 1
	Mapped  Kind = 2
	Mounted Kind = 4
)

// Holder is one file of one process.
type Holder struct {
	File  uint64 // tells open files apart
	Start uint64 // address of a mapping
	TGID  uint32
	FD    uint32
	Kind  Kind
	_     uint32
}

// most bounds what is read.
const most = 4096

// Find lists who holds a module. With an error it returns what it found: a kernel before 5.12 does not list mappings.
func Find(module string) ([]Holder, error) {
	spec, err := bpf.LoadHolders()
	if err != nil {
		return nil, err
	}
	var name [56]byte // MODULE_NAME_LEN
	copy(name[:len(name)-1], module)
	if err := spec.Variables[bpf.HoldersVarWanted].Set(name); err != nil {
		return nil, fmt.Errorf("set the module: %w", err)
	}
	open, err := iterate(spec, bpf.HoldersProgKmodlabOpenFiles)
	mapped, failed := iterate(spec, bpf.HoldersProgKmodlabMappedFiles)
	return append(open, mapped...), errors.Join(err, failed)
}

// iterate loads one iterator and reads all that it finds.
func iterate(spec *ebpf.CollectionSpec, name string) ([]Holder, error) {
	own := spec.Copy()
	for other := range own.Programs {
		if other != name {
			delete(own.Programs, other)
		}
	}
	all, err := ebpf.NewCollection(own)
	if err != nil {
		return nil, fmt.Errorf("load %s: %w", name, err)
	}
	defer all.Close()
	iter, err := link.AttachIter(link.IterOptions{Program: all.Programs[name]})
	if err != nil {
		return nil, fmt.Errorf("attach %s: %w", name, err)
	}
	defer iter.Close()
	r, err := iter.Open()
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	defer r.Close()
	data, err := io.ReadAll(io.LimitReader(r, most*int64(binary.Size(Holder{}))))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	list := make([]Holder, len(data)/binary.Size(Holder{}))
	return list, binary.Read(bytes.NewReader(data), binary.NativeEndian, &list)
}
