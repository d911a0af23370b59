// SPDX-License-Identifier: MIT

package bounds

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/containerd/cgroups/v3"
	"github.com/containerd/cgroups/v3/cgroup1"
	v1stats "github.com/containerd/cgroups/v3/cgroup1/stats"
	"github.com/containerd/cgroups/v3/cgroup2"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// mountpoint is where version 2 is mounted.
const mountpoint = "/sys/fs/cgroup"

// findGroups makes a group, as root, and removes it.
func findGroups() Way {
	sweep()
	w := Way{Name: "control groups, version 1", make: newV1}
	switch cgroups.Mode() {
	case cgroups.Unified:
		w = Way{Name: "control groups, version 2", make: newV2}
	case cgroups.Unavailable:
		return Way{Why: "no control groups are mounted"}
	}
	g, err := w.make(Limits{Memory: 64 << 20, Processes: 16})
	if err == nil {
		err = g.close()
	}
	if err != nil {
		return Way{Why: err.Error()}
	}
	return w
}

// A name has its owner's pid, so that the group of one that was killed can be told.
const prefix = "kmodlab-"

func newName() string {
	return fmt.Sprintf("/%s%d-%.8s", prefix, os.Getpid(), strings.ToLower(rand.Text()))
}

// sweep removes the groups of owners that have ended. Whatever a group had in it has ended with its owner's sandbox; if
// not, the kernel refuses.
func sweep() {
	for _, pattern := range []string{mountpoint + "/" + prefix + "*", mountpoint + "/*/" + prefix + "*"} {
		left, _ := filepath.Glob(pattern) // nil for none
		for _, dir := range left {
			pid, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(dir), prefix), "-")
			if _, err := os.Stat("/proc/" + pid); errors.Is(err, fs.ErrNotExist) {
				os.Remove(dir)
			}
		}
	}
}

// closeLimit is how long processes that were killed may take to leave their group.
const closeLimit = 5 * time.Second

// remove kills what is in a group until it is empty, and removes it.
func remove(kill func(), remove func() error) error {
	var err error
	for end := time.Now().Add(closeLimit); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		kill()
		if err = remove(); err == nil {
			break
		}
	}
	return err
}

type v1 struct {
	gate
	group cgroup1.Cgroup
}

func newV1(l Limits) (group, error) {
	list, err := controllersV1()
	if err != nil {
		return nil, err
	}
	memory := &specs.LinuxMemory{Limit: &l.Memory}
	if countsSwap(list) {
		memory.Swap = &l.Memory // of memory and swap together; else a group evades its limit into swap
	}
	g, err := cgroup1.New(cgroup1.StaticPath(newName()), &specs.LinuxResources{
		Memory: memory, Pids: &specs.LinuxPids{Limit: &l.Processes},
	}, cgroup1.WithHierarchy(func() ([]cgroup1.Subsystem, error) { return list, nil }))
	if err != nil {
		return nil, err
	}
	return &v1{group: g}, nil
}

// controllersV1 are the mounted ones that bound a group.
func controllersV1() ([]cgroup1.Subsystem, error) {
	all, err := cgroup1.Default()
	if err != nil {
		return nil, err
	}
	var list []cgroup1.Subsystem
	for _, s := range all {
		if s.Name() == cgroup1.Memory || s.Name() == cgroup1.Pids {
			list = append(list, s)
		}
	}
	if len(list) < 2 {
		return nil, errors.New("the controllers for memory and pids are not mounted")
	}
	return list, nil
}

// countsSwap reports whether this kernel counts the swap of groups: that is a choice of its configuration and of its
// command line (swapaccount).
func countsSwap(list []cgroup1.Subsystem) bool {
	for _, s := range list {
		at, ok := s.(interface{ Path(group string) string })
		if !ok || s.Name() != cgroup1.Memory {
			continue
		}
		if _, err := os.Stat(filepath.Join(at.Path("/"), "memory.memsw.limit_in_bytes")); err == nil {
			return true
		}
	}
	return false
}

func (g *v1) entered(pid int) error {
	return g.pass(g.group.AddProc(uint64(pid)))
}

// events: version 1 has no counter of the group's own shortages. A group that never came near its limit had none.
func (g *v1) events() events {
	stat, err := g.group.Stat(cgroup1.IgnoreNotExist)
	if err != nil {
		return events{}
	}
	e := events{kills: stat.GetMemoryOomControl().GetOomKill()}
	for _, m := range []*v1stats.MemoryEntry{stat.GetMemory().GetUsage(), stat.GetMemory().GetSwap()} {
		if m.GetLimit() > 0 && m.GetMax()+near >= m.GetLimit() { // the failures are not counted by kernel 6.18
			e.over++
		}
	}
	return e
}

// near is more than what is asked for at a time by who gets nothing, and is killed.
const near = 1 << 20

func (g *v1) close() error {
	return remove(func() {
		list, err := g.group.Processes(cgroup1.Pids, true)
		for i := 0; err == nil && i < len(list); i++ {
			syscall.Kill(list[i].Pid, syscall.SIGKILL)
		}
	}, g.group.Delete)
}

type v2 struct {
	gate
	group *cgroup2.Manager
}

func newV2(l Limits) (group, error) { return newV2In(mountpoint, newName(), l) }

// newV2In makes a group. A kernel that does not count the swap of groups (swapaccount=0) has no file for that limit;
// the others still hold.
func newV2In(root, name string, l Limits) (group, error) {
	g, err := cgroup2.NewManager(root, name, &cgroup2.Resources{
		Memory: &cgroup2.Memory{Max: &l.Memory}, Pids: &cgroup2.Pids{Max: l.Processes},
	})
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(root, name, "memory.swap.max")); err == nil {
		none := int64(0)
		if err := g.Update(&cgroup2.Resources{Memory: &cgroup2.Memory{Swap: &none}}); err != nil {
			return nil, errors.Join(err, g.Delete())
		}
	}
	return &v2{group: g}, nil
}

func (g *v2) entered(pid int) error {
	return g.pass(g.group.AddProc(uint64(pid)))
}

func (g *v2) events() events {
	stat, err := g.group.Stat()
	if err != nil {
		return events{}
	}
	return events{over: stat.GetMemoryEvents().GetOom(), kills: stat.GetMemoryEvents().GetOomKill()}
}

func (g *v2) close() error {
	return remove(func() { g.group.Kill() }, g.group.Delete)
}
