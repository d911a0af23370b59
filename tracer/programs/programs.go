// SPDX-License-Identifier: MIT

// Package programs turns the compiled object into what one kernel can be given as it is: code with the offsets of that
// kernel's structs (CO-RE), the type IDs of what the programs attach to, maps without type information. That takes the
// kernel's types, some megabytes, and under emulation most of a second; the result can be kept (Encode, Decode) for
// later boots of the same kernel.
package programs

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"

	"github.com/kmodlab/kmodlab/tracer/bpf"
)

// order is the byte order of the object, which is for amd64.
var order = binary.LittleEndian

// Set is everything in the object, for one kernel.
type Set struct {
	Kernel    string // /proc/version of that kernel
	Object    string // bpf.Sum of the object
	Maps      []Map
	Variables []Variable
	Programs  []Program
}

// Map is a map to create. Contents is the one value of a data section.
type Map struct {
	Name                                        string
	Type, KeySize, ValueSize, MaxEntries, Flags uint32
	Contents                                    []byte
}

// Variable is a global variable of the programs: a place in a data section.
type Variable struct {
	Name         string
	Map          uint32 // index in Set.Maps
	Offset, Size uint32
}

// Program is a program to load. Its code names maps by their index in Set.Maps, where the kernel wants their
// descriptors: see Bind.
type Program struct {
	Name    string
	Kind    string // the first part of its section's name: tp_btf, fentry, kprobe, …
	Target  string // the function or tracepoint, e.g. __kthread_create_on_node, module/module_get
	License string
	Type    uint32 // enum bpf_prog_type
	Attach  uint32 // enum bpf_attach_type
	TypeID  uint32 // of what a program of type tracing attaches to
	Refused string // why the kernel's types rule out its target; "" if they do not
	Code    []byte // struct bpf_insn, 8 bytes each
}

// Find returns the program of that name, nil if there is none.
func (s *Set) Find(name string) *Program {
	i := slices.IndexFunc(s.Programs, func(p Program) bool { return p.Name == name })
	if i < 0 {
		return nil
	}
	return &s.Programs[i]
}

// MapNamed returns the map of that name, nil if there is none.
func (s *Set) MapNamed(name string) *Map {
	i := slices.IndexFunc(s.Maps, func(m Map) bool { return m.Name == name })
	if i < 0 {
		return nil
	}
	return &s.Maps[i]
}

// SetVariable gives a global variable a value of fixed size, in the sense of encoding/binary. It changes the set's own
// contents.
func (s *Set) SetVariable(name string, value any) error {
	i := slices.IndexFunc(s.Variables, func(v Variable) bool { return v.Name == name })
	if i < 0 {
		return fmt.Errorf("set %s: the programs have no such variable", name)
	}
	v := s.Variables[i]
	data, err := binary.Append(nil, order, value)
	if err != nil {
		return fmt.Errorf("set %s: %w", name, err)
	}
	if len(data) != int(v.Size) {
		return fmt.Errorf("set %s: the value has %d bytes, the variable %d", name, len(data), v.Size)
	}
	copy(s.Maps[v.Map].Contents[v.Offset:], data)
	return nil
}

// Make relocates the object for a kernel with these types. version is its /proc/version.
func Make(types *btf.Spec, version string) (*Set, error) {
	spec, err := bpf.LoadTrace()
	if err != nil {
		return nil, fmt.Errorf("read embedded programs: %w", err)
	}
	s := &Set{Kernel: version, Object: bpf.Sum()}
	if err := s.addMaps(spec); err != nil {
		return nil, err
	}
	for name, p := range spec.Programs {
		made, err := s.relocate(p, types)
		if err != nil {
			return nil, fmt.Errorf("relocate %s: %w", name, err)
		}
		s.Programs = append(s.Programs, made)
	}
	slices.SortFunc(s.Programs, func(a, b Program) int { return cmp.Compare(a.Name, b.Name) })
	return s, nil
}

func (s *Set) addMaps(spec *ebpf.CollectionSpec) error {
	for name, m := range spec.Maps {
		made := Map{Name: name, Type: uint32(m.Type), KeySize: m.KeySize, ValueSize: m.ValueSize, MaxEntries: m.MaxEntries,
			Flags: m.Flags}
		if len(m.Contents) == 1 {
			data, ok := m.Contents[0].Value.([]byte)
			if !ok || len(data) > int(m.ValueSize) {
				return fmt.Errorf("map %s: its contents are not bytes", name)
			}
			made.Contents = append(bytes.Clone(data), make([]byte, int(m.ValueSize)-len(data))...)
		} else if len(m.Contents) > 1 {
			return fmt.Errorf("map %s: its contents have %d entries", name, len(m.Contents))
		}
		s.Maps = append(s.Maps, made)
	}
	slices.SortFunc(s.Maps, func(a, b Map) int { return cmp.Compare(a.Name, b.Name) })
	for name, v := range spec.Variables {
		i := slices.IndexFunc(s.Maps, func(m Map) bool { return m.Name == v.SectionName })
		if i < 0 {
			return fmt.Errorf("variable %s: there is no section %s", name, v.SectionName)
		}
		m := &s.Maps[i]
		if m.Contents == nil {
			m.Contents = make([]byte, m.ValueSize)
		}
		if uint64(v.Offset)+uint64(v.Size()) > uint64(len(m.Contents)) {
			return fmt.Errorf("variable %s: past the end of %s", name, v.SectionName)
		}
		copy(m.Contents[v.Offset:], v.Value)
		s.Variables = append(s.Variables, Variable{Name: name, Map: uint32(i), Offset: v.Offset, Size: v.Size()})
	}
	slices.SortFunc(s.Variables, func(a, b Variable) int { return cmp.Compare(a.Name, b.Name) })
	return nil
}

func (s *Set) relocate(p *ebpf.ProgramSpec, types *btf.Spec) (Program, error) {
	kind, _, _ := strings.Cut(p.SectionName, "/")
	made := Program{Name: p.Name, Kind: kind, Target: p.AttachTo, License: p.License, Type: uint32(p.Type),
		Attach: uint32(p.AttachType)}
	var err error
	if made.TypeID, made.Refused, err = target(kind, p.AttachTo, types); err != nil {
		return Program{}, err
	}
	insns := slices.Clone(p.Instructions)
	if err := applyTypes(insns, types); err != nil {
		return Program{}, err
	}
	if err := s.nameMaps(insns); err != nil {
		return Program{}, err
	}
	var code bytes.Buffer
	if err := insns.Marshal(&code, order); err != nil {
		return Program{}, err
	}
	made.Code = code.Bytes()
	return made, nil
}

// target looks up what a program attaches to, which is much cheaper than having the kernel refuse a program. Kprobes
// need no type information.
func target(kind, name string, types *btf.Spec) (id uint32, refused string, err error) {
	var t btf.Type
	what := "function"
	switch kind {
	case "fentry", "fexit":
		var f *btf.Func
		err, t = types.TypeByName(name, &f), f
	case "tp_btf", "tracepoint":
		what = "tracepoint"
		var d *btf.Typedef
		err, t = types.TypeByName("btf_trace_"+name[strings.LastIndexByte(name, '/')+1:], &d), d
	default:
		return 0, "", nil
	}
	switch {
	case errors.Is(err, btf.ErrNotFound):
		return 0, fmt.Sprintf("this kernel has no %s %s", what, name), nil
	case errors.Is(err, btf.ErrMultipleMatches): // there is no telling which of them would be hooked
		return 0, fmt.Sprintf("this kernel has several %ss %s", what, name), nil
	case err != nil || kind == "tracepoint":
		return 0, "", err
	}
	n, err := types.TypeID(t)
	return uint32(n), "", err
}

// applyTypes writes the kernel's offsets and sizes into the code. If the kernel has no such field, it leaves an
// instruction that the verifier refuses if it can be reached.
func applyTypes(insns asm.Instructions, types *btf.Spec) error {
	var relos []*btf.CORERelocation
	var at []*asm.Instruction
	for iter := insns.Iterate(); iter.Next(); {
		if relo := btf.CORERelocationMetadata(iter.Ins); relo != nil {
			relos, at = append(relos, relo), append(at, iter.Ins)
		}
	}
	var local btf.Builder
	fixups, err := btf.CORERelocate(relos, []*btf.Spec{types}, order, local.Add)
	if err != nil {
		return err
	}
	for i, fixup := range fixups {
		if err := fixup.Apply(at[i]); err != nil {
			return err
		}
	}
	return nil
}

// nameMaps writes the indexes of maps where their descriptors will be.
func (s *Set) nameMaps(insns asm.Instructions) error {
	for i := range insns {
		ins := &insns[i]
		if !ins.IsLoadFromMap() {
			continue
		}
		m := slices.IndexFunc(s.Maps, func(m Map) bool { return m.Name == ins.Reference() })
		if m < 0 {
			return fmt.Errorf("the code uses map %q, which is not in the object", ins.Reference())
		}
		offset := uint64(ins.Constant) &^ 0xffffffff // of a variable in its section
		*ins = ins.WithReference("")
		ins.Constant = int64(offset | uint64(m))
	}
	return nil
}

// The instruction that loads the address of a map, or of a value in it: 16 bytes.
const (
	insnSize    = 8
	loadImm64   = 0x18 // BPF_LD | BPF_IMM | BPF_DW
	pseudoMapFD = 1
	pseudoValue = 2
)

// Bind returns the code with the descriptors of the maps, by their index.
func (p *Program) Bind(fds []int) ([]byte, error) {
	code := bytes.Clone(p.Code)
	for at := 0; at+insnSize <= len(code); at += insnSize {
		if code[at] != loadImm64 {
			continue
		}
		imm := code[at+4 : at+8]
		if source := code[at+1] >> 4; source == pseudoMapFD || source == pseudoValue {
			i := order.Uint32(imm)
			if int(i) >= len(fds) {
				return nil, fmt.Errorf("load %s: it uses map %d of %d", p.Name, i, len(fds))
			}
			order.PutUint32(imm, uint32(fds[i]))
		}
		at += insnSize // its second half
	}
	return code, nil
}
