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

// autoConfig is a machine on a host whose KVM passes the probe.
func autoConfig(t *testing.T, mode string) (cfg Config, starts func() string, said *[]string) {
	t.Helper()
	cfg = fakeConfig(t, mode)
	cfg.Accel = Auto
	dir := t.TempDir()
	cfg.StateDir = filepath.Join(dir, "state")
	log := filepath.Join(dir, "starts")
	t.Setenv(fakeLogEnv, log)
	said = new([]string)
	cfg.Log = func(s string) { *said = append(*said, s) }
	return cfg, func() string {
		text, _ := os.ReadFile(log)
		os.Remove(log)
		return strings.ReplaceAll(string(text), "\n", " ")
	}, said
}

func stateOf(cfg Config) Finding {
	return openFindings(cfg.StateDir, cfg.QEMU).state(cfg.probe, time.Now())
}

// TestKVMLies: the first start shows that KVM is useless, the second one knows it.
func TestKVMLies(t *testing.T) {
	for mode, reason := range map[string]string{
		"kvm-lies":   "no sign of life from the guest in 1s",
		"kvm-aborts": "failed to set MSR 0x10a",
	} {
		t.Run(mode, func(t *testing.T) {
			cfg, starts, said := autoConfig(t, mode)
			m := start(t, cfg)
			await(t, "life", m.alive)
			if accel, why := m.Accel(); accel != TCG || !strings.Contains(why, reason) || strings.Contains(why, "registers") {
				t.Errorf("first start is on %s: %s", accel, why)
			}
			if got := starts(); got != "kvm=true kvm=false " {
				t.Errorf("QEMU was started with %s", got)
			}
			if len(*said) != 1 || !strings.Contains((*said)[0], "KVM does not work here") ||
				!strings.Contains((*said)[0], reason) {
				t.Errorf("said %q", *said)
			}
			if got := stateOf(cfg); got.State != Unusable || !strings.Contains(got.Reason, reason) {
				t.Errorf("finding is %+v", got)
			}
			m.Stop(0)

			m = start(t, cfg)
			if accel, why := m.Accel(); accel != TCG || !strings.Contains(why, reason) {
				t.Errorf("second start is on %s: %s", accel, why)
			}
			if got := starts(); got != "kvm=false " {
				t.Errorf("QEMU was started with %s", got)
			}
			if len(*said) != 1 {
				t.Errorf("said again: %q", *said)
			}
		})
	}
}

func TestKVMWorks(t *testing.T) {
	for _, mode := range []string{"alive", "port-opens"} {
		t.Run(mode, func(t *testing.T) {
			cfg, starts, said := autoConfig(t, mode)
			for range 2 {
				m := start(t, cfg)
				if accel, why := m.Accel(); accel != KVM || why == "" {
					t.Errorf("on %s: %s", accel, why)
				}
				select {
				case <-m.alive:
				default:
					t.Error("Start returned before a sign of life")
				}
				m.Stop(0)
			}
			if got := starts(); got != "kvm=true kvm=true " {
				t.Errorf("QEMU was started with %s", got)
			}
			if got := stateOf(cfg); got.State != Proven || len(*said) != 0 {
				t.Errorf("finding is %+v, said %q", got, *said)
			}
		})
	}
}

// TestKVMNoLonger: a finding that KVM works must not lead to a hang.
func TestKVMNoLonger(t *testing.T) {
	cfg, _, _ := autoConfig(t, "kvm-lies")
	store := openFindings(cfg.StateDir, cfg.QEMU)
	store.record(cfg.Log, Finding{State: Proven, Reason: "a guest ran"})
	m := start(t, cfg)
	await(t, "life", m.alive)
	if accel, _ := m.Accel(); accel != TCG || stateOf(cfg).State != Unusable {
		t.Errorf("on %s, finding %+v", accel, stateOf(cfg))
	}
}

// TestSilentGuest: silence everywhere says nothing about KVM.
func TestSilentGuest(t *testing.T) {
	cfg, starts, _ := autoConfig(t, "silent")
	m := start(t, cfg)
	time.Sleep(100 * time.Millisecond)
	m.Stop(0)
	if got := starts(); got != "kvm=true kvm=false " {
		t.Errorf("QEMU was started with %s", got)
	}
	if got := stateOf(cfg); got.State != Unproven {
		t.Errorf("finding is %+v", got)
	}
}

func TestKVMAskedFor(t *testing.T) {
	cfg, starts, _ := autoConfig(t, "kvm-lies")
	cfg.Accel = KVM
	if _, err := Start(background, cfg); !errors.Is(err, errKVM) || !strings.Contains(err.Error(), "no sign of life") {
		t.Errorf("Start returned %v", err)
	}
	if got := starts(); got != "kvm=true " {
		t.Errorf("QEMU was started with %s", got)
	}
	cfg.probe = func() error { return errKVMForbidden }
	if _, err := Start(background, cfg); !errors.Is(err, errKVM) || !errors.Is(err, errKVMForbidden) {
		t.Errorf("without permission Start returned %v", err)
	}
}

func TestKVMAbsent(t *testing.T) {
	cfg, starts, said := autoConfig(t, "alive")
	cfg.probe = func() error { return errKVMAbsent }
	m := start(t, cfg)
	if accel, why := m.Accel(); accel != TCG || !strings.Contains(why, "no /dev/kvm") {
		t.Errorf("on %s: %s", accel, why)
	}
	if got := starts(); got != "kvm=false " || len(*said) != 0 {
		t.Errorf("QEMU was started with %s, said %q", got, *said)
	}
}

// TestFindingsAndProbe: which of the two decides.
func TestFindingsAndProbe(t *testing.T) {
	yes := func() error { return nil }
	no := func() error { return errKVMForbidden }
	for _, test := range []struct {
		kept  State // "" for no finding
		probe func() error
		want  State
	}{
		{"", yes, Unproven}, {"", no, Absent},
		{Proven, yes, Proven}, {Proven, no, Absent},
		{Unusable, yes, Unusable}, {Unusable, no, Unusable},
	} {
		f := openFindings(t.TempDir(), "/bin/sh")
		if test.kept != "" {
			f.record(func(s string) { t.Error(s) }, Finding{State: test.kept, Reason: "r"})
		}
		if got := f.state(test.probe, time.Now()); got.State != test.want || got.Reason == "" {
			t.Errorf("kept %q, probe %v: %+v, want %s", test.kept, test.probe(), got, test.want)
		}
	}
}

// TestBadOptionIsNotKVM: a failure on both accelerators is reported in QEMU's own words.
func TestBadOptionIsNotKVM(t *testing.T) {
	cfg, _, _ := autoConfig(t, "bad-option")
	if _, err := Start(background, cfg); err == nil || !strings.Contains(err.Error(), "-bad: invalid option") {
		t.Errorf("Start returned %v", err)
	}
	if got := stateOf(cfg); got.State != Unproven {
		t.Errorf("finding is %+v", got)
	}
}
