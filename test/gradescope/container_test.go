// SPDX-License-Identifier: MIT

package gradescope

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// container is a Debian in a folder, in which programs run as in a container of Docker.
type container struct {
	t    *testing.T
	root string
}

// makeContainer installs the smallest Debian 12.
func makeContainer(t *testing.T) *container {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("NOT TESTED: only root can make a Debian to change into")
	}
	if _, err := exec.LookPath("debootstrap"); err != nil {
		t.Fatalf("%v: type: make test-gradescope, which installs it", err)
	}
	c := &container{t, filepath.Join(t.TempDir(), "root")}
	out, err := exec.Command("debootstrap", "--variant=minbase", "bookworm", c.root, mirror(t)).CombinedOutput()
	if err != nil {
		t.Fatalf("debootstrap: %v\n%s", err, out)
	}
	return c
}

// mirror is where this machine's apt gets Debian from.
func mirror(t *testing.T) string {
	t.Helper()
	if m := os.Getenv("KMODLAB_MIRROR"); m != "" {
		return m
	}
	out, err := exec.Command("apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages",
		"Origin: Debian", "Component: main").Output()
	first, _, _ := strings.Cut(string(out), "\n")
	if err != nil || first == "" {
		t.Fatalf("apt knows no Debian mirror: %v: name one: KMODLAB_MIRROR=URL", err)
	}
	return first
}

// capabilities are those that Docker leaves a container's root. Without sys_admin there is no sandbox to build in.
const capabilities = "-all,+chown,+dac_override,+fowner,+fsetid,+kill,+setgid,+setuid,+setpcap,+net_bind_service," +
	"+net_raw,+sys_chroot,+mknod,+audit_write,+setfcap"

// enter changes into the container, with processes of its own: what still runs at the end is killed. $1 is its root and
// $2 the command; $3, if there is one, is the group that bounds its memory.
const enter = `set -e
[ -z "$3" ] || echo $$ >"$3/cgroup.procs"
exec unshare --mount --pid --fork --kill-child sh -ec '
	mount -t proc proc "$1/proc"
	mount -t tmpfs -o size=64m tmpfs "$1/dev/shm"
	exec chroot "$1" setpriv --bounding-set ` + capabilities + ` sh -c "$2"
' sh "$1" "$2"
`

// used is what a command took.
type used struct {
	time    time.Duration
	largest int64 // what the largest process had in memory, in bytes
	said    string
}

// run runs a command in the container, in a group for its memory if that is not empty.
func (c *container) run(command, group string) used {
	c.t.Helper()
	var said bytes.Buffer
	cmd := exec.CommandContext(c.t.Context(), "sh", "-c", enter, "sh", c.root, command, group)
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8", "KMODLAB_MIRROR=" + mirror(c.t)}
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	began := time.Now()
	if err := cmd.Run(); err != nil {
		c.t.Fatalf("%s: %v\n%s", command, err, said.Bytes()[max(0, said.Len()-6000):])
	}
	usage := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	return used{time.Since(began), usage.Maxrss << 10, said.String()}
}

// limit makes a group that bounds the memory of what is in it, its files' pages included. killed says how many
// processes that has cost. Where there are no such groups, group is empty.
func limit(t *testing.T, bytes int64) (group string, killed func() string) {
	t.Helper()
	for _, way := range []struct{ dir, bound, events, count string }{
		{"/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.oom_control", "oom_kill"},
		{"/sys/fs/cgroup", "memory.max", "memory.events", "oom_kill"},
	} {
		group := filepath.Join(way.dir, fmt.Sprintf("test-gradescope-%d", os.Getpid()))
		if os.Mkdir(group, 0o755) != nil {
			continue
		}
		t.Cleanup(func() {
			if err := os.Remove(group); err != nil {
				t.Errorf("something is left of the container: %v", err)
			}
		})
		err := os.WriteFile(filepath.Join(group, way.bound), fmt.Append(nil, bytes), 0o600)
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, os.ErrPermission) {
			continue // there is no controller for memory here
		}
		if err != nil {
			t.Fatal(err)
		}
		return group, func() string {
			data, err := os.ReadFile(filepath.Join(group, way.events))
			if err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(string(data)) {
				if n, ok := strings.CutPrefix(line, way.count+" "); ok {
					return strings.TrimSpace(n)
				}
			}
			return "?"
		}
	}
	t.Log("NOT TESTED: there are no control groups for memory here: the container's memory has no bound")
	return "", func() string { return "0" }
}
