// SPDX-License-Identifier: MIT

package boot

import (
	"bytes"
	"debug/buildinfo"
	"debug/elf"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/kmodlab/kmodlab/internal/vm/cpio"
	"github.com/kmodlab/kmodlab/internal/wire"
	"github.com/kmodlab/kmodlab/kmod"
)

// File is one entry of the initramfs besides those that every guest gets.
type File struct {
	Name string // absolute, as the guest sees it
	Mode fs.FileMode
	Data []byte // contents; for a symbolic link, its target
	Host string // read the contents from this host file instead
}

// bootModules are what the ports and disks of vm.Config need. Debian builds virtio as modules; if a kernel has it built
// in, nothing is loaded.
var bootModules = []string{"virtio_pci", "virtio_console"}

// The agent finds its boot modules here. internal/guest repeats the name, since host and guest share messages, not
// code.
const bootModuleList = "lib/kmodlab/modules"

// makeInitramfs packs the agent, the drivers needed to reach it, and the caller's files. It is not compressed:
// unpacking would cost the guest more than QEMU's copy costs the host.
func makeInitramfs(opts Options) ([]byte, error) {
	var buf bytes.Buffer
	w := cpio.NewWriter(&buf)
	for _, dir := range []string{"dev", "proc", "sys", "tmp", "run", "usr/bin", "etc"} {
		w.Dir(dir, 0o755)
	}
	w.Device("dev/console", 0o600, 5, 1)
	// The kernel runs /sbin/modprobe, newer configurations the one in /usr.
	w.Dir("usr/sbin", 0o755)
	w.Symlink("sbin", "usr/sbin")
	for _, name := range commands {
		w.Symlink("usr/sbin/"+name, "/init")
	}
	entries, err := entries(opts)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		data := e.Data
		if e.Host != "" {
			if data, err = e.read(e.Host); err != nil {
				return nil, err
			}
		}
		name := filepath.Clean("/" + e.Name)[1:]
		if e.Mode&fs.ModeSymlink != 0 {
			w.Symlink(name, string(data))
		} else {
			w.File(name, e.Mode.Perm(), data)
		}
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("make initramfs: %w", err)
	}
	return buf.Bytes(), nil
}

// entry is a file of the initramfs, and how its Host is read.
type entry struct {
	File
	read func(path string) ([]byte, error)
}

// entries are the files: the agent first, then what it loads, then the caller's.
func entries(opts Options) ([]entry, error) {
	list := []entry{{File{Name: "init", Mode: 0o755, Host: opts.Agent}, readAgent}}
	modules, err := bootModuleFiles(opts)
	if err != nil {
		return nil, err
	}
	list = append(list, modules...)
	for _, f := range opts.Files {
		list = append(list, entry{f, readFile})
	}
	return list, nil
}

func readFile(path string) ([]byte, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read file for the guest: %w", err)
	}
	return data, nil
}

func readModule(path string) ([]byte, error) {
	data, err := kmod.ReadModule(path)
	if err != nil {
		return nil, fmt.Errorf("read boot module: %w", err)
	}
	return data, nil
}

// commands are the names under which the agent's program is a kmod command.
var commands = []string{"modprobe", "lsmod", "modinfo", "depmod", "insmod", "rmmod"}

// readAgent refuses a program that the guest, which has no libraries, could not start.
func readAgent(path string) ([]byte, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read agent: %w", err)
	}
	f, err := elf.NewFile(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("read agent %s: %w", path, err)
	}
	if info, err := buildinfo.Read(bytes.NewReader(data)); err == nil && strings.HasSuffix(info.Path, "/cmd/kmodlab") {
		return nil, fmt.Errorf("read agent %s: it is kmodlab itself; its agent is kmodlab-agent, beside it", path)
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			return nil, fmt.Errorf("read agent %s: it is linked dynamically; build it with CGO_ENABLED=0", path)
		}
	}
	return data, nil
}

func bootModuleFiles(opts Options) ([]entry, error) {
	names := append([]string{}, bootModules...)
	if len(opts.Disks) > 0 {
		names = append(names, "virtio_blk")
	}
	tree := &kmod.Tree{Root: opts.Kernel.Root, Release: opts.Kernel.Release}
	modules, err := kmod.Closure(tree, append(names, opts.Modules...))
	if err != nil {
		return nil, fmt.Errorf("find the kernel's boot modules: %w", err)
	}
	var files []entry
	var list bytes.Buffer
	for _, m := range modules {
		name := path.Join(path.Dir(bootModuleList), m.Name+".ko")
		files = append(files, entry{File{Name: name, Mode: 0o644, Host: m.Path}, readModule})
		fmt.Fprintf(&list, "/%s\n", name)
	}
	return append(files, entry{File: File{Name: bootModuleList, Mode: 0o644, Data: list.Bytes()}}), nil
}

// NoteHandler passes the agent's first message on once, and log records always.
func NoteHandler(hello chan<- wire.Hello, kmsg func(string)) func(*wire.Message) {
	return func(m *wire.Message) {
		switch m.Op {
		case wire.NoteHello:
			var h wire.Hello
			if json.Unmarshal(m.Body, &h) != nil {
				return // the deadline will tell
			}
			select {
			case hello <- h:
			default: // a second hello is nonsense
			}
		case wire.NoteKmsg:
			if kmsg != nil {
				kmsg(string(m.Blob))
			}
		}
	}
}
