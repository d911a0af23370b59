// SPDX-License-Identifier: MIT

package vm

import (
	"bytes"
	"debug/elf"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kmodlab/kmodlab/internal/testlab/needs"
	"github.com/kmodlab/kmodlab/internal/vm/cpio"
)

// testKernel is a Debian kernel from the cache, or from KMODLAB_TEST_KERNEL: a
// folder that holds boot/vmlinuz-RELEASE and lib/modules/RELEASE, as an
// unpacked linux-image package does.
func testKernel(t *testing.T) (image, modules string) {
	t.Helper()
	needs.VM(t)
	if root := os.Getenv("KMODLAB_TEST_KERNEL"); root != "" {
		images, _ := filepath.Glob(filepath.Join(root, "boot/vmlinuz-*"))
		if len(images) != 1 {
			t.Fatalf("KMODLAB_TEST_KERNEL: %d kernels in %s/boot, want one", len(images), root)
		}
		_, release, _ := strings.Cut(filepath.Base(images[0]), "-")
		return images[0], filepath.Join(root, "lib/modules", release)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		needs.Missing(t, "no cache folder: %v", err)
	}
	dir := filepath.Join(cache, "kmodlab/kernels/debian-bookworm")
	raw, err := os.ReadFile(filepath.Join(dir, "kernel.json"))
	if err != nil {
		needs.Missing(t, "no kernel in the cache: kmodlab kernel fetch debian:bookworm, or set KMODLAB_TEST_KERNEL (%v)", err)
	}
	var k struct{ Image, Root, Release string }
	if err := json.Unmarshal(raw, &k); err != nil {
		t.Fatalf("read %s/kernel.json: %v", dir, err)
	}
	return filepath.Join(dir, k.Image), filepath.Join(dir, k.Root, "lib/modules", k.Release)
}

// virtioModules are what ports and disks need on Debian's cloud kernel, in dependency order.
var virtioModules = []string{
	"virtio_ring", "virtio", "virtio_pci_legacy_dev", "virtio_pci_modern_dev", "virtio_pci", "virtio_console",
	"virtio_blk",
}

// busyboxInitramfs runs script as PID 1. The named modules lie in /modules.
func busyboxInitramfs(t *testing.T, script, modules string, names ...string) []byte {
	t.Helper()
	path, err := exec.LookPath("busybox")
	if err != nil {
		needs.Missing(t, "busybox is missing: apt-get install busybox-static")
	}
	if f, err := elf.Open(path); err == nil {
		for _, p := range f.Progs {
			if p.Type == elf.PT_INTERP {
				needs.Missing(t, "%s is not static: apt-get install busybox-static", path)
			}
		}
		f.Close()
	}
	binary, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	w := cpio.NewWriter(&b)
	w.Device("dev/console", 0o600, 5, 1)
	for _, dir := range []string{"proc", "sys"} {
		w.Dir(dir, 0o755)
	}
	w.File("bin/busybox", 0o755, binary)
	w.File("init", 0o755, []byte("#!/bin/busybox sh\necho ALIVE\n"+script))
	for _, name := range names {
		w.File("modules/"+name+".ko", 0o644, findModule(t, modules, name))
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func findModule(t *testing.T, root, name string) []byte {
	t.Helper()
	var found string
	err := filepath.WalkDir(filepath.Join(root, "kernel/drivers"), func(path string, _ os.DirEntry, err error) error {
		if strings.ReplaceAll(filepath.Base(path), "-", "_") == name+".ko" {
			found = path
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(found)
	if err != nil {
		t.Fatalf("find module %s in %s: %v", name, root, err)
	}
	return data
}

const powerOff = "/bin/busybox reboot -f\n"

// realConfig is a machine that runs script under busybox.
func realConfig(t *testing.T, script string) Config {
	t.Helper()
	image, _ := testKernel(t)
	data := busyboxInitramfs(t, script, "")
	checkLeftovers(t)
	return Config{Kernel: image, InitrdData: data, Accel: TCG}
}

func awaitLife(t *testing.T, m *Machine) {
	t.Helper()
	select {
	case <-m.alive:
	case <-m.Done():
		t.Fatalf("the guest ended: %+v\n%s\n%s", m.exit, m.Console(), m.commandLine())
	case <-time.After(90 * time.Second):
		t.Fatalf("the guest is silent\n%s", m.commandLine())
	}
}

func TestRealPowerOff(t *testing.T) {
	m := start(t, realConfig(t, powerOff))
	e := wait(t, m)
	if e.Reason != PowerOff || e.Status != 0 || e.Shutdown != "guest-reset" || e.Err() != nil {
		t.Errorf("exit is %+v", e)
	}
	if !bytes.Contains(m.Console(), []byte("ALIVE\r\n")) {
		t.Errorf("console:\n%s", m.Console())
	}
	if e.MaxRSS > 400<<20 {
		t.Errorf("QEMU used %d MiB", e.MaxRSS>>20)
	}
	if v := m.QEMUVersion(); !strings.Contains(v, ".") {
		t.Errorf("version is %q", v)
	}
	t.Logf("start to end %s, peak %d MiB", e.Duration, e.MaxRSS>>20)
}

func TestRealPanic(t *testing.T) {
	m := start(t, realConfig(t, "exit 1\n")) // PID 1 must not end
	e := wait(t, m)
	if e.Reason != Panicked || !m.Panicked() || e.Err() == nil {
		t.Errorf("exit is %+v\n%s", e, m.Console())
	}
	if e.Status != 0 {
		t.Errorf("QEMU's status is %d; a panic used to look like success", e.Status)
	}
	if !bytes.Contains(m.Console(), []byte("Attempted to kill init")) {
		t.Errorf("console:\n%s", m.Console())
	}
}

func TestRealKilled(t *testing.T) {
	for _, test := range []struct {
		sent unix.Signal
		want syscall.Signal // QEMU catches SIGTERM and exits with 0
	}{{unix.SIGKILL, syscall.SIGKILL}, {unix.SIGTERM, 0}} {
		t.Run(test.sent.String(), func(t *testing.T) {
			m := start(t, realConfig(t, "/bin/busybox sleep 3600\n"))
			if test.sent == unix.SIGKILL {
				awaitLife(t, m)
			}
			if err := unix.Kill(m.PID(), test.sent); err != nil {
				t.Fatal(err)
			}
			if e := wait(t, m); e.Reason != Killed || e.Signal != test.want || e.Err() == nil {
				t.Errorf("exit is %+v", e)
			}
		})
	}
}

func TestRealStop(t *testing.T) {
	m := start(t, realConfig(t, "/bin/busybox sleep 3600\n"))
	awaitLife(t, m)
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", m.PID()))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Seccomp:\t2\n", "NoNewPrivs:\t1\n"} { // filtered, and for good
		if !strings.Contains(string(status), want) {
			t.Errorf("QEMU runs without %q:\n%s", want, status)
		}
	}
	if err := m.Stop(30 * time.Second); err != nil {
		t.Fatal(err)
	}
	if e := wait(t, m); e.Reason != Stopped || e.Signal != 0 || e.Shutdown != "host-qmp-quit" {
		t.Errorf("exit is %+v", e)
	}
}

func TestRealBadKernel(t *testing.T) {
	cfg := realConfig(t, powerOff)
	cfg.Kernel = os.Args[0] // no kernel image
	m, err := Start(background, cfg)
	if err == nil {
		m.Stop(0)
		t.Fatal("QEMU took the test binary for a kernel")
	}
	if !strings.Contains(err.Error(), "qemu") {
		t.Errorf("QEMU's own words are missing: %v", err)
	}
}

// TestRealPortsAndDisk echoes more than any buffer holds over a port, and reads a shared disk; the initramfs comes in
// two parts, one of which is a file.
func TestRealPortsAndDisk(t *testing.T) {
	image, modules := testKernel(t)
	script := `
/bin/busybox mount -t sysfs sysfs /sys
/bin/busybox mount -t devtmpfs dev /dev
for m in ` + strings.Join(virtioModules, " ") + `; do
	/bin/busybox insmod /modules/$m.ko || ` + powerOff + `
done
for p in /sys/class/virtio-ports/*; do echo "$(/bin/busybox cat $p/name) is ${p##*/}"; done
echo "serial $(/bin/busybox cat /sys/block/vda/serial), $(/bin/busybox head -c 5 /dev/vda), $(/bin/busybox cat /extra)"
echo x 2>/dev/null >/dev/vda || echo "vda is read-only"
/bin/busybox head -c 300000 </dev/vport0p2 >/echo
/bin/busybox cat /echo >/dev/vport0p2
/bin/busybox sleep 3600
`
	first := busyboxInitramfs(t, script, modules, virtioModules...)
	var second bytes.Buffer
	w := cpio.NewWriter(&second)
	w.File("extra", 0o644, []byte("from the second archive"))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	initrd, img := filepath.Join(dir, "odd, name"), filepath.Join(dir, "a:b,c")
	if err := os.WriteFile(initrd, append(first, 0), 0o600); err != nil { // of odd length
		t.Fatal(err)
	}
	if err := os.WriteFile(img, append([]byte("hello"), make([]byte, 1<<20-5)...), 0o400); err != nil {
		t.Fatal(err)
	}
	checkLeftovers(t)
	m := start(t, Config{
		Kernel: image, Initrd: []string{initrd}, InitrdData: second.Bytes(), Accel: TCG,
		Ports: []string{"ctl", "echo"}, Disks: []Disk{{Path: img, ReadOnly: true, Serial: "shared"}},
	})
	awaitLife(t, m)
	echo := m.Port("echo")
	echo.SetDeadline(time.Now().Add(90 * time.Second))
	sent := bytes.Repeat([]byte("0123456789\n\r\x00\xff\x04"), 20000)
	writing := make(chan error, 1)
	go func() {
		_, err := echo.Write(sent)
		writing <- err
	}()
	got := make([]byte, len(sent))
	if _, err := io.ReadFull(echo, got); err != nil {
		t.Fatalf("read echo: %v\n%s", err, m.Console())
	}
	if err := <-writing; err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, sent) {
		t.Error("the echo differs from what was sent")
	}
	for _, want := range []string{"ctl is vport0p1", "echo is vport0p2", "serial shared, hello, from the second archive",
		"vda is read-only"} {
		if !bytes.Contains(m.Console(), []byte(want)) {
			t.Errorf("the console lacks %q:\n%s", want, m.Console())
		}
	}
}

// TestRealAuto: whatever this host's KVM is worth, the guest runs, and the second start knows what the first one found.
func TestRealAuto(t *testing.T) {
	cfg := realConfig(t, powerOff)
	cfg.Accel, cfg.StateDir = Auto, t.TempDir()
	var said []string
	cfg.Log = func(s string) { said = append(said, s) }
	var first Accel
	for i := range 2 {
		m := start(t, cfg)
		if e := wait(t, m); e.Reason != PowerOff {
			t.Fatalf("exit is %+v\n%s", e, m.Console())
		}
		accel, why := m.Accel()
		t.Logf("start %d on %s: %s", i+1, accel, why)
		if i == 0 {
			first = accel
		} else if accel != first {
			t.Errorf("first on %s, then on %s", first, accel)
		}
		m.Stop(0)
	}
	found := KVMState(cfg.StateDir)
	t.Logf("finding: %s, %s; said %q", found.State, found.Reason, said)
	switch {
	case first == KVM && (found.State != Proven || len(said) != 0):
		t.Errorf("KVM ran, finding %+v, said %q", found, said)
	case first == TCG && Probe() == nil && (found.State != Unusable || len(said) != 1):
		t.Errorf("KVM did not run, finding %+v, said %q", found, said)
	case first == TCG && Probe() != nil && found.State != Absent:
		t.Errorf("no KVM, finding %+v", found)
	}
}

// TestRealKVMSpins uses a CPU model other than host, with which a broken KVM does not abort but never gets to the
// guest's first byte.
func TestRealKVMSpins(t *testing.T) {
	cfg := realConfig(t, powerOff)
	if err := Probe(); err != nil {
		t.Skipf("SKIPPED: this host has no KVM that could lie: %v", err)
	}
	cfg.Accel, cfg.StateDir, cfg.kvmCPU = Auto, t.TempDir(), "qemu64"
	cfg.lifeDeadline = 4 * time.Second
	m := start(t, cfg)
	if e := wait(t, m); e.Reason != PowerOff {
		t.Fatalf("exit is %+v\n%s", e, m.Console())
	}
	accel, why := m.Accel()
	if found := KVMState(cfg.StateDir); (accel == KVM) != (found.State == Proven) ||
		(accel == TCG) != (found.State == Unusable) {
		t.Errorf("on %s (%s), finding %+v", accel, why, found)
	}
	t.Logf("on %s: %s", accel, why)
}
