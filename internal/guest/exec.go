// SPDX-License-Identifier: MIT

package guest

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kmodlab/kmodlab/internal/kmodcmd"
	"github.com/kmodlab/kmodlab/internal/wire"
)

const (
	outputChunk = 32 << 10
	maxReport   = 256 << 10
	// killGrace is how long a process may take to die of SIGKILL before it counts as hanging in the kernel.
	killGrace = 1500 * time.Millisecond
	// killTime is what each further process of the program adds to that, under emulation.
	killTime = 20 * time.Millisecond
)

// exec runs a program in its own process group. Modules are loaded this way too: an init function that oopses kills its
// process, and that must not be PID 1.
func (a *Agent) exec(call *wire.Message, progress func([]byte) error) (any, []byte, error) {
	var args wire.ExecArgs
	if err := json.Unmarshal(call.Body, &args); err != nil {
		return nil, nil, fmt.Errorf("read arguments: %w", err)
	}
	if len(args.Argv) == 0 {
		return nil, nil, errors.New("no program given")
	}
	if !a.init {
		// Pdeathsig fires when the thread that forked ends, and Go ends threads as it likes.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
	}
	if args.Follow && args.Guest == nil {
		end, err := a.trace.follow()
		if err != nil {
			return nil, nil, err
		}
		defer end()
	}
	began, err := monotonic()
	if err != nil {
		return nil, nil, err
	}
	started := func(pid int) { a.server.Progress(call, wire.OpStarted, wire.Started{PID: pid, NS: began}) }
	run, err := a.start(args, started)
	if err != nil {
		return nil, nil, err
	}
	defer run.close()
	if run.unfollow != nil {
		defer run.unfollow()
	}
	a.bystanders.forget()
	limit := time.Duration(args.TimeoutMS) * time.Millisecond
	if args.Guest != nil && args.Guest.Streams != nil {
		return a.withStreams(run, call, args, started), nil, nil
	}
	out := &outlet{send: progress, left: -1}
	if args.Guest != nil {
		out.left = args.Guest.MaxOutput
	}
	outputDone := make(chan struct{})
	go func() {
		defer close(outputDone)
		forward(run.output, out.write)
	}()
	defer a.programs.add(run)()
	result := run.ended(limit, a.server.Ended())
	if !result.Stuck {
		// A child of the program may hold the pipe open: what was printed so far is enough.
		select {
		case <-outputDone:
		case <-time.After(time.Second):
		}
	}
	result.Omitted, result.Tail = out.rest()
	return result, nil, nil
}

// withStreams waits for a program with the host's streams.
func (a *Agent) withStreams(
	run *running, call *wire.Message, args wire.ExecArgs, started func(pid int),
) *wire.ExecResult {
	done := a.streamed(run, call, args.Guest.Streams.Window)
	defer a.programs.add(run)()
	started(run.cmd.Process.Pid) // now its streams can be used
	result := run.ended(time.Duration(args.TimeoutMS)*time.Millisecond, a.server.Ended())
	run.drained(done, a.server.Ended())
	return result
}

// ended waits for the program, and ends what is left of it.
func (r *running) ended(limit time.Duration, hostGone <-chan struct{}) *wire.ExecResult {
	result := r.wait(limit, hostGone)
	result.EndNS, _ = monotonic()
	result.Left, result.LeftCount = r.group.end()
	return result
}

// start starts a program, in the system of OpUserland if it is to run there, or finds one that stands by.
func (a *Agent) start(args wire.ExecArgs, started func(pid int)) (*running, error) {
	if !args.Follow { // those were born long ago
		if run := a.takeStandby(args, started); run != nil {
			return run, nil
		}
	}
	run, err := a.startNew(args)
	if err != nil {
		return nil, err
	}
	if args.Guest == nil || args.Guest.Streams == nil { // else they have to be ready first
		started(run.cmd.Process.Pid)
	}
	return run, nil
}

func (a *Agent) startNew(args wire.ExecArgs) (r *running, err error) {
	if args.Guest == nil {
		return a.startWith(a.command(args), args.Report, nil, nil)
	}
	made := a.userland.do(func() { r, err = a.startInUserland(args) })
	if !made {
		return nil, errNoUserland
	}
	return r, err
}

// startInUserland starts a program on the thread of the system.
func (a *Agent) startInUserland(args wire.ExecArgs) (*running, error) {
	unfollow := func() {}
	if args.Follow {
		var err error
		if unfollow, err = a.trace.followThread(); err != nil {
			return nil, err
		}
	}
	group := a.userland.groups.open()
	cmd := a.command(args)
	cmd.SysProcAttr.Credential = &syscall.Credential{
		Uid: args.Guest.UID, Gid: args.Guest.GID, Groups: args.Guest.Groups,
	}
	if group.dir != nil {
		cmd.SysProcAttr.UseCgroupFD, cmd.SysProcAttr.CgroupFD = true, int(group.dir.Fd())
	}
	r, err := a.startWith(cmd, args.Report, nil, args.Guest.Streams)
	if err != nil {
		group.end()
		unfollow()
		return nil, err
	}
	r.group, r.unfollow = group, unfollow
	return r, nil
}

// command resolves the kmod commands to this program under their names.
func (a *Agent) command(args wire.ExecArgs) *exec.Cmd {
	argv := args.Argv
	path := argv[0]
	if own := a.tool(argv[0]); args.Root == "" && args.Guest == nil && own != "" {
		path = own
		if args.Report {
			argv = slices.Insert(slices.Clone(argv), 1, "--report-fd", "3")
		}
	}
	cmd := &exec.Cmd{Path: path, Args: argv, Env: args.Env, Dir: args.Dir}
	if args.Root == "" && !filepath.IsAbs(path) {
		cmd.Path, cmd.Err = lookPath(path, args)
	}
	if cmd.Env == nil {
		cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/", "LC_ALL=C.UTF-8"}
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Chroot: args.Root}
	if !a.init { // if we are killed, no modprobe of ours is to load anything after the host has undone the run
		cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	}
	return cmd
}

// lookPath finds a program: one in the system of OpUserland by its own PATH.
func lookPath(name string, args wire.ExecArgs) (string, error) {
	if args.Guest == nil {
		return exec.LookPath(name)
	}
	if strings.Contains(name, "/") {
		return name, nil // from its working folder
	}
	for _, v := range args.Env {
		list, is := strings.CutPrefix(v, "PATH=")
		if !is {
			continue
		}
		for _, dir := range filepath.SplitList(list) {
			if found, err := exec.LookPath(filepath.Join(dir, name)); err == nil && filepath.IsAbs(found) {
				return found, nil
			}
		}
	}
	return "", &exec.Error{Name: name, Err: exec.ErrNotFound}
}

// tool is this program under a kmod command's name, "" if it does not stand in for that name.
func (a *Agent) tool(name string) string {
	path := filepath.Join(a.tools, name)
	if _, err := os.Lstat(path); err != nil || !slices.Contains(kmodcmd.Names(), name) {
		return ""
	}
	return path
}

// running is a started program with the reading ends of its pipes.
type running struct {
	cmd      *exec.Cmd
	children *children // which it is one of
	output   *os.File
	report   *os.File
	orders   *os.File // for a process that stands by
	started  time.Time
	expire   chan bool // it has no more time; whether some task runs
	group    group     // of a program in the system of OpUserland
	// unfollow ends the following of what its thread forks; nil if nothing is followed.
	unfollow func()

	// Of a program with the host's streams:
	errors   *os.File      // its standard error, if that is apart
	stdin    *os.File      // what it reads; of one with a terminal the same as output
	window   *window       // nil for other programs
	unwanted chan struct{} // it is to end now
}

// startWith starts a program. Its descriptor 3 is the writing end of its report, followed by extra, if any. s is nil
// for one that reads nothing and writes to one pipe.
func (a *Agent) startWith(cmd *exec.Cmd, report bool, extra *os.File, s *wire.StreamArgs) (*running, error) {
	r := &running{cmd: cmd, children: &a.children, expire: make(chan bool, 1), unwanted: make(chan struct{}, 1)}
	theirs, err := r.connect(cmd, s)
	if err != nil {
		r.close()
		return nil, err
	}
	defer closeAll(theirs)
	if report {
		w, err := r.pipe(&r.report)
		if err != nil {
			r.close()
			return nil, err
		}
		defer w.Close()
		cmd.ExtraFiles = append(cmd.ExtraFiles, w)
	}
	if extra != nil {
		cmd.ExtraFiles = append(cmd.ExtraFiles, extra)
	}
	r.started = time.Now()
	if err := a.children.start(cmd); err != nil {
		r.close()
		return nil, fmt.Errorf("start %s: %w", cmd.Args[0], err)
	}
	return r, nil
}

func (r *running) pipe(read **os.File) (*os.File, error) {
	pr, pw, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("create a pipe: %w", err)
	}
	*read = pr
	return pw, nil
}

func (r *running) close() {
	for _, f := range []*os.File{r.output, r.errors, r.stdin, r.report} {
		if f != nil {
			f.Close()
		}
	}
}

// wait waits for the program, ends it at the timeout or when the host is gone, and gives up on it if not even SIGKILL
// helps.
func (r *running) wait(timeout time.Duration, hostGone <-chan struct{}) *wire.ExecResult {
	result := &wire.ExecResult{PID: r.cmd.Process.Pid}
	exited := make(chan struct{})
	var report []byte
	go func() {
		defer close(exited)
		if r.report != nil {
			report, _ = io.ReadAll(io.LimitReader(r.report, maxReport))
		}
		r.children.wait(r.cmd)
	}()
	var expired <-chan time.Time
	if timeout > 0 {
		timer := time.NewTimer(timeout)
		defer timer.Stop()
		expired = timer.C
	}
	timedOut := func(runs bool, again time.Duration) {
		result.TimedOut = true
		if result.Processes = len(r.group.members()); result.Processes <= mostSeen {
			result.Tasks, result.Running = lookAround(runs, again) // before the kill, which may release one of them
		}
		result.Stuck = !r.kill(exited)
	}
	select {
	case <-exited:
	case <-expired:
		timedOut(true, lookAgain)
	case runs := <-r.expire:
		timedOut(runs, lookAgainSoon)
	case <-r.unwanted:
		if result.Stuck = !r.kill(exited); result.Stuck {
			result.Tasks, result.Running = lookAround(true, lookAgain)
		}
	case <-hostGone:
		result.Stuck = !r.kill(exited)
	}
	result.MS = float64(time.Since(r.started).Microseconds()) / 1000
	result.Taint = taint()
	if result.Stuck {
		result.Exit = -1
		return result
	}
	result.Report = report
	status := r.cmd.ProcessState.Sys().(syscall.WaitStatus)
	result.Exit = status.ExitStatus()
	if status.Signaled() {
		result.Exit = 128 + int(status.Signal())
		result.Signal = cmp.Or(unix.SignalName(status.Signal()), fmt.Sprintf("SIG%d", status.Signal())) // real-time
	}
	return result
}

// mostSeen is how many processes a program may have that still are looked at one by one when its time is over. Of one
// that forks without end that would take minutes.
const mostSeen = 64

// kill ends the program and what it started; false means that it hangs in the kernel.
func (r *running) kill(exited <-chan struct{}) bool {
	n := r.group.kill()
	unix.Kill(-r.cmd.Process.Pid, unix.SIGKILL)
	select {
	case <-exited:
		return true
	case <-time.After(killGrace + time.Duration(n)*killTime):
		return false
	}
}

func forward(r io.Reader, write func([]byte) error) {
	buf := make([]byte, outputChunk)
	for {
		n, err := r.Read(buf)
		if n > 0 && write(buf[:n]) != nil {
			return
		}
		if err != nil {
			return
		}
	}
}
