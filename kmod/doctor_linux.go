// SPDX-License-Identifier: MIT

package kmod

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Diagnose reports what keeps a module of the running kernel from being unloaded. It
// finds processes by open device files that belong to a driver of the module, that its
// aliases name, or that are called like the module; by kernel stacks inside it (as root,
// with CONFIG_STACKTRACE); and it finds mounts. It changes nothing, and never returns
// nil. Processes that start or end meanwhile are no error.
func Diagnose(name string) *Diagnosis {
	t, err := Running()
	if err != nil {
		t = &Tree{}
	}
	return running.diagnose(CanonicalName(name), t.aliasesOf(CanonicalName(name)))
}

// aliasesOf returns a module's own aliases, nil if its file is not found.
func (t *Tree) aliasesOf(name string) []string {
	m, ok, err := t.module(name)
	if !ok || err != nil {
		return nil
	}
	file, err := OpenModule(m.Path)
	if err != nil {
		return nil
	}
	return file.Info.All("alias")
}

func (k kernelState) diagnose(name string, aliases []string) *Diagnosis {
	d := &Diagnosis{Module: name, State: k.state(name), Refcnt: k.refcnt(name),
		Holders: k.holders(name), Permanent: k.permanent(name)}
	if d.State == StateLive && d.Refcnt > 0 {
		d.Users = k.users(name, aliases)
		d.Mounts = k.mounts(name, aliases)
	}
	d.judge()
	return d
}

// permanent reads /proc/modules, the only place where the kernel says it.
func (k kernelState) permanent(name string) bool {
	data, err := os.ReadFile(filepath.Join(k.proc, "modules"))
	if err != nil {
		return false
	}
	for line := range lines(data) {
		f := strings.Fields(string(line))
		if len(f) > 3 && f[0] == name {
			return strings.Contains(f[3], "[permanent]")
		}
	}
	return false
}

// users checks all processes except this one.
func (k kernelState) users(name string, aliases []string) []User {
	entries, err := os.ReadDir(k.proc)
	if err != nil {
		return nil
	}
	finder := userFinder{k, name, aliases, k.driverDevices(name)}
	var users []User
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		if how := finder.how(filepath.Join(k.proc, e.Name())); how != "" {
			comm, _ := os.ReadFile(filepath.Join(k.proc, e.Name(), "comm"))
			users = append(users, User{pid, strings.TrimSpace(string(comm)), how})
		}
	}
	slices.SortFunc(users, func(a, b User) int { return a.PID - b.PID })
	return users
}

// driverDevices are the devices, below /sys/devices, that the module's drivers serve.
func (k kernelState) driverDevices(name string) []string {
	drivers, _ := filepath.Glob(filepath.Join(k.sys, "module", name, "drivers/*/*"))
	var devices []string
	for _, link := range drivers {
		st, err := os.Lstat(link)
		if err != nil || st.Mode()&fs.ModeSymlink == 0 || filepath.Base(link) == "module" {
			continue
		}
		if dev, err := filepath.EvalSymlinks(link); err == nil {
			devices = append(devices, dev)
		}
	}
	return devices
}

type userFinder struct {
	k       kernelState
	name    string
	aliases []string
	devices []string
}

// how says what connects a process with the module, "" for nothing.
func (u *userFinder) how(dir string) string {
	for _, pattern := range []string{"stack", "task/*/stack"} {
		stacks, _ := filepath.Glob(filepath.Join(dir, pattern))
		for _, path := range stacks {
			if data, err := os.ReadFile(path); err == nil && strings.Contains(string(data), "["+u.name+"]") {
				return "stack"
			}
		}
	}
	for _, path := range openFiles(dir) {
		if target, err := os.Readlink(path); err == nil && u.leads(path, target) {
			return target
		}
	}
	return ""
}

// openFiles are the links to a process's open files. If the first thread has ended, only
// the other threads have them.
func openFiles(dir string) []string {
	files, _ := filepath.Glob(filepath.Join(dir, "fd/*"))
	if len(files) == 0 {
		files, _ = filepath.Glob(filepath.Join(dir, "task/*/fd/*"))
	}
	return files
}

// leads reports whether an open file is the module's: a device file by its number, a
// file of /proc, debugfs or the like by its name.
func (u *userFinder) leads(path, target string) bool {
	var st unix.Stat_t
	if unix.Stat(path, &st) != nil {
		return false
	}
	major, minor := unix.Major(st.Rdev), unix.Minor(st.Rdev)
	kind := ""
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFCHR:
		kind = "char"
	case unix.S_IFBLK:
		kind = "block"
	}
	if kind == "" {
		virtual := strings.HasPrefix(target, "/proc/") || strings.HasPrefix(target, "/sys/")
		return virtual && CanonicalName(target) == u.name
	}
	if CanonicalName(target) == u.name || u.k.majorOf(kind, major) == u.name ||
		slices.Contains(u.aliases, fmt.Sprintf("%s-major-%d-%d", kind, major, minor)) ||
		slices.Contains(u.aliases, fmt.Sprintf("%s-major-%d-*", kind, major)) ||
		slices.Contains(u.aliases, "devname:"+strings.TrimPrefix(target, "/dev/")) {
		return true
	}
	dev, err := filepath.EvalSymlinks(filepath.Join(u.k.sys, "dev", kind, fmt.Sprintf("%d:%d", major, minor)))
	return err == nil && slices.ContainsFunc(u.devices, func(d string) bool {
		return dev == d || strings.HasPrefix(dev, d+"/")
	})
}

// majorOf is the name in /proc/devices under which a driver registered a major number.
func (k kernelState) majorOf(kind string, major uint32) string {
	data, err := os.ReadFile(filepath.Join(k.proc, "devices"))
	if err != nil {
		return ""
	}
	section := ""
	for line := range lines(data) {
		text := string(line)
		if strings.HasSuffix(text, "devices:") {
			section = strings.ToLower(text)
			continue
		}
		f := strings.Fields(text)
		if len(f) == 2 && f[0] == strconv.Itoa(int(major)) && strings.HasPrefix(section, kind) {
			return CanonicalName(f[1])
		}
	}
	return ""
}

// mounts are the mount points of file systems that the module implements, by its
// name or its alias fs-NAME.
func (k kernelState) mounts(name string, aliases []string) []string {
	data, err := os.ReadFile(filepath.Join(k.proc, "self/mounts"))
	if err != nil {
		return nil
	}
	var points []string
	for line := range lines(data) {
		f := strings.Fields(string(line))
		if len(f) > 2 && (f[2] == name || slices.Contains(aliases, "fs-"+f[2])) {
			points = append(points, f[1])
		}
	}
	return points
}

// writers are the processes that have a file open for writing.
func (k kernelState) writers(path string) []User {
	var want unix.Stat_t
	if unix.Stat(path, &want) != nil {
		return nil
	}
	processes, _ := filepath.Glob(filepath.Join(k.proc, "[0-9]*"))
	var users []User
	for _, dir := range processes {
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err != nil || !slices.ContainsFunc(openFiles(dir), func(fd string) bool { return writes(fd, want) }) {
			continue
		}
		comm, _ := os.ReadFile(filepath.Join(dir, "comm"))
		users = append(users, User{pid, strings.TrimSpace(string(comm)), path})
	}
	return users
}

// writes reports whether an open file is the wanted one, open for writing.
func writes(fd string, want unix.Stat_t) bool {
	var st unix.Stat_t
	if unix.Stat(fd, &st) != nil || st.Dev != want.Dev || st.Ino != want.Ino {
		return false
	}
	return writable(filepath.Join(filepath.Dir(filepath.Dir(fd)), "fdinfo", filepath.Base(fd)))
}

// writable reads the flags of an open file, which fdinfo has in octal.
func writable(fdinfo string) bool {
	data, err := os.ReadFile(fdinfo)
	if err != nil {
		return false
	}
	for line := range lines(data) {
		if text, ok := strings.CutPrefix(string(line), "flags:"); ok {
			flags, err := strconv.ParseInt(strings.TrimSpace(text), 8, 64)
			return err == nil && flags&syscall.O_ACCMODE != syscall.O_RDONLY
		}
	}
	return false
}
