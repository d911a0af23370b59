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
	reap func() // collects processes that have ended
}

// groupsDir is where the control groups are mounted.
const groupsDir = "/sys/fs/cgroup"

// testsGroup is the group of all programs together.
const testsGroup = "tests"

// The bounds of all programs together. What the agent and the kernel need is left.
const (
	keptMemory   = 96 << 20 // bytes
	mostPrograms = 1024     // processes and threads
)

// makeGroups mounts the control groups and bounds them. A kernel without them bounds nothing.
func makeGroups(reap func()) groups {
	if err := unix.Mount("cgroup2", groupsDir, "cgroup2", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return groups{}
	}
	dir := filepath.Join(groupsDir, testsGroup)
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
	os.WriteFile(filepath.Join(dir, "cgroup.subtree_control"), []byte("+pids"), 0) // each group counts its own
	return groups{dir: dir, reap: reap}
}

// group is the control group of one program.
type group struct {
	path   string // "" if there is none
	dir    *os.File
	reap   func()
	before map[int]bool // processes in no group of a program when it was made
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
	return group{path, dir, g.reap, outside()}
}

// members are the processes of the group and of those below it.
func (g *group) members() []int {
	if g.path == "" {
		return nil
	}
	var list []int
	filepath.WalkDir(g.path, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			list = append(list, processesIn(path)...)
		}
		return nil
	})
	return list
}

func processesIn(group string) []int {
	var list []int
	text, _ := os.ReadFile(filepath.Join(group, "cgroup.procs"))
	for _, word := range strings.Fields(string(text)) {
		if pid, err := strconv.Atoi(word); err == nil {
			list = append(list, pid)
		}
	}
	return list
}

// outside are the processes that are in no group of a program: the kernel's threads, the agent, its commands, and what
// went out of its group, which a program of root's can do.
func outside() map[int]bool {
	all := make(map[int]bool)
	filepath.WalkDir(groupsDir, func(path string, d os.DirEntry, err error) error {
		switch {
		case err != nil || !d.IsDir():
			return nil
		case path == filepath.Join(groupsDir, testsGroup):
			return filepath.SkipDir
		}
		for _, pid := range processesIn(path) {
			all[pid] = true
		}
		return nil
	})
	return all
}

// strays are processes of the system of OpUserland that came while the program ran, and are in no group: only programs
// have a mount namespace other than the agent's own.
func (g *group) strays() []int {
	own, err := os.Readlink("/proc/1/ns/mnt")
	if err != nil {
		return nil
	}
	var list []int
	for pid := range outside() {
		if g.before[pid] {
			continue
		}
		ns, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/mnt", pid))
		if err == nil && ns != own {
			list = append(list, pid)
		}
	}
	return list
}

// endStrays ends them, and what they start meanwhile.
func (g *group) endStrays(list []int) {
	for began := time.Now(); len(list) > 0 && time.Since(began) < killGrace; list = g.strays() {
		for _, pid := range list {
			unix.Kill(pid, unix.SIGKILL)
		}
		time.Sleep(time.Millisecond)
		g.reap()
	}
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

// end kills what is in the group, and removes it. It returns the first names of what was there, and how many that were.
// What hangs in the kernel stays.
func (g *group) end() (names []string, n int) {
	if g.path == "" {
		return nil, 0
	}
	defer g.dir.Close()
	pids := g.members()
	strays := g.strays()
	names = namesOf(append(pids, strays...))
	for began := time.Now(); ; time.Sleep(time.Millisecond) {
		n := g.kill()
		if n == 0 {
			g.buried()
			break
		}
		if time.Since(began) > killGrace && n < mostSeen || time.Since(began) > crowdTime {
			break
		}
	}
	if len(strays) > 0 {
		g.endStrays(strays)
	}
	removeGroup(g.path)
	return names, len(pids) + len(strays)
}

// buried waits until the processes of the group that have ended are collected: until then they count against the bound
// of all programs, and the next one might not be able to start a process. It gives up once nothing changes any more.
func (g *group) buried() {
	before := ""
	for changed := time.Now(); time.Since(changed) < killGrace; time.Sleep(time.Millisecond) {
		g.reap()
		text, err := os.ReadFile(filepath.Join(g.path, "pids.current"))
		now := strings.TrimSpace(string(text))
		if err != nil || now == "0" {
			return
		}
		if now != before {
			before, changed = now, time.Now()
		}
	}
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
