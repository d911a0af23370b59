// SPDX-License-Identifier: MIT

package guest

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/kmodlab/kmodlab/internal/wire"
	"github.com/kmodlab/kmodlab/tracer/holders"
)

// mostHolders bounds how many holders of a module are reported.
const mostHolders = 64

// holders finds who holds a module: programs by their open files and mappings, and mounts.
func (a *Agent) holders(call *wire.Message, _ func([]byte) error) (any, []byte, error) {
	var args wire.HoldersArgs
	if err := json.Unmarshal(call.Body, &args); err != nil {
		return nil, nil, fmt.Errorf("read arguments: %w", err)
	}
	result := new(wire.HoldersResult)
	find := func() {
		points := openMounts()
		defer points.close()
		found, err := holders.Find(args.Module)
		if err != nil {
			result.Why = err.Error()
		}
		result.Holders = describeAll(found, points)
	}
	if !a.userland.do(find) { // whose thread sees what the programs have mounted
		find()
	}
	return result, nil, nil
}

// describeAll says who the holders are.
func describeAll(found []holders.Holder, points mountPoints) []wire.Holder {
	var list []wire.Holder
	own := uint32(os.Getpid())
	for i, h := range found {
		point, ours := points[int(h.FD)]
		switch {
		case len(list) == mostHolders:
			return list
		case h.TGID == own && h.Kind == holders.Mounted && ours:
			list = append(list, wire.Holder{How: wire.HeldMounted, Path: point, FD: -1})
		case h.TGID == own: // the agent's own, such as the host's reading
		case h.Kind == holders.Mapped && isMappedBefore(found[:i], h):
		default:
			list = append(list, describe(h))
		}
	}
	return list
}

// isMappedBefore reports whether a mapping adds nothing: its process has the file open, or mapped elsewhere.
func isMappedBefore(before []holders.Holder, h holders.Holder) bool {
	return slices.ContainsFunc(before, func(b holders.Holder) bool { return b.TGID == h.TGID && b.File == h.File })
}

func describe(h holders.Holder) wire.Holder {
	pid := int(h.TGID)
	dir := fmt.Sprintf("/proc/%d/", pid)
	comm, _ := os.ReadFile(dir + "comm") // it may have ended
	w := wire.Holder{
		PID: pid, Comm: strings.TrimSuffix(string(comm), "\n"), How: wire.HeldOpen, FD: int(h.FD), File: h.File,
	}
	w.Program, _ = os.Readlink(dir + "exe")
	if h.Kind != holders.Mapped {
		w.Path, _ = os.Readlink(dir + "fd/" + strconv.Itoa(w.FD))
		return w
	}
	w.How, w.FD = wire.HeldMapped, -1
	maps, _ := os.ReadFile(dir + "maps")
	for line := range strings.Lines(string(maps)) {
		fields := strings.Fields(line)
		start, _, _ := strings.Cut(line, "-")
		if at, err := strconv.ParseUint(start, 16, 64); err == nil && at == h.Start && len(fields) > 5 {
			w.Path = fields[5]
		}
	}
	return w
}

// mountPoints are open mount points by descriptor. What is only a path runs no code of the file system's when it is
// opened.
type mountPoints map[int]string

func (p mountPoints) close() {
	for fd := range p {
		unix.Close(fd)
	}
}

// mostMounts bounds how many mount points are looked at.
const mostMounts = 256

// unlikely are file systems that no module under study serves.
var unlikely = []string{
	"proc", "sysfs", "tmpfs", "devtmpfs", "devpts", "overlay", "cgroup2", "debugfs", "tracefs", "rootfs",
	"autofs", "nfs", "nfs4", "cifs", "smb3", "ceph", "9p", "fuse", // of a real machine: they may wait for another one
}

// openMounts opens the mount points that the calling thread sees.
func openMounts() mountPoints {
	points := make(mountPoints)
	for _, m := range listMounts() {
		if slices.Contains(unlikely, m.kind) || len(points) == mostMounts {
			continue
		}
		if fd, err := unix.Open(m.at, unix.O_PATH|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0); err == nil {
			points[fd] = m.at
		}
	}
	return points
}
