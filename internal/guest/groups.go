// SPDX-License-Identifier: MIT

package guest

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// groups are the control groups of programs, one for each. With them a program's processes are found and ended whatever
// they did to hide: new sessions, new parents. Their sum of memory is bounded, so that the kernel ends one of them and
// never the agent.
type groups struct {
	dir  string // "" where the kernel has none
	next atomic.Int64
}

// groupsDir is where the control groups are mounted.
const groupsDir = "/sys/fs/cgroup"

// The bounds of all programs together. What the agent and the kernel need is left.
const (
	keptMemory   = 96 << 20 // bytes
	mostPrograms = 1024     // processes and threads
)

// makeGroups mounts the control groups and bounds them. A kernel without them bounds nothing.
func makeGroups() groups {
	if err := unix.Mount("cgroup2", groupsDir, "cgroup2", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return groups{}
	}
	dir := filepath.Join(groupsDir, "tests")
	if err := os.Mkdir(dir, 0o755); err != nil {
		return groups{}
	}
	for _, controller := range []string{"+cpu", "+memory", "+pids"} {
		os.WriteFile(filepath.Join(groupsDir, "cgroup.subtree_control"), []byte(controller), 0) // it may lack one
	}
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) == nil {
		if most := int64(info.Totalram)*int64(info.Unit) - keptMemory; most > 0 {
			os.WriteFile(filepath.Join(dir, "memory.max"), strconv.AppendInt(nil, most, 10), 0)
		}
	}
	os.WriteFile(filepath.Join(dir, "pids.max"), strconv.AppendInt(nil, mostPrograms, 10), 0)
	return groups{dir: dir}
}

// group is the control group of one program.
type group struct {
	path string // "" if there is none
	dir  *os.File
}

// open makes a group.
func (g *groups) open() group {
	if g.dir == "" {
		return group{}
	}
	path := filepath.Join(g.dir, strconv.FormatInt(g.next.Add(1), 10))
	if err := os.Mkdir(path, 0o755); err != nil {
		return group{}
	}
	dir, err := os.Open(path)
	if err != nil {
		return group{}
	}
	return group{path, dir}
}

// members are the processes of the group and of those below it.
func (g *group) members() []int {
	if g.path == "" {
		return nil
	}
	var list []int
	filepath.WalkDir(g.path, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return nil
		}
		text, _ := os.ReadFile(filepath.Join(path, "cgroup.procs"))
		for _, word := range strings.Fields(string(text)) {
			if pid, err := strconv.Atoi(word); err == nil {
				list = append(list, pid)
			}
		}
		return nil
	})
	return list
}

// kill kills what is in the group, and returns how many processes that were.
func (g *group) kill() int {
	pids := g.members()
	if len(pids) > 0 && os.WriteFile(filepath.Join(g.path, "cgroup.kill"), []byte("1"), 0) != nil { // before 5.14
		for _, pid := range pids {
			unix.Kill(pid, unix.SIGKILL)
		}
	}
	return len(pids)
}

// crowdTime is how long very many processes may take to end, under emulation on a busy host.
const crowdTime = 60 * time.Second

// end kills what is in the group, and removes it. It returns the names of what was there. What hangs in the kernel
// stays.
func (g *group) end() []string {
	if g.path == "" {
		return nil
	}
	defer g.dir.Close()
	pids := g.members()
	names := namesOf(pids)
	for began := time.Now(); ; time.Sleep(time.Millisecond) {
		n := g.kill()
		if n == 0 || time.Since(began) > killGrace && n < mostSeen || time.Since(began) > crowdTime {
			break
		}
	}
	removeGroup(g.path)
	return names
}

// mostNames bounds the names of what a program leaves behind.
const mostNames = 20

func namesOf(pids []int) []string {
	var names []string
	for _, pid := range pids {
		comm, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
		if err != nil {
			continue // it has just ended
		}
		if names = append(names, fmt.Sprintf("%s[%d]", strings.TrimSpace(string(comm)), pid)); len(names) == mostNames {
			break
		}
	}
	return names
}

// removeGroup removes a group and those that the program made below it.
func removeGroup(path string) {
	entries, _ := os.ReadDir(path)
	for _, e := range entries {
		if e.IsDir() {
			removeGroup(filepath.Join(path, e.Name()))
		}
	}
	unix.Rmdir(path)
}
