// SPDX-License-Identifier: MIT

package programs

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"

	"github.com/kmodlab/kmodlab/tracer/bpf"
)

func load(t testing.TB) *ebpf.CollectionSpec {
	t.Helper()
	spec, err := bpf.LoadTrace()
	if err != nil {
		t.Fatal(err)
	}
	return spec
}

// made is for a kernel whose types are those that the object names.
func made(t testing.TB) *Set {
	t.Helper()
	s, err := Make(load(t).Types, "Linux version 6.1")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestMake(t *testing.T) {
	spec, s := load(t), made(t)
	if len(s.Maps) != len(spec.Maps) || len(s.Programs) != len(spec.Programs) || len(s.Variables) != len(spec.Variables) {
		t.Errorf("%d maps, %d programs, %d variables; the object has %d, %d, %d", len(s.Maps), len(s.Programs),
			len(s.Variables), len(spec.Maps), len(spec.Programs), len(spec.Variables))
	}
	for _, p := range s.Programs {
		want := spec.Programs[p.Name]
		if len(p.Code) != int(want.Instructions.Size()) || p.Target != want.AttachTo || p.Type != uint32(want.Type) ||
			p.Attach != uint32(want.AttachType) {
			t.Errorf("%s became %s %s, type %d, %d, with %d bytes", p.Name, p.Kind, p.Target, p.Type, p.Attach, len(p.Code))
		}
		probe := p.Kind == "kprobe" || p.Kind == "kretprobe"
		if p.Refused == "" != probe || p.TypeID != 0 { // the object's own types have no function of the kernel
			t.Errorf("%s: refused %q, type %d", p.Name, p.Refused, p.TypeID)
		}
	}
}

// TestTargets gives the kernel what programs attach to.
func TestTargets(t *testing.T) {
	void := &btf.Pointer{Target: &btf.Void{}}
	call := &btf.FuncProto{Return: &btf.Int{Name: "int", Size: 4, Encoding: btf.Signed}}
	types := []btf.Type{
		&btf.Func{Name: "kthread_stop", Type: call}, &btf.Typedef{Name: "btf_trace_module_get", Type: void},
		&btf.Func{Name: "twice", Type: call}, &btf.Func{Name: "twice", Type: &btf.FuncProto{Return: void}},
	}
	b, err := btf.NewBuilder(types, nil)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := b.Marshal(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	kernel, err := btf.LoadSpecFromReader(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		kind, name string
		has        string // the type whose ID it gets
		refused    string
	}{
		{"fentry", "kthread_stop", "kthread_stop", ""},
		{"fexit", "kthread_stop", "kthread_stop", ""},
		{"fexit", "kthread_park", "", "this kernel has no function kthread_park"},
		{"fentry", "twice", "", "this kernel has several functions twice"},
		{"tp_btf", "module_get", "btf_trace_module_get", ""},
		{"tp_btf", "kthread_stop", "", "this kernel has no tracepoint kthread_stop"},
		{"tracepoint", "module/module_get", "", ""},
		{"tracepoint", "module/module_put", "", "this kernel has no tracepoint module/module_put"},
		{"kprobe", "nobody", "", ""},
	} {
		id, refused, err := target(tt.kind, tt.name, kernel)
		if err != nil || refused != tt.refused {
			t.Errorf("%s %s: refused %q, %v; want %q", tt.kind, tt.name, refused, err, tt.refused)
		}
		has := ""
		if id != 0 {
			typ, err := kernel.TypeByID(btf.TypeID(id))
			if err != nil {
				t.Fatal(err)
			}
			has = typ.TypeName()
		}
		if has != tt.has {
			t.Errorf("%s %s attaches to %q, want %q", tt.kind, tt.name, has, tt.has)
		}
	}
}

func TestBind(t *testing.T) {
	s := made(t)
	fds := make([]int, len(s.Maps))
	for i := range fds {
		fds[i] = 1000 + i
	}
	uses := 0
	for _, p := range s.Programs {
		before := bytes.Clone(p.Code)
		code, err := p.Bind(fds)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(p.Code, before) {
			t.Fatalf("%s: its own code changed", p.Name)
		}
		for at := 0; at < len(code); at += insnSize {
			if code[at] != loadImm64 {
				continue
			}
			if source := code[at+1] >> 4; source == pseudoMapFD || source == pseudoValue {
				uses++
				was, is := order.Uint32(before[at+4:]), order.Uint32(code[at+4:])
				if is != was+1000 || !bytes.Equal(code[at+8:at+16], before[at+8:at+16]) {
					t.Fatalf("%s: map %d became %d", p.Name, was, is)
				}
			}
			at += insnSize
		}
		if _, err := p.Bind(nil); err == nil && !bytes.Equal(code, before) {
			t.Errorf("%s takes maps that are not there", p.Name)
		}
	}
	if uses < len(s.Programs) {
		t.Errorf("%d uses of maps in %d programs", uses, len(s.Programs))
	}
}

func TestSetVariable(t *testing.T) {
	s := made(t)
	if err := s.SetVariable("tracer_tgid", uint32(0x01020304)); err != nil {
		t.Fatal(err)
	}
	var found bool
	for _, v := range s.Variables {
		if v.Name == "tracer_tgid" {
			found = order.Uint32(s.Maps[v.Map].Contents[v.Offset:]) == 0x01020304
		}
	}
	if !found {
		t.Error("the value is not in its section")
	}
	for name, value := range map[string]any{"nobody": uint32(1), "tracer_tgid": uint64(1)} {
		if err := s.SetVariable(name, value); err == nil {
			t.Errorf("set %s to %T", name, value)
		}
	}
}

func TestEncode(t *testing.T) {
	s := made(t)
	data := s.Encode()
	got, err := Decode(data)
	if err != nil || !reflect.DeepEqual(got, s) {
		t.Fatalf("read back otherwise: %v", err)
	}
	for _, cut := range []int{0, 5, len(magic), len(data) / 2, len(data) - 1} {
		if _, err := Decode(data[:cut]); !errors.Is(err, ErrDamaged) {
			t.Errorf("cut at %d: %v", cut, err)
		}
	}
	for _, at := range []int{3, len(magic) + 2, len(data) / 3, len(data) - 2} {
		damaged := bytes.Clone(data)
		damaged[at] ^= 0x10
		if _, err := Decode(damaged); !errors.Is(err, ErrDamaged) {
			t.Errorf("damaged at %d: %v", at, err)
		}
	}
}

// FuzzDecode makes the checksum right, so that what follows it is tested.
func FuzzDecode(f *testing.F) {
	small := &Set{Kernel: "v", Object: "o", Maps: []Map{{Name: "m", Contents: []byte("0123")}},
		Variables: []Variable{{Name: "v", Size: 4}}, Programs: []Program{{Name: "p", Kind: "kprobe", Code: make([]byte, 16)}}}
	f.Add(strings.TrimPrefix(string(small.Encode()), magic))
	f.Fuzz(func(t *testing.T, body string) {
		data := sum([]byte(magic + body))
		s, err := Decode(data)
		if err != nil {
			if !errors.Is(err, ErrDamaged) {
				t.Fatal(err)
			}
			return
		}
		for i := range s.Variables {
			s.SetVariable(s.Variables[i].Name, uint32(1))
		}
		for i := range s.Programs {
			s.Programs[i].Bind([]int{1})
		}
		if again, err := Decode(s.Encode()); err != nil || !reflect.DeepEqual(again, s) {
			t.Fatalf("written and read back otherwise: %v", err)
		}
	})
}
