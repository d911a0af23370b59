// SPDX-License-Identifier: MIT

package bounds

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// delegate is what a person can do about a systemd that does not bound what its users start.
const delegate = "have root delegate the controllers: systemctl edit user@.service, [Service], Delegate=memory pids"

// findSystemd asks the user's systemd for a scope.
func findSystemd() Way {
	path, err := exec.LookPath("systemd-run")
	if err != nil {
		return Way{Why: "systemd-run is not installed, and only root can make control groups"}
	}
	if err := tryScope(path, mountpoint); err != nil {
		return Way{Why: err.Error()}
	}
	return Way{Name: "a scope of the user's systemd", make: func(l Limits) (group, error) {
		return &scope{path: path, root: mountpoint, limits: l}, nil
	}}
}

// own is the beginning of a shell script that finds the shell's own control group, below $0. It starts no process.
const own = `while IFS=: read -r id list group; do [ "$id" != 0 ] || break; done </proc/self/cgroup
group=$0$group
`

// readLimits prints what bounds the shell's own group.
const readLimits = own + `for name in memory.max pids.max; do
	[ -r "$group/$name" ] && read -r value <"$group/$name" && echo "$name $value"
done
exit 0`

// tryScope has a scope say what its limits are. A systemd that was given no controllers makes scopes, reports success,
// and bounds nothing.
func tryScope(path, root string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	limits := Limits{Memory: 64 << 20, Processes: 16}
	g := &Group{group: &scope{path: path, root: root, limits: limits}}
	defer g.Close()
	trial := exec.CommandContext(ctx, "/bin/sh", "-c", readLimits, root)
	trial.WaitDelay = time.Second
	var said, complaint bytes.Buffer
	trial.Stdout, trial.Stderr = &said, &complaint
	err := g.Start(trial)
	if err == nil {
		err = trial.Wait()
	}
	if err != nil {
		line, _, _ := strings.Cut(strings.TrimSpace(complaint.String()), "\n")
		return fmt.Errorf("systemd-run --user: %w: %s", err, line)
	}
	return checkLimits(said.String(), limits)
}

// checkLimits compares the limits that a scope has with those that it was to have.
func checkLimits(said string, want Limits) error {
	have := make(map[string]string)
	for line := range strings.Lines(said) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		have[name] = value
	}
	for _, l := range []struct {
		name string
		most int64
	}{{"memory.max", want.Memory}, {"pids.max", want.Processes}} {
		if n, err := strconv.ParseInt(have[l.name], 10, 64); err != nil || n > l.most {
			return fmt.Errorf("the user's systemd bounds nothing, %s of its scope is %s: %s",
				l.name, cmp.Or(have[l.name], "missing"), delegate)
		}
	}
	return nil
}

// scope is made by systemd-run, which then becomes a shell that runs the command. The shell outlives the command: with
// its last process the group is gone, and with it the kernel's counters.
type scope struct {
	path, root string
	limits     Limits
	ours, its  *os.File // the pipe that the shell has as its input, and writes the counters to
}

// hold runs a command and then writes the counters to descriptor 0, which the command does not have. A systemd that
// ends a scope in which something was killed asks first, with SIGTERM.
const hold = `trap : TERM
"$@" </dev/null
status=$?
` + own + `said=
[ ! -r "$group/memory.events" ] || while read -r name n; do said="$said$name $n
"; done <"$group/memory.events"
echo "$said" >&0
exit $status`

func (s *scope) wrap(cmd *exec.Cmd) (err error) {
	if s.ours, s.its, err = os.Pipe(); err != nil {
		return fmt.Errorf("make a pipe: %w", err)
	}
	cmd.Stdin = s.its
	words := []string{s.path, "--user", "--scope", "--quiet", "--collect",
		"-p", "MemoryMax=" + strconv.FormatInt(s.limits.Memory, 10), "-p", "MemorySwapMax=0",
		"-p", "TasksMax=" + strconv.FormatInt(s.limits.Processes, 10), "--", "/bin/sh", "-c", hold, s.root, cmd.Path}
	cmd.Args = append(words, cmd.Args[1:]...)
	cmd.Path = s.path
	for _, name := range []string{"XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS"} { // where it finds systemd
		if value, ok := os.LookupEnv(name); ok {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
	}
	return nil
}

func (s *scope) entered(int) error { return s.its.Close() }

// events reads what the shell has written. One that was killed has written nothing.
func (s *scope) events() events {
	var e events
	if s.ours == nil {
		return e
	}
	s.ours.SetReadDeadline(time.Now().Add(time.Second)) // the shell has ended
	said, _ := io.ReadAll(io.LimitReader(s.ours, 4096))
	for line := range strings.Lines(string(said)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		n, _ := strconv.ParseUint(value, 10, 64) // 0 for what is no number
		switch name {
		case "oom":
			e.over = n
		case "oom_kill":
			e.kills = n
		}
	}
	return e
}

// close leaves the scope alone: it ends with its last process.
func (s *scope) close() error {
	if s.ours == nil {
		return nil
	}
	s.its.Close() // again, unless the command did not start
	return s.ours.Close()
}
