// SPDX-License-Identifier: MIT

package guest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kmodlab/kmodlab/internal/wire"
)

// BootModules lists, in load order, the files of the modules that the virtio ports and disks need; the host puts it
// into the initramfs.
const BootModules = "/lib/kmodlab/modules"

// portDeadline is how long the virtio ports may take to appear once their drivers are loaded. They appear at once;
// under emulation on a busy host "at once" has meant seconds.
const portDeadline = 20 * time.Second

// Init is the life of PID 1. It does not return: when the host is gone or something is missing, it says why on the
// console and powers the machine off.
func Init() {
	fmt.Println("kmodlab: agent started") // the first sign of life, before anything can fail
	if err := runInit(); err != nil {
		fmt.Println("kmodlab: agent failed:", err)
	}
	reboot()
}

func runInit() error {
	if err := mountBasics(); err != nil {
		return err
	}
	if err := loadBootModules(); err != nil {
		return err
	}
	control, err := openPort(wire.PortControl)
	if err != nil {
		return err
	}
	events, err := openPort(wire.PortEvents)
	if err != nil {
		return err
	}
	a := &Agent{control: control, events: events, tools: "/sbin", init: true}
	a.children.reapOrphans()
	return a.serve()
}

// mountBasics comes before anything else runs: without /dev/null the Go runtime of a usermode helper dies, because the
// kernel starts it with descriptors 0 to 2 closed.
func mountBasics() error {
	for _, m := range []struct{ source, target, fstype string }{
		{"dev", "/dev", "devtmpfs"},
		{"proc", "/proc", "proc"},
		{"sys", "/sys", "sysfs"},
		{"tmp", "/tmp", "tmpfs"},
		{"run", "/run", "tmpfs"},
	} {
		if err := os.MkdirAll(m.target, 0o755); err != nil {
			return fmt.Errorf("create %s: %w", m.target, err)
		}
		if err := unix.Mount(m.source, m.target, m.fstype, 0, ""); err != nil {
			return fmt.Errorf("mount %s: %w", m.target, err)
		}
	}
	// These are for the tracer, which can do without: tracefs for classic tracepoints, and for a kretprobe in which
	// many tasks wait at once, as in request_module; debugfs says whether the kernel preempts its own code, securityfs
	// whether it is locked down.
	unix.Mount("tracing", "/sys/kernel/tracing", "tracefs", 0, "")
	unix.Mount("debug", "/sys/kernel/debug", "debugfs", 0, "")
	unix.Mount("security", "/sys/kernel/security", "securityfs", 0, "")
	// The boot is quiet, since each byte on the console costs time. From here on the console shows warnings (4) too:
	// the host looks there for what went wrong.
	if err := os.WriteFile("/proc/sys/kernel/printk", []byte("5"), 0); err != nil {
		return fmt.Errorf("make the console show warnings: %w", err)
	}
	// The program's own search path; the kernel gives init none.
	os.Setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
	return nil
}

func loadBootModules() error {
	list, err := os.ReadFile(BootModules)
	if err != nil {
		return fmt.Errorf("read the list of boot modules: %w", err)
	}
	for path := range strings.Lines(string(list)) {
		path = strings.TrimSpace(path)
		if err := loadBootModule(path); err != nil {
			return fmt.Errorf("load %s: %w", path, err)
		}
	}
	return nil
}

// loadBootModule loads a plain .ko of the kernel's own, which the host has decompressed.
func loadBootModule(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	err = unix.FinitModule(int(f.Fd()), "", 0)
	if errors.Is(err, unix.EEXIST) {
		return nil
	}
	return err
}

// openPort finds a virtio port by name and opens it.
func openPort(name string) (*rawFile, error) {
	dev, err := awaitDevice("/sys/class/virtio-ports/*/name", name, portDeadline)
	if err != nil {
		return nil, fmt.Errorf("find virtio port: %w", err)
	}
	return openRaw(dev)
}

// awaitDevice waits for the device whose sysfs attribute, one of those that match pattern, has the value.
func awaitDevice(pattern, value string, limit time.Duration) (string, error) {
	deadline := time.Now().Add(limit)
	for {
		dev, err := findDevice(pattern, value)
		if err == nil || time.Now().After(deadline) {
			return dev, err
		}
		time.Sleep(2 * time.Millisecond)
	}
}

func findDevice(pattern, value string) (string, error) {
	paths, err := filepath.Glob(pattern)
	if err != nil {
		return "", err
	}
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err == nil && strings.TrimSpace(string(b)) == value {
			return filepath.Join("/dev", filepath.Base(filepath.Dir(path))), nil
		}
	}
	return "", fmt.Errorf("no %s is %q: %w", pattern, value, fs.ErrNotExist)
}

// rawFile reads and writes a blocking descriptor with plain system calls. Go's network poller must never see a virtio
// port: it loses wake-ups there, and the port then hangs with data in it.
type rawFile struct{ fd int }

func openRaw(path string) (*rawFile, error) {
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	return &rawFile{fd}, nil
}

func (f *rawFile) Read(b []byte) (int, error) {
	for {
		n, err := unix.Read(f.fd, b)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return 0, err
		}
		if n == 0 && len(b) > 0 {
			// The host's end is not connected; it always is while QEMU lives.
			return 0, errHostGone
		}
		return n, nil
	}
}

var errHostGone = errors.New("the host closed the port")

func (f *rawFile) Write(b []byte) (int, error) {
	done := 0
	for done < len(b) {
		n, err := unix.Write(f.fd, b[done:])
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return done, err
		}
		done += n
	}
	return done, nil
}

// reboot ends the machine: with QEMU's -no-reboot, a restart is the way to power off that works without ACPI.
func reboot() {
	unix.Sync()
	if err := unix.Reboot(unix.LINUX_REBOOT_CMD_RESTART); err != nil {
		fmt.Println("kmodlab: reboot:", err)
	}
	os.Exit(1) // the kernel panics: PID 1 is gone
}
