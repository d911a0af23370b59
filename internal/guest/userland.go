// SPDX-License-Identifier: MIT

package guest

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/kmodlab/kmodlab/internal/wire"
)

// userland is a system for programs: Debian's files below a folder, with the kernel's own file systems. PID 1, and with
// it the kernel's helpers, stay in the initramfs. A thread of the agent has a mount namespace of its own in which the
// system is the root, and starts the programs: a chroot(2) alone would forbid them to make user namespaces, and a
// helper program would cost each of them a start of Go's runtime.
type userland struct {
	mu     sync.Mutex
	target string
	work   chan func()
	groups groups
	mounts []mountOf // that are the system's own
}

var errNoUserland = errors.New("this machine has no userland")

// makeUserland makes the system. It can be made once.
func (a *Agent) makeUserland(call *wire.Message, _ func([]byte) error) (any, []byte, error) {
	if !a.init {
		return nil, nil, errors.New("only an agent in a VM makes a userland")
	}
	var args wire.UserlandArgs
	if err := json.Unmarshal(call.Body, &args); err != nil {
		return nil, nil, fmt.Errorf("read arguments: %w", err)
	}
	u := &a.userland
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.work != nil {
		return nil, nil, errors.New("the userland was made before")
	}
	if err := layer(args.Serials, args.Target); err != nil {
		return nil, nil, err
	}
	if err := mountKernelFiles(); err != nil {
		return nil, nil, err
	}
	u.groups = makeGroups(a.children.reap)
	for _, dir := range []string{"/dev", "/proc", "/sys"} {
		if err := bind(dir, args.Target); err != nil {
			return nil, nil, err
		}
	}
	if err := mountTemporary(args.Target); err != nil {
		return nil, nil, err
	}
	if err := openFolder(filepath.Join(args.Target, args.Work)); err != nil {
		return nil, nil, err
	}
	if err := showTree(args.Target, args.Tree); err != nil {
		return nil, nil, err
	}
	if err := linkUp("lo"); err != nil {
		return nil, nil, err
	}
	guardInit()
	u.target, u.work = args.Target, make(chan func())
	ready := make(chan error)
	onOwnThread(func() { u.serveIn(ready) })
	return nil, nil, <-ready
}

// layer mounts the disks at target, with a layer in memory above them.
func layer(serials []string, target string) error {
	var lower []string
	for _, serial := range serials {
		dev, err := awaitDevice("/sys/block/vd*/serial", serial, diskDeadline)
		if err != nil {
			return fmt.Errorf("find disk: %w", err)
		}
		at := "/run/lower-" + serial
		if err := mountDisk(dev, wire.MountArgs{Serial: serial, Target: at}); err != nil {
			return err
		}
		lower = append(lower, at)
	}
	return overlay(lower, target, target[strings.LastIndexByte(target, '/')+1:])
}

// mountKernelFiles mounts what programs expect below /dev, and the control groups.
func mountKernelFiles() error {
	for _, m := range []struct{ source, target, fstype, data string }{
		{"devpts", "/dev/pts", "devpts", "gid=5,mode=620,ptmxmode=666"},
		{"shm", "/dev/shm", "tmpfs", "mode=1777"},
	} {
		if err := os.MkdirAll(m.target, 0o755); err != nil {
			return fmt.Errorf("create %s: %w", m.target, err)
		}
		if err := unix.Mount(m.source, m.target, m.fstype, unix.MS_NOSUID, m.data); err != nil {
			return fmt.Errorf("mount %s: %w", m.target, err)
		}
	}
	for name, target := range map[string]string{
		"fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2",
	} {
		os.Symlink(target, filepath.Join("/dev", name)) // they may be there
	}
	unix.Sethostname([]byte("kmodlab"))
	return nil
}

// mountTemporary gives the system the folders that are empty at each start.
func mountTemporary(target string) error {
	for dir, mode := range map[string]string{"run": "mode=0755", "tmp": "mode=1777"} {
		at := filepath.Join(target, dir)
		if err := os.MkdirAll(at, 0o755); err != nil {
			return fmt.Errorf("create %s: %w", at, err)
		}
		if err := unix.Mount(dir, at, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, mode); err != nil {
			return fmt.Errorf("mount %s: %w", at, err)
		}
	}
	return nil
}

// openFolder makes a folder in which everybody may make files, as in /tmp.
func openFolder(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return os.Chmod(dir, 0o777|os.ModeSticky)
}

// showTree shows a folder of the system at the same place of the agent's own root.
func showTree(target, tree string) error {
	if tree == "" {
		return nil
	}
	if err := os.MkdirAll(tree, 0o755); err != nil {
		return err
	}
	if err := unix.Mount(filepath.Join(target, tree), tree, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("show %s of the system: %w", tree, err)
	}
	return nil
}

// onOwnThread has f run on a thread that nothing else uses and that ends with f. It is never the main thread, whose
// namespaces are what /proc shows of the whole process.
func onOwnThread(f func()) {
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() != unix.Getpid() {
			f()
			return // without unlocking: the thread ends
		}
		taken := make(chan struct{})
		go func() {
			runtime.LockOSThread()
			close(taken)
			f()
		}()
		<-taken // until then the main thread is this goroutine's
		runtime.UnlockOSThread()
	}()
}

// serveIn does work on the calling thread, whose root becomes the system, for ever.
func (u *userland) serveIn(ready chan<- error) {
	if err := enter(u.target); err != nil {
		ready <- err
		return
	}
	u.mounts = listMounts()
	ready <- nil
	for f := range u.work {
		f()
	}
}

// enter gives the calling thread a mount namespace in which target is the root.
func enter(target string) error {
	if err := unix.Unshare(unix.CLONE_FS | unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("unshare the mount namespace: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_PRIVATE|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("make the mounts private: %w", err)
	}
	return switchRoot(target)
}

// do has the thread of the system do something. It is false if there is no system.
func (u *userland) do(f func()) bool {
	u.mu.Lock()
	work := u.work
	u.mu.Unlock()
	if work == nil {
		return false
	}
	done := make(chan struct{})
	work <- func() { defer close(done); f() }
	<-done
	return true
}

// guardInit keeps PID 1 alive whatever signal a program sends it: Go's runtime would end it, and the kernel panic. The
// kernel itself ignores SIGKILL and SIGSTOP for PID 1. Handlers are not inherited by programs, as ignored signals are.
func guardInit() {
	var all []os.Signal
	for sig := unix.Signal(1); sig < 65; sig++ {
		if sig != unix.SIGCHLD && sig != unix.SIGURG { // the runtime's own
			all = append(all, sig)
		}
	}
	ignored := make(chan os.Signal, 1)
	signal.Notify(ignored, all...) // who does not read misses them
	for _, sig := range []uintptr{32, 34} {
		ignoreSignal(sig)
	}
}

// ignoreSignal ignores a signal that Go's runtime leaves to a C library, and os/signal does not take. The kernel drops
// one with its default action for PID 1, but not if the main thread blocks it just then and another thread does not:
// that is the end of PID 1 (complete_signal, as of 6.1). Programs inherit it, and a C library that uses the signal sets
// a handler first.
func ignoreSignal(sig uintptr) {
	const ignore = 1 // SIG_IGN
	action := struct{ handler, flags, restorer, mask uint64 }{handler: ignore}
	unix.RawSyscall6(unix.SYS_RT_SIGACTION, sig, uintptr(unsafe.Pointer(&action)), 0, 8, 0, 0)
}

// linkUp sets a network interface up.
func linkUp(name string) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil // a kernel without a network has no interfaces
	}
	defer unix.Close(fd)
	req, err := unix.NewIfreq(name)
	if err != nil {
		return fmt.Errorf("set %s up: %w", name, err)
	}
	req.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, req); err != nil {
		return fmt.Errorf("set %s up: %w", name, err)
	}
	return nil
}
