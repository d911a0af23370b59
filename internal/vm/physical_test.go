// SPDX-License-Identifier: MIT

package vm

import (
	"errors"
	"os"
	"strings"
	"testing"
	"unsafe"

	"github.com/kmodlab/kmodlab/internal/testlab"
)

// TestFreezeRefused: a machine that could not be frozen is left as it was: QEMU may have stopped it and not said so.
func TestFreezeRefused(t *testing.T) {
	m := start(t, fakeConfig(t, "runs-on"))
	if f, err := m.Freeze(t.Context()); err == nil || !strings.Contains(err.Error(), "stop the guest's processors: ") {
		t.Fatalf("%v, %v, want that it does not stop", f, err)
	}
	said(t, m, "stop \n", "cont \n")
	if strings.Contains(string(m.Console()), "add-fd") {
		t.Error("QEMU keeps a descriptor of ours")
	}
}

// TestDirect: memory is read where QEMU has it. QEMU is asked for what lies elsewhere, and it keeps no descriptor.
func TestDirect(t *testing.T) {
	m := start(t, fakeConfig(t, "direct"))
	f, err := m.Freeze(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if f.direct == nil {
		if _, err := m.findDirect(t.Context()); errors.Is(err, errRefused) {
			t.Skipf("NOT TESTED: %v", err)
		}
		t.Fatal("the memory was not found")
	}
	for addr, want := range map[uint64]string{0: "kmodlab!", 4095: "!kmodlab", 8<<20 - 8: "kmodlab!"} {
		if got, err := f.ReadPhysical(addr, 8); string(got) != want || err != nil {
			t.Errorf("at %#x: %q, %v", addr, got, err)
		}
	}
	if strings.Contains(string(m.Console()), "add-fd") {
		t.Error("QEMU was given a file that it does not need")
	}
	if got, err := f.ReadPhysical(512<<20-4, 8); len(got) != 0 || err != nil { // the fake writes nothing
		t.Errorf("across the end: %q, %v", got, err)
	}
	if err := f.Thaw(t.Context()); err != nil {
		t.Error(err)
	}
	said(t, m, "stop \n", "gpa2hva 0", "add-fd", "pmemsave", "cont \n", `remove-fd {"fdset-id":7}`)
}

// TestDirectEnded: nothing is read of whatever has the number of a QEMU that has ended.
func TestDirectEnded(t *testing.T) {
	m := start(t, fakeConfig(t, "direct"))
	f, err := m.Freeze(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	m.Stop(0)
	if got, err := f.ReadPhysical(0, 8); err == nil {
		t.Errorf("memory of a process that has ended: %q", got)
	}
}

// TestIndirect: a QEMU whose memory cannot be found is asked for all of it.
func TestIndirect(t *testing.T) {
	m := start(t, fakeConfig(t, "indirect"))
	f, err := m.Freeze(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.ReadPhysical(0x1000, 8); err != nil {
		t.Error(err)
	}
	if err := f.Thaw(t.Context()); err != nil {
		t.Error(err)
	}
	said(t, m, "stop \n", "add-fd", `pmemsave {"filename":"/proc/self/fd/9","size":8,"val":4096}`, "cont \n",
		`remove-fd {"fdset-id":7}`)
}

// TestPeek: of a process that was reaped nothing is read, whoever has its number now.
func TestPeek(t *testing.T) {
	p, got := &process{pid: os.Getpid()}, make([]byte, 8)
	at := uint64(uintptr(unsafe.Pointer(&guestMemory[0])))
	if n, err := p.peek(at, got); n != 8 || err != nil || string(got) != "kmodlab!" {
		t.Skipf("NOT TESTED: a process cannot read its own memory here: %v", err)
	}
	p.reaped = true
	if n, err := p.peek(at, got); n != 0 || err == nil {
		t.Errorf("%d bytes, %v", n, err)
	}
}

// said waits until a fake has been told all of this.
func said(t *testing.T, m *Machine, commands ...string) {
	t.Helper()
	for _, want := range commands {
		testlab.Eventually(t, "QEMU is told "+want, func() bool { return strings.Contains(string(m.Console()), want) })
	}
}
