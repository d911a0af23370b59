// SPDX-License-Identifier: MIT

package vm

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestProbeNoDevice(t *testing.T) {
	if err := probe(filepath.Join(t.TempDir(), "kvm")); !errors.Is(err, errKVMAbsent) {
		t.Errorf("without the device: %v", err)
	}
	plain := filepath.Join(t.TempDir(), "kvm")
	if err := os.WriteFile(plain, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := probe(plain); err == nil || !strings.Contains(err.Error(), "ask "+plain+" for its version") {
		t.Errorf("with a plain file: %v", err)
	}
	if os.Getuid() == 0 {
		return // root may open anything
	}
	if err := os.Chmod(plain, 0); err != nil {
		t.Fatal(err)
	}
	if err := probe(plain); !errors.Is(err, errKVMForbidden) {
		t.Errorf("without permission: %v", err)
	}
}

func TestFindingHolds(t *testing.T) {
	key := hostKey{Release: "6.1", CPU: "c", QEMU: "q"}
	now := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		name    string
		finding Finding
		want    bool
	}{
		{"proven, old", Finding{State: Proven, Host: key, Date: now.AddDate(-3, 0, 0)}, true},
		{"unusable, fresh", Finding{State: Unusable, Host: key, Date: now.AddDate(0, 0, -6)}, true},
		{"unusable, old", Finding{State: Unusable, Host: key, Date: now.AddDate(0, 0, -8)}, false},
		{"unusable, from tomorrow", Finding{State: Unusable, Host: key, Date: now.AddDate(0, 0, 1)}, false},
		{"other kernel", Finding{State: Proven, Host: hostKey{"6.2", "c", "q"}, Date: now}, false},
		{"other CPU", Finding{State: Proven, Host: hostKey{"6.1", "d", "q"}, Date: now}, false},
		{"other QEMU", Finding{State: Unusable, Host: hostKey{"6.1", "c", "r"}, Date: now}, false},
		{"no state", Finding{Host: key, Date: now}, false},
		{"absent is never kept", Finding{State: Absent, Host: key, Date: now}, false},
	} {
		if got := test.finding.holds(key, now); got != test.want {
			t.Errorf("%s: holds is %v", test.name, got)
		}
	}
}

func TestFindingFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "for", "it")
	f := openFindings(dir, "/bin/sh")
	if _, ok := f.load(); ok {
		t.Error("a finding where there is none")
	}
	var said []string
	log := func(s string) { said = append(said, s) }
	f.record(log, Finding{State: Unusable, Reason: "silent"})
	got, ok := f.load()
	if !ok || got.State != Unusable || got.Reason != "silent" || got.Host != f.key || time.Since(got.Date) > time.Minute {
		t.Errorf("load returned %+v, %v", got, ok)
	}
	if names, _ := os.ReadDir(dir); len(names) != 1 {
		t.Errorf("left in the folder: %v", names)
	}
	for _, garbage := range []string{"", "{", `{"state": 5}`, "null"} {
		if err := os.WriteFile(f.file, []byte(garbage), 0o644); err != nil {
			t.Fatal(err)
		}
		if got, ok := f.load(); ok && got.holds(f.key, time.Now()) {
			t.Errorf("from %q: %+v", garbage, got)
		}
	}
	if len(said) != 0 {
		t.Errorf("said %q", said)
	}
	// An unusable state folder is reported, and is no failure.
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	openFindings(filepath.Join(file, "x"), "/bin/sh").record(log, Finding{State: Proven})
	if len(said) != 1 || !strings.Contains(said[0], "cannot save what was found") {
		t.Errorf("said %q", said)
	}
	openFindings("", "/bin/sh").record(log, Finding{State: Proven}) // keeps nothing
}

func TestHostKey(t *testing.T) {
	k := thisHost("/bin/sh")
	if k.Release == "" || k.CPU == "" || !strings.HasPrefix(k.QEMU, "/bin/sh, ") {
		t.Errorf("key of this host: %+v", k)
	}
	const info = "processor\t: 0\nmodel name\t: A: B\nmicrocode\t: 0x1\nflags\t: x\n\nprocessor\t: 1\nmodel name\t: C\n"
	if got := cpuModel(info); got != "A: B, microcode 0x1" {
		t.Errorf("cpuModel is %q", got)
	}
}

func TestKVMStateWithoutFinding(t *testing.T) {
	got := KVMState(t.TempDir())
	want := Unproven
	if err := Probe(); err != nil {
		want = Absent
	}
	if got.State != want || got.Reason == "" {
		t.Errorf("KVMState is %+v, want %s with a reason", got, want)
	}
}
