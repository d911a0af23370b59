// SPDX-License-Identifier: MIT

package modmem

import (
	"encoding/binary"
	"errors"
	"slices"
	"testing"
)

var errHole = errors.New("nothing is there")

// ram is memory from address base on.
type ram struct {
	base uint64
	data []byte
}

func (r *ram) Read(at uint64, size int) ([]byte, error) {
	if at < r.base || size < 0 || at-r.base > uint64(len(r.data)) || uint64(size) > uint64(len(r.data))-(at-r.base) {
		return nil, errHole
	}
	return r.data[at-r.base:][:size], nil
}

func (r *ram) word(at, value uint64)    { binary.LittleEndian.PutUint64(r.data[at-r.base:], value) }
func (r *ram) text(at uint64, s string) { copy(r.data[at-r.base:], s+"\x00") }

const base = 0xffffffffc0000000

// old is the layout up to Linux 6.13, young the one since.
var (
	old = map[string]uint32{
		nameAt: 0x18, initAt: 0x100, attrsAt: 0x108, listAt: 0x20, attrNameAt: 0, privateAt: 0x18,
		addressAt: 0x40, withinAt: 0,
	}
	young = map[string]uint32{nameAt: 0x18, initAt: 0x100, attrsAt: 0x108, listAt: 0x20, attrNameAt: 0, privateAt: 0x18}
)

// loading is a module in memory: struct module at base, its attributes at 0x400, the list at 0x600, names at 0x700.
func loading(layout map[string]uint32) *ram {
	r := &ram{base, make([]byte, 0x1000)}
	r.text(base+0x18, "hello")
	r.word(base+0x100, base+0xf00)
	r.word(base+0x108, base+0x400)
	r.word(base+0x420, base+0x600)
	address, _ := addressOf(layout)
	for i, name := range []string{".text", ".init.text", ".data"} {
		n := uint64(i)
		attr := base + 0x430 + n*0x48
		r.word(base+0x600+n*8, attr)
		r.word(attr, base+0x700+n*0x20)
		r.word(attr+address, base+0x800+n*0x100)
		r.text(base+0x700+n*0x20, name)
	}
	return r
}

func TestRead(t *testing.T) {
	for name, layout := range map[string]map[string]uint32{"up to 6.13": old, "since 6.14": young} {
		t.Run(name, func(t *testing.T) {
			m, err := Read(loading(layout), layout, base)
			if err != nil {
				t.Fatal(err)
			}
			want := []Section{{".text", base + 0x800}, {".init.text", base + 0x900}, {".data", base + 0xa00}}
			if m.Name != "hello" || m.Init != base+0xf00 || !slices.Equal(m.Sections, want) {
				t.Errorf("%+v", m)
			}
		})
	}
}

// What the guest has in its memory ends in an error, and within bounds.
func TestHostileModule(t *testing.T) {
	endless := loading(young)
	for i := range uint64(maxSections + 1) {
		if at := base + 0x600 + i*8; at+8 <= base+0x700 {
			endless.word(at, base+0x430)
		}
	}
	ring := &ram{base, slices.Concat(loading(young).data, make([]byte, 0x2000))}
	ring.word(base+0x420, base+0x1000)
	for i := range uint64(0x2000 / 8) {
		ring.word(base+0x1000+i*8, base+0x430)
	}
	escape := loading(young)
	escape.text(base+0x700, ".text\n!touch /tmp/x")
	long := loading(young)
	for i := range uint64(maxName) {
		long.data[0x18+i] = 'a'
	}
	nowhere := loading(young)
	nowhere.word(base+0x108, 0xdead)
	for name, mem := range map[string]*ram{
		"pointers to nothing": endless, "too many sections": ring, "a command as a section": escape,
		"a name without end": long, "attributes elsewhere": nowhere, "no memory": {base, nil},
	} {
		t.Run(name, func(t *testing.T) {
			if m, err := Read(mem, young, base); err == nil {
				t.Errorf("no error, but %+v", m)
			}
		})
	}
	for _, member := range []string{nameAt, initAt, attrsAt, listAt, attrNameAt, privateAt} {
		less := make(map[string]uint32)
		for k, v := range young {
			less[k] = v
		}
		delete(less, member)
		if _, err := Read(loading(young), less, base); !errors.Is(err, errUnknown) {
			t.Errorf("without %s: %v", member, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(loading(old).data)
	f.Add(loading(young).data)
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, layout := range []map[string]uint32{old, young} {
			m, _ := Read(&ram{base, data}, layout, base)
			if m == nil {
				continue
			}
			if len(m.Name) >= maxName || len(m.Sections) > maxSections {
				t.Fatalf("%d bytes of name, %d sections", len(m.Name), len(m.Sections))
			}
			for _, s := range m.Sections {
				if !plain(s.Name) {
					t.Fatalf("section %q", s.Name)
				}
			}
		}
	})
}
