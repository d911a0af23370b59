// SPDX-License-Identifier: MIT

package tracer

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/cilium/ebpf/btf"
	"github.com/google/go-cmp/cmp"

	"github.com/kmodlab/kmodlab/tracer/event"
)

// TestCallLayout compares the values of the maps that are read here with the compiled programs.
func TestCallLayout(t *testing.T) {
	types := loadSpec(t).Types
	for name, size := range map[string]int{
		"followed": binary.Size(followed{}), "met": binary.Size(met{}), "met_key": binary.Size(metKey{}),
		"shape": binary.Size(shape{}), "woken": binary.Size(woken{}), "woken_key": binary.Size(wokenKey{}),
	} {
		var s *btf.Struct
		if err := types.TypeByName(name, &s); err != nil {
			t.Error(err)
		} else if int(s.Size) != size {
			t.Errorf("struct %s has %d bytes in the programs and %d here", name, s.Size, size)
		}
	}
	var s *btf.Struct
	if err := types.TypeByName("followed", &s); err != nil {
		t.Fatal(err)
	}
	got := map[string]uint32{}
	for _, m := range s.Members {
		got[m.Name] = m.Offset.Bytes()
	}
	want := map[string]uint32{
		"task": 0, "began": 8, "inode": 16, "f_op": 24, "file": 32, "dentry": 40, "mnt": 48, "closing": 56, "args": 64,
		"number": 112, "nr": 120, "op": 124, "fd": 128, "told": 132, "kept": 136,
		"pid": 140, "tgid": 144, "nested": 148, "within": 152, "pad": 156,
		"owner": 160, "stranger": 184,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("struct followed in the programs (-want +got):\n%s", diff)
	}
}

// TestLeftovers: what the tracer itself writes is decoded as what the programs write.
func TestLeftovers(t *testing.T) {
	m := met{Calls: [opsRoom]uint32{event.OpRead: 1000, event.OpWrite: 3}}
	m.Last[event.OpRead], m.Last[event.OpWrite] = 512, 3
	frames := countFrames(50, &metKey{Inode: 1, FOp: 2, TGID: 7}, &m)
	got, err := event.ReadAll(bytes.NewReader(append(frames, event.EndFrame()...)))
	if err != nil {
		t.Fatal(err)
	}
	want := []event.Event{{
		Time: 50, Kind: event.CallCounted, By: event.Task{PID: 7, TGID: 7}, Arg: uint32(event.OpRead),
		Ptr: 1, Aux: 2, Ret: 1000,
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWakeLeftovers(t *testing.T) {
	key := &wokenKey{Task: 0xffff888003700000, TGID: 7, PID: 45}
	if frame := wakeFrame(50, key, &woken{Wakes: 4, Last: 4}); frame != nil {
		t.Errorf("a record although all wake-ups are told: %x", frame)
	}
	frames := wakeFrame(50, key, &woken{Wakes: 1000, Last: 512})
	got, err := event.ReadAll(bytes.NewReader(append(frames, event.EndFrame()...)))
	if err != nil {
		t.Fatal(err)
	}
	want := []event.Event{{Time: 50, Kind: event.WakesCounted, By: event.Task{PID: 7, TGID: 7},
		Target: event.Task{PID: 45, TGID: 45, Addr: 0xffff888003700000}, Ret: 1000}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
