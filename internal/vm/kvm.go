// SPDX-License-Identifier: MIT

package vm

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/kmodlab/kmodlab/internal/atomicfile"
	"golang.org/x/sys/unix"
)

// KVM's ioctls as in linux/kvm.h, and the only API version there ever was.
const (
	kvmGetAPIVersion = 0xAE00
	kvmCreateVM      = 0xAE01
	kvmCreateVCPU    = 0xAE41
	kvmAPIVersion    = 12
)

// Errors of Probe.
var (
	errKVMAbsent = errors.New("there is no /dev/kvm: the CPU lacks virtualization, it is switched off, " +
		"or kvm_intel or kvm_amd is not loaded")
	errKVMForbidden = errors.New("no permission for /dev/kvm: usermod -aG kvm $USER, then log in again")
)

// Probe asks the kernel for a VM and a virtual CPU. Nil means maybe: a KVM nested in another hypervisor can grant both
// and never run an instruction, so only a guest that shows life proves it.
func Probe() error { return probe("/dev/kvm") }

func probe(device string) error {
	kvm, err := unix.Open(device, unix.O_RDWR|unix.O_CLOEXEC, 0)
	switch {
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		return errKVMForbidden
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENXIO), errors.Is(err, unix.ENODEV):
		return errKVMAbsent
	case err != nil:
		return fmt.Errorf("open %s: %w", device, err)
	}
	defer unix.Close(kvm)
	version, err := unix.IoctlRetInt(kvm, kvmGetAPIVersion)
	if err != nil {
		return fmt.Errorf("ask %s for its version: %w", device, err)
	}
	if version != kvmAPIVersion {
		return fmt.Errorf("ask %s for its version: it is %d, not %d", device, version, kvmAPIVersion)
	}
	vm, err := unix.IoctlRetInt(kvm, kvmCreateVM)
	if err != nil {
		return fmt.Errorf("create VM on %s: %w", device, err)
	}
	defer unix.Close(vm)
	cpu, err := unix.IoctlRetInt(vm, kvmCreateVCPU)
	if err != nil {
		return fmt.Errorf("create virtual CPU on %s: %w", device, err)
	}
	return unix.Close(cpu)
}

// State is what is known about KVM on this host.
type State string

// The states.
const (
	Absent   State = "absent"   // no device, no permission, or KVM refuses
	Unproven State = "unproven" // KVM grants a VM, but no guest has tried yet
	Proven   State = "proven"   // a guest showed life
	Unusable State = "unusable" // a guest stayed silent that runs on TCG
)

// Finding is a State with its reason and the time it was found.
type Finding struct {
	State  State     `json:"state"`
	Reason string    `json:"reason"`
	Date   time.Time `json:"date"`
	Host   hostKey   `json:"host"`
}

// hostKey says what a finding is valid for. Any change of it voids the finding.
type hostKey struct {
	Release string `json:"release"` // uname -r
	CPU     string `json:"cpu"`     // model name and microcode
	QEMU    string `json:"qemu"`    // path, size and time of the binary
}

// unusableFor limits how long a finding against KVM is kept: the obstacle can be removed outside of this host, and a
// guest on a loaded host may only have been slow.
const unusableFor = 7 * 24 * time.Hour

// findings is the file that keeps one finding.
type findings struct {
	file string // "" keeps nothing
	key  hostKey
}

// KVMState is what is known about KVM, without starting anything. stateDir is Config.StateDir; "" ignores any kept
// finding.
func KVMState(stateDir string) Finding {
	cfg, err := Config{Kernel: "-"}.withDefaults()
	qemu := cfg.QEMU
	if err != nil {
		qemu = defaultQEMU
	}
	return openFindings(stateDir, qemu).state(Probe, time.Now())
}

func openFindings(dir, qemu string) findings {
	f := findings{key: thisHost(qemu)}
	if dir != "" {
		f.file = filepath.Join(dir, "kvm.json")
	}
	return f
}

// state is a kept finding that KVM is unusable, else what probe says if that is no, else a kept finding that KVM works,
// else Unproven. If the answer cannot matter there is no probe: tearing a VM down takes up to 0.3 s here.
func (f findings) state(probe func() error, now time.Time) Finding {
	kept, ok := f.load()
	ok = ok && kept.holds(f.key, now)
	if ok && kept.State == Unusable {
		return kept
	}
	if err := probe(); err != nil {
		return Finding{State: Absent, Reason: err.Error(), Date: now, Host: f.key}
	}
	if ok {
		return kept
	}
	return Finding{State: Unproven, Reason: "/dev/kvm grants a VM, but no guest has run on it yet", Date: now, Host: f.key}
}

func (k Finding) holds(key hostKey, now time.Time) bool {
	if k.Host != key {
		return false
	}
	return k.State == Proven || k.State == Unusable && now.Sub(k.Date) < unusableFor && !k.Date.After(now)
}

// load reads the file. A missing or unreadable one counts as no finding.
func (f findings) load() (Finding, bool) {
	var k Finding
	if f.file == "" {
		return k, false
	}
	raw, err := os.ReadFile(f.file)
	if err != nil || json.Unmarshal(raw, &k) != nil {
		return k, false
	}
	return k, true
}

// record keeps a finding. A failure here costs a second proof next time, so it is logged and not returned.
func (f findings) record(log func(string), k Finding) {
	if f.file == "" {
		return
	}
	k.Date, k.Host = time.Now().UTC().Truncate(time.Second), f.key
	raw, err := json.MarshalIndent(k, "", "  ")
	if err == nil {
		err = keepFile(f.file, append(raw, '\n'))
	}
	if err != nil {
		log(fmt.Sprintf("cannot save what was found about KVM: %v", err))
	}
}

// keepFile replaces a file of the state folder atomically.
func keepFile(name string, data []byte) error {
	dir := filepath.Dir(name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return atomicfile.Write(name, data, 0o644)
}

// thisHost reads the key. What cannot be read stays empty, which is a key too.
func thisHost(qemu string) hostKey {
	var k hostKey
	var uts unix.Utsname
	if unix.Uname(&uts) == nil {
		k.Release = unix.ByteSliceToString(uts.Release[:])
	}
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		k.CPU = cpuModel(string(info))
	}
	k.QEMU = qemu
	var st fs.FileInfo
	st, err := os.Stat(qemu)
	if err == nil {
		k.QEMU = fmt.Sprintf("%s, %d bytes, %s", qemu, st.Size(), st.ModTime().UTC().Format(time.RFC3339))
	}
	return k
}

// cpuModel is the first processor's model and microcode from /proc/cpuinfo.
func cpuModel(info string) string {
	first, _, _ := strings.Cut(info, "\n\n")
	var parts []string
	for line := range strings.Lines(first) {
		name, value, _ := strings.Cut(line, ":")
		switch strings.TrimSpace(name) {
		case "model name", "microcode":
			parts = append(parts, strings.TrimSpace(value))
		}
	}
	return strings.Join(parts, ", microcode ")
}
