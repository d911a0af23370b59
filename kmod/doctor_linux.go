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

// Diagnosis says what keeps a loaded module from being unloaded.
type Diagnosis struct {
	Module    string
	State     State
	Refcnt    int      // -1 where the kernel cannot unload it
	Holders   []string // modules that use it
	Permanent bool     // it has an init function and no exit function
	Users     []User   // processes seen to use it; nobody may be, although Refcnt is not 0
	Mounts    []string // mount points of a file system that it implements
	Kind      error    // ErrInUse, ErrPermanent, ErrBusy, ErrBuiltin, ErrNotLoaded; nil where nothing keeps it
	Cause     string   // one sentence
	Hint      string   // what to do
}

// User is a process that uses a module.
type User struct {
	PID  int
	Comm string
	// How is what shows it: "stack" (it is inside the module's code now), or the
	// open file that leads to the module.
	How string
}

func (u User) String() string { return fmt.Sprintf("%s[%d] (%s)", u.Comm, u.PID, u.How) }

// Diagnose looks at a module of the running kernel. Processes are found by open
// device files that lead to a driver of the module, that its aliases name, or
// whose name is the module's; by kernel stacks inside it (root only, and
// CONFIG_STACKTRACE); and by mounts. It changes nothing. Processes that come and
// go meanwhile are no error.
func Diagnose(name string) *Diagnosis {
	t, err := Running()
	if err != nil {
		t = &Tree{}
	}
	return running.diagnose(CanonicalName(name), t.aliasesOf(CanonicalName(name)))
}

// aliasesOf are a module's own aliases, nil where its file is not found.
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
	d := &Diagnosis{Module: name, State: k.state(name), Refcnt: k.refcnt(name), Holders: k.holders(name), Permanent: k.permanent(name)}
	if d.State == StateLive && d.Refcnt > 0 {
		d.Users = k.users(name, aliases)
		d.Mounts = k.mounts(name, aliases)
	}
	d.judge()
	return d
}

// judge finds what stands in the way first, from facts alone.
func (d *Diagnosis) judge() {
	name := d.Module
	switch {
	case d.State == StateNone:
		d.Kind, d.Cause = ErrNotLoaded, name+" is not loaded"
	case d.State == StateBuiltin:
		d.Kind, d.Cause = ErrBuiltin, name+" is part of the kernel image"
	case d.State == StateComing:
		d.Kind, d.Cause = ErrBusy, "the init function of "+name+" has not returned: it waits, or it crashed"
		d.Hint = "see the kernel's log for a crash; after one only a restart removes the module"
	case d.State == StateGoing:
		d.Kind, d.Cause = ErrBusy, name+" is being unloaded: its exit function waits, or it crashed"
		d.Hint = "see the kernel's log for a crash; after one only a restart removes the module"
	case len(d.Holders) > 0:
		d.Kind, d.Cause = ErrInUse, name+" is used by "+strings.Join(d.Holders, ", ")
		d.Hint = "unload these first, or modprobe -r --remove-holders " + name
	case len(d.Mounts) > 0:
		d.Kind, d.Cause = ErrInUse, name+" serves the file systems mounted at "+strings.Join(d.Mounts, ", ")
		d.Hint = "umount " + strings.Join(d.Mounts, " ")
	case len(d.Users) > 0:
		names := make([]string, len(d.Users))
		for i, u := range d.Users {
			names[i] = u.String()
		}
		d.Kind, d.Cause = ErrInUse, fmt.Sprintf("%s has refcount %d; it is used by %s", name, d.Refcnt, strings.Join(names, ", "))
		d.Hint = "end these processes, or have them close the file"
	case d.Refcnt > 0:
		d.Kind, d.Cause = ErrInUse, fmt.Sprintf("%s has refcount %d, no holders, and no process is seen to use it: a try_module_get without its module_put, or an open socket or timer of it", name, d.Refcnt)
		d.Hint = "a leaked reference is only gone after a restart"
	case d.Permanent:
		d.Kind, d.Cause, d.Hint = ErrPermanent, name+" has no exit function", "add module_exit() to the source; this one stays until a restart"
	default:
		d.Cause = "nothing keeps " + name
	}
}

// permanent reads /proc/modules, the only place where the kernel says so.
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

// users goes through all processes but this one.
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

// driverDevices are the names below /sys/devices of what the module's drivers serve.
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

// how says what leads from a process to the module, "" for nothing.
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

// openFiles are the links to a process's open files. A process whose first thread
// has ended shows them with its other threads only.
func openFiles(dir string) []string {
	files, _ := filepath.Glob(filepath.Join(dir, "fd/*"))
	if len(files) == 0 {
		files, _ = filepath.Glob(filepath.Join(dir, "task/*/fd/*"))
	}
	return files
}

// leads tells whether an open file is the module's: a device file by its number,
// a file of /proc, debugfs or the like by its name.
func (u *userFinder) leads(path, target string) bool {
	var st unix.Stat_t
	if unix.Stat(path, &st) != nil {
		return false
	}
	kind, number := "", fmt.Sprintf("%d:%d", unix.Major(st.Rdev), unix.Minor(st.Rdev))
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
	if CanonicalName(target) == u.name || slices.Contains(u.aliases, fmt.Sprintf("%s-major-%d-%d", kind, unix.Major(st.Rdev), unix.Minor(st.Rdev))) ||
		slices.Contains(u.aliases, fmt.Sprintf("%s-major-%d-*", kind, unix.Major(st.Rdev))) ||
		slices.Contains(u.aliases, "devname:"+strings.TrimPrefix(target, "/dev/")) || u.k.majorOf(kind, unix.Major(st.Rdev)) == u.name {
		return true
	}
	dev, err := filepath.EvalSymlinks(filepath.Join(u.k.sys, "dev", kind, number))
	return err == nil && slices.ContainsFunc(u.devices, func(d string) bool { return dev == d || strings.HasPrefix(dev, d+"/") })
}

// majorOf is the name in /proc/devices under which a driver took a major number.
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

// writes tells whether an open file is the wanted one, open for writing.
func writes(fd string, want unix.Stat_t) bool {
	var st unix.Stat_t
	if unix.Stat(fd, &st) != nil || st.Dev != want.Dev || st.Ino != want.Ino {
		return false
	}
	return writable(filepath.Join(filepath.Dir(filepath.Dir(fd)), "fdinfo", filepath.Base(fd)))
}

// writable reads the flags of an open file, which fdinfo gives in octal.
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
