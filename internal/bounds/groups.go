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
	only := func() ([]cgroup1.Subsystem, error) {
		all, err := cgroup1.Default()
		var list []cgroup1.Subsystem
		for _, s := range all {
			if s.Name() == cgroup1.Memory || s.Name() == cgroup1.Pids {
				list = append(list, s)
			}
		}
		if err == nil && len(list) < 2 {
			err = errors.New("the controllers for memory and pids are not mounted")
		}
		return list, err
	}
	g, err := cgroup1.New(cgroup1.StaticPath(newName()), &specs.LinuxResources{
		Memory: &specs.LinuxMemory{Limit: &l.Memory}, Pids: &specs.LinuxPids{Limit: &l.Processes},
	}, cgroup1.WithHiearchy(only))
	if err != nil {
		return nil, err
	}
	return &v1{group: g}, nil
}

func (g *v1) entered(pid int) error {
	return g.pass(g.group.AddProc(uint64(pid)))
}

func (g *v1) exceeded() bool {
	stat, err := g.group.Stat(cgroup1.IgnoreNotExist)
	return err == nil && stat.MemoryOomControl.GetOomKill() > 0
}

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

func newV2(l Limits) (group, error) {
	none := int64(0)
	g, err := cgroup2.NewManager(mountpoint, newName(), &cgroup2.Resources{
		Memory: &cgroup2.Memory{Max: &l.Memory, Swap: &none}, Pids: &cgroup2.Pids{Max: l.Processes},
	})
	if err != nil {
		return nil, err
	}
	return &v2{group: g}, nil
}

func (g *v2) entered(pid int) error {
	return g.pass(g.group.AddProc(uint64(pid)))
}

func (g *v2) exceeded() bool {
	stat, err := g.group.Stat()
	return err == nil && stat.GetMemoryEvents().GetOomKill() > 0
}

func (g *v2) close() error {
	return remove(func() { g.group.Kill() }, g.group.Delete)
}
