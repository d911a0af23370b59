// SPDX-License-Identifier: MIT

package guest

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/kmodlab/kmodlab/internal/wire"
)

// maxNames bounds how many names one message reports if a module makes entries without end.
const maxNames = 8000

const (
	procDir = "/proc"
	slabDir = "/sys/kernel/slab"
)

// roots are the folders whose names reveal what a module left behind, with the depth to list. Only names are read: a
// stat or an open of something that a module left there would run into its code, which is gone. So /proc/sys is not
// among them, since listing it reads the tables themselves.
var roots = []struct {
	dir   string
	depth int
}{
	{procDir, 2}, {"/sys/class", 2}, {"/sys/kernel", 1}, {"/sys/kernel/debug", 1}, {slabDir, 1},
	{"/sys/bus", 1}, {"/sys/fs", 1}, {"/sys/devices/virtual", 2}, {"/sys/devices/platform", 1},
}

// snapshot lists everything, or only what was not there when everything was listed: most of it is the same, and sending
// it takes time under emulation.
func (a *Agent) snapshot(call *wire.Message, _ func([]byte) error) (any, []byte, error) {
	var args wire.SnapshotArgs
	if len(call.Body) > 0 {
		if err := json.Unmarshal(call.Body, &args); err != nil {
			return nil, nil, fmt.Errorf("read arguments: %w", err)
		}
	}
	a.names.mu.Lock()
	defer a.names.mu.Unlock()
	s, err := a.names.look()
	if err != nil {
		return nil, nil, err
	}
	if args.Added && a.names.first != nil {
		return a.names.added(s), nil, nil
	}
	a.names.remember(s)
	return s, nil, nil
}

// names are what the earlier looks found.
type names struct {
	mu    sync.Mutex
	first map[string]bool // what was there when everything was listed
	// threads maps the tasks of the last look to "name[pid]", or to nothing if a task is no kernel thread worth
	// reporting. Opening a task's file is most of what a look costs under emulation, and makes the kernel free memory
	// each time, which then fills its trace. So only new tasks are opened.
	threads map[dirent]string
}

func (n *names) look() (*wire.SnapshotResult, error) {
	s := &wire.SnapshotResult{Files: []string{}, Devices: []string{}, Threads: []string{}}
	buf := make([]byte, direntsSize)
	for _, root := range roots {
		entries := readFolder(root.dir, buf)
		s.Files = appendNames(s.Files, root.dir, entries, root.depth, buf)
		if root.dir == procDir {
			s.Threads = append(s.Threads, n.kthreads(entries)...)
		}
	}
	devices, err := os.ReadFile("/proc/devices")
	if err != nil {
		return nil, err
	}
	kind := ""
	for line := range strings.Lines(string(devices)) {
		line = strings.TrimSpace(line)
		if name, ok := strings.CutSuffix(line, " devices:"); ok {
			kind = strings.ToLower(name)
		} else if line != "" {
			s.Devices = append(s.Devices, kind+" device "+line)
		}
	}
	return s, nil
}

func (n *names) remember(s *wire.SnapshotResult) {
	n.first = make(map[string]bool, len(s.Files)+len(s.Devices)+len(s.Threads))
	for _, list := range [][]string{s.Files, s.Devices, s.Threads} {
		for _, name := range list {
			n.first[name] = true
		}
	}
}

func (n *names) added(s *wire.SnapshotResult) *wire.SnapshotResult {
	known := func(name string) bool { return n.first[name] }
	return &wire.SnapshotResult{
		Files:   slices.DeleteFunc(s.Files, known),
		Devices: slices.DeleteFunc(s.Devices, known),
		Threads: slices.DeleteFunc(s.Threads, known),
	}
}

// knowTasks looks only at the tasks, so that the next look knows them.
func (n *names) knowTasks() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.kthreads(readFolder(procDir, make([]byte, direntsSize)))
}

// appendNames adds the entries of dir and everything below them. The kind of an entry comes with its name, so nothing
// else is touched.
func appendNames(list []string, dir string, entries []dirent, depth int, buf []byte) []string {
	for _, e := range entries {
		if dir == procDir && (isNumber(e.name) || e.name == "sys") {
			continue
		}
		if dir == slabDir && e.kind == unix.DT_LNK {
			continue // another name of a merged cache, which the kernel keeps when that cache goes
		}
		if len(list) == maxNames {
			break
		}
		full := dir + "/" + e.name
		list = append(list, full)
		if e.kind == unix.DT_DIR && depth > 1 {
			list = appendNames(list, full, readFolder(full, buf), depth-1, buf)
		}
	}
	return list
}

func isNumber(s string) bool {
	_, err := strconv.Atoi(s)
	return err == nil
}

// kthreads returns the kernel threads among the entries of /proc, without workers. An entry's inode is created with it
// and its number is not reused, so a new task with an old one's pid is not mistaken for it.
func (n *names) kthreads(proc []dirent) []string {
	threads := make(map[dirent]string, len(proc))
	var list []string
	for _, e := range proc {
		if !isNumber(e.name) {
			continue
		}
		thread, ok := n.threads[e]
		if !ok {
			if thread, ok = kthread(e.name); !ok {
				continue
			}
		}
		threads[e] = thread
		if thread != "" && len(list) < maxNames {
			list = append(list, thread)
		}
	}
	n.threads = threads
	return list
}

// kthread reads one task's name; false if it is gone.
func kthread(pid string) (name string, ok bool) {
	stat, err := os.ReadFile(path.Join(procDir, pid, "stat"))
	if err != nil {
		return "", false
	}
	t, ok := parseStat(stat)
	if !ok || !t.Kernel || strings.HasPrefix(t.Comm, "kworker/") {
		return "", ok
	}
	return t.Comm + "[" + pid + "]", true
}

// dirent is an entry of a folder, as getdents64(2) returns it.
type dirent struct {
	name  string
	kind  byte // unix.DT_DIR and so on
	inode uint64
}

// direntsSize is the size of the buffer for reading folders, one for a whole look: pages that are used for the first
// time take long under emulation.
const direntsSize = 16 << 10

// readFolder lists a folder in the kernel's order; an unreadable one is empty.
func readFolder(dir string, buf []byte) []dirent {
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	defer unix.Close(fd)
	var list []dirent
	for {
		n, err := unix.Getdents(fd, buf)
		if err == unix.EINTR {
			continue
		}
		if err != nil || n <= 0 {
			return list
		}
		list = appendDirents(list, buf[:n])
	}
}

// direntName is where in struct linux_dirent64 the name begins, after the inode (8 bytes), a position (8), the entry's
// size (2) and its kind (1).
const direntName = 19

func appendDirents(list []dirent, buf []byte) []dirent {
	for len(buf) > direntName {
		size := int(binary.NativeEndian.Uint16(buf[16:]))
		if size <= direntName || size > len(buf) {
			break
		}
		name, _, _ := bytes.Cut(buf[direntName:size], []byte{0})
		if s := string(name); s != "." && s != ".." {
			list = append(list, dirent{s, buf[18], binary.NativeEndian.Uint64(buf)})
		}
		buf = buf[size:]
	}
	return list
}
