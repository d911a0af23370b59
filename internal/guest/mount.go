// SPDX-License-Identifier: MIT

package guest

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kmodlab/kmodlab/internal/wire"
)

// diskDeadline is how long a disk may take to appear once its driver is loaded.
const diskDeadline = 10 * time.Second

// mount mounts a disk of the VM. The disk itself stays read-only, so that several machines can share its file.
func (a *Agent) mount(call *wire.Message, _ func([]byte) error) (any, []byte, error) {
	if !a.init {
		return nil, nil, errors.New("only an agent in a VM mounts disks")
	}
	var args wire.MountArgs
	if err := json.Unmarshal(call.Body, &args); err != nil {
		return nil, nil, fmt.Errorf("read arguments: %w", err)
	}
	dev, err := awaitDevice("/sys/block/vd*/serial", args.Serial, diskDeadline)
	if err != nil {
		return nil, nil, fmt.Errorf("find disk: %w", err)
	}
	if err := mountDisk(dev, args); err != nil {
		return nil, nil, err
	}
	for _, dir := range args.Binds {
		if err := bind(dir, args.Target); err != nil {
			return nil, nil, err
		}
	}
	if args.Root {
		return nil, nil, switchRoot(args.Target)
	}
	return nil, nil, nil
}

// switchRoot makes target the root. PID 1 and kthreadd share one fs_struct from birth (both are clones of the boot task
// with CLONE_FS), so this chroot moves the kernel's usermode helpers along.
func switchRoot(target string) error {
	if err := unix.Chdir(target); err != nil {
		return fmt.Errorf("enter %s: %w", target, err)
	}
	if err := unix.Mount(".", "/", "", unix.MS_MOVE, ""); err != nil {
		return fmt.Errorf("move %s to the root: %w", target, err)
	}
	if err := unix.Chroot("."); err != nil {
		return fmt.Errorf("change the root to %s: %w", target, err)
	}
	return unix.Chdir("/")
}

func mountDisk(dev string, args wire.MountArgs) error {
	target := args.Target
	if args.Overlay {
		target = "/run/lower-" + args.Serial
	}
	if err := os.MkdirAll(target, 0o755); err != nil {
		return err
	}
	if err := unix.Mount(dev, target, "ext4", unix.MS_RDONLY|unix.MS_NOATIME, ""); err != nil {
		return fmt.Errorf("mount %s: %w", dev, err)
	}
	if !args.Overlay {
		return nil
	}
	return overlay([]string{target}, args.Target, args.Serial)
}

// overlay mounts folders at target, the first uppermost, with a writable layer in memory above them.
func overlay(lower []string, target, name string) error {
	upper, work := "/run/upper-"+name, "/run/work-"+name
	for _, dir := range []string{upper, work, target} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	options := fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s", strings.Join(lower, ":"), upper, work)
	if err := unix.Mount("overlay", target, "overlay", 0, options); err != nil {
		return fmt.Errorf("mount a writable layer over %s: %w", strings.Join(lower, " and "), err)
	}
	return nil
}

// bind shows a folder of the guest at the same place below target, with everything that is mounted in it.
func bind(dir, target string) error {
	at := filepath.Join(target, dir)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := os.MkdirAll(at, 0o755); err != nil {
		return fmt.Errorf("create mount point %s: %w", at, err)
	}
	if err := unix.Mount(dir, at, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("show %s at %s: %w", dir, at, err)
	}
	return nil
}

// powerOff ends the machine. The reply may not get through.
func (a *Agent) powerOff(*wire.Message, func([]byte) error) (any, []byte, error) {
	if !a.init {
		return nil, nil, errors.New("only an agent in a VM powers off")
	}
	reboot()
	return nil, nil, nil
}
