// SPDX-License-Identifier: MIT

package event

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/google/go-cmp/cmp"
)

// recordTypes reads the types that the compiled programs were built with.
func recordTypes(t *testing.T) *btf.Spec {
	t.Helper()
	spec, err := ebpf.LoadCollectionSpec("../bpf/trace_x86_bpfel.o")
	if err != nil {
		t.Fatal(err)
	}
	return spec.Types
}

func TestLayout(t *testing.T) {
	types := recordTypes(t)
	var rec *btf.Struct
	if err := types.TypeByName("record", &rec); err != nil {
		t.Fatal(err)
	}
	want := map[string]uint32{
		"time": 0, "kind": 8, "parts": 10, "by_flags": 11, "target_flags": 12, "result": 13, "pad": 14,
		"cpu": 16, "arg": 20, "pid": 24, "tgid": 28, "target_pid": 32, "target_tgid": 36,
		"comm": 40, "target_comm": 56, "ptr": 72, "func": 80, "data": 88, "aux": 96, "ret": 104, "task": 112,
		"target_task": 120,
	}
	got := make(map[string]uint32)
	for _, m := range rec.Members {
		got[m.Name] = m.Offset.Bytes()
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("offsets in record.h differ from Decode (-want +got):\n%s", diff)
	}
	sizes := map[string]int{
		"record":            HeaderLen,
		"record_text":       HeaderLen + textLen,
		"record_stack":      HeaderLen + 8*stackDepth,
		"record_text_stack": HeaderLen + textLen + 8*stackDepth,
		"record_numbers":    HeaderLen + numbersMax*8,
		"record_args":       HeaderLen + textLen + (argsMax+envMax)*argLen,
	}
	for name, want := range sizes {
		var s *btf.Struct
		if err := types.TypeByName(name, &s); err != nil {
			t.Error(err)
			continue
		}
		if int(s.Size) != want {
			t.Errorf("sizeof(struct %s) = %d; Decode wants %d", name, s.Size, want)
		}
	}
}

func TestKindNumbers(t *testing.T) {
	var enum *btf.Enum
	if err := recordTypes(t).TypeByName("kind", &enum); err != nil {
		t.Fatal(err)
	}
	if got := len(enum.Values); got != int(numKinds)+1 {
		t.Errorf("enum kind has %d values; want %d", got, numKinds+1)
	}
	for _, v := range enum.Values {
		if v.Name == "NUM_KINDS" {
			continue
		}
		if got := strings.ToUpper(Kind(v.Value).String()); got != v.Name {
			t.Errorf("kind %d is %s in record.h and %s here", v.Value, v.Name, got)
		}
	}
}

// raw builds a record as the programs do.
func raw(kind Kind, parts byte, tail ...[]byte) []byte {
	b := make([]byte, HeaderLen)
	le := binary.LittleEndian
	le.PutUint64(b, 1_000_000)
	le.PutUint16(b[8:], uint16(kind))
	b[10], b[11], b[12] = parts, taskKthread, 0
	le.PutUint32(b[16:], 1)
	le.PutUint32(b[20:], 10)
	le.PutUint32(b[24:], 93)
	le.PutUint32(b[28:], 93)
	le.PutUint32(b[32:], 89)
	le.PutUint32(b[36:], 89)
	copy(b[40:], "K2")
	copy(b[56:], "K1\x00trash")
	le.PutUint64(b[72:], 0xffff888003a00000)
	le.PutUint64(b[80:], 2)
	le.PutUint64(b[88:], SentBlocked)
	le.PutUint64(b[96:], 7)
	minus2 := int64(-2)
	le.PutUint64(b[104:], uint64(minus2))
	le.PutUint64(b[112:], 0xffff888003b00000)
	le.PutUint64(b[120:], 0xffff888003c00000)
	return append(b, bytes.Join(tail, nil)...)
}

func fixed(s string, n int) []byte {
	b := make([]byte, n)
	copy(b, s)
	return b
}

func stack(addrs ...uint64) []byte {
	var b []byte
	for i := range stackDepth {
		var a uint64
		if i < len(addrs) {
			a = addrs[i]
		}
		b = binary.LittleEndian.AppendUint64(b, a)
	}
	return b
}

func TestDecode(t *testing.T) {
	base := Event{
		Time: 1_000_000, CPU: 1, Arg: 10,
		By:     Task{PID: 93, TGID: 93, Comm: "K2", Kthread: true, Addr: 0xffff888003b00000},
		Target: Task{PID: 89, TGID: 89, Comm: "K1", Addr: 0xffff888003c00000},
		Ptr:    0xffff888003a00000, Func: 2, Data: SentBlocked, Aux: 7, Ret: -2,
	}
	args := append(fixed("/sbin/modprobe", argLen), fixed("-q", argLen)...)
	args = append(args, make([]byte, (argsMax-2)*argLen)...)
	env := append(fixed("HOME=/", argLen), make([]byte, (envMax-1)*argLen)...)
	tests := []struct {
		name string
		raw  []byte
		want func(*Event)
	}{
		{"bare", raw(TaskExited, 0), func(e *Event) { e.Kind = TaskExited }},
		{"text", raw(ModuleLoaded, partText, fixed("signal_handling", textLen)), func(e *Event) {
			e.Kind, e.Text = ModuleLoaded, "signal_handling"
		}},
		{"stack", raw(SignalSent, partStack, stack(0x10, 0x20)), func(e *Event) {
			e.Kind, e.Stack = SignalSent, []uint64{0x10, 0x20}
		}},
		{"text and stack", raw(ThreadRequested, partText|partStack, fixed("K%d", textLen), stack(0x30)), func(e *Event) {
			e.Kind, e.Text, e.Stack = ThreadRequested, "K%d", []uint64{0x30}
		}},
		{"args", raw(HelperQueued, partText|partArgs, fixed("/sbin/modprobe", textLen), args), func(e *Event) {
			e.Kind, e.Text, e.Args = HelperQueued, "/sbin/modprobe", []string{"/sbin/modprobe", "-q"}
		}},
		{"args and environment", raw(HelperQueued, partText|partArgs|partEnv, fixed("/sbin/modprobe", textLen), args, env),
			func(e *Event) {
				e.Kind, e.Text, e.Args, e.Env = HelperQueued, "/sbin/modprobe", []string{"/sbin/modprobe", "-q"}, []string{"HOME=/"}
			}},
		{"numbers", raw(CallEntered, partNumbers, bytes.Repeat([]byte{2, 0, 0, 0, 0, 0, 0, 0}, numbersMax)), func(e *Event) {
			e.Kind, e.Numbers = CallEntered, []uint64{2, 2, 2, 2, 2, 2, 2, 2}
		}},
		{"rounded up by the ring", raw(TaskExited, 0, make([]byte, 8)), func(e *Event) { e.Kind = TaskExited }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			want := base
			tt.want(&want)
			got, err := Decode(tt.raw)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("Decode (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDecodeRefuses(t *testing.T) {
	for name, b := range map[string][]byte{
		"nothing":      nil,
		"half header":  raw(TaskExited, 0)[:60],
		"kind 0":       raw(Invalid, 0),
		"kind 999":     raw(999, 0),
		"no text":      raw(ModuleLoaded, partText),
		"half a stack": raw(SignalSent, partStack, make([]byte, 16)),
		"no numbers":   raw(CallEntered, partNumbers, make([]byte, 8*numbersMax-1)),
		"no args":      raw(HelperQueued, partText|partArgs, make([]byte, textLen)),
	} {
		if e, err := Decode(b); err == nil {
			t.Errorf("%s: Decode = %v, want an error", name, e)
		}
	}
}

func TestReadAll(t *testing.T) {
	var stream []byte
	stream = AppendFrame(stream, raw(TaskExited, 0))
	stream = AppendFrame(stream, raw(ModuleLoaded, partText, fixed("m", textLen)))
	whole := append(bytes.Clone(stream), EndFrame()...)

	events, err := ReadAll(bytes.NewReader(whole))
	if err != nil || len(events) != 2 {
		t.Fatalf("ReadAll = %d events, %v; want 2, nil", len(events), err)
	}
	for _, cut := range []int{0, 1, 50, len(stream) - 1, len(stream)} {
		events, err := ReadAll(bytes.NewReader(whole[:cut]))
		if !errors.Is(err, ErrTruncated) {
			t.Errorf("cut at %d: error %v, want ErrTruncated", cut, err)
		}
		if len(events) > cut/HeaderLen {
			t.Errorf("cut at %d: %d events out of thin air", cut, len(events))
		}
	}
	if _, err := ReadAll(bytes.NewReader([]byte{0xff, 0xff})); err == nil || errors.Is(err, ErrTruncated) {
		t.Errorf("a record of 65535 bytes: error %v, want its own", err)
	}
}

// A send's record holds the kernel's decision too: it yields two events, the second with what a separate record would
// have.
func TestReadAllDecision(t *testing.T) {
	sent := raw(SignalSent, partStack, stack(1))
	sent[13] = GenerateAlreadyPending + 1
	other := raw(SignalDequeued, partStack, stack(1))
	other[13] = 1 // means nothing there
	stream := AppendFrame(AppendFrame(AppendFrame(nil, sent), other), raw(SignalSent, 0))
	events, err := ReadAll(bytes.NewReader(append(stream, EndFrame()...)))
	if err != nil {
		t.Fatal(err)
	}
	var kinds []Kind
	for _, e := range events {
		kinds = append(kinds, e.Kind)
	}
	if diff := cmp.Diff([]Kind{SignalSent, SignalGenerated, SignalDequeued, SignalSent}, kinds); diff != "" {
		t.Fatalf("kinds (-want +got):\n%s", diff)
	}
	want := events[0]
	want.Kind, want.Ret, want.Ptr, want.Func, want.Data, want.Aux, want.Stack = SignalGenerated, GenerateAlreadyPending,
		0, 0, 0, 0, nil
	if diff := cmp.Diff(want, events[1]); diff != "" {
		t.Errorf("decision (-want +got):\n%s", diff)
	}
}

func FuzzReadAll(f *testing.F) {
	f.Add(AppendFrame(nil, raw(SignalSent, partStack, stack(1, 2, 3))))
	f.Add(append(AppendFrame(nil, raw(HelperQueued, partText|partArgs, make([]byte, textLen+argsMax*argLen))), 0, 0))
	f.Add([]byte{0xff, 0x0f, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		events, _ := ReadAll(bytes.NewReader(b))
		if len(events) > 2*(len(b)/HeaderLen) {
			t.Errorf("%d events in %d bytes", len(events), len(b))
		}
		for _, e := range events {
			if len(e.Stack) > stackDepth || len(e.Args) > argsMax || len(e.Text) > textLen {
				t.Errorf("oversized parts in %+v", e)
			}
		}
	})
}
