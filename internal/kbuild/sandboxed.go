// SPDX-License-Identifier: MIT

package kbuild

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/kmodlab/kmodlab/internal/bounds"
	"github.com/kmodlab/kmodlab/internal/lazyregexp"
)

// sandboxed is one build in the sandbox: a shell that unpacks the sources from one descriptor, runs the commands, and
// packs the results into another.
type sandboxed struct {
	job   Job
	mark  string // begins the line that ends a command's output; a build that forges it deceives only itself
	steps stepWriter
}

// Descriptors of the shell. Those before them are for bubblewrap itself.
const (
	sourcesFD = 8
	resultsFD = 9
)

// notMoved is the shell's exit status if it could not unpack the sources or pack the results.
const notMoved = 97

func newSandboxed(job Job) *sandboxed {
	mark := "\x01" + rand.Text() + " "
	return &sandboxed{job: job, mark: mark, steps: stepWriter{mark: []byte(mark), job: &job, began: time.Now()}}
}

// maxBytes is how much a build may write.
func maxBytes(job Job) int64 {
	if job.MaxBytes > 0 {
		return job.MaxBytes
	}
	return maxWorkBytes
}

// sumLimits bound what all processes of a build have together: their files, and half a GiB for each compiler that make
// runs at a time, but never more than three quarters of this machine's memory.
func sumLimits(job Job) bounds.Limits {
	memory := maxBytes(job) + int64(runtime.NumCPU()+1)<<29
	if have := bounds.TotalMemory(); have > 0 {
		memory = min(memory, have/4*3)
	}
	return bounds.Limits{Memory: memory, Processes: maxProcesses}
}

const maxProcesses = 1024

// Bounded is what a build in the sandbox can have on this machine.
type Bounded struct {
	bounds.Limits
	Files int64  // in bytes
	Way   string // how the sums are bounded
	Why   string // they are not
}

// Bounds finds out what bounds hold for a build in the sandbox.
func Bounds() Bounded {
	way := bounds.Find()
	return Bounded{Limits: sumLimits(Job{}), Files: maxWorkBytes, Way: way.Name, Why: way.Why}
}

// limits is the shell that sets resource limits inside the namespaces, where processes are counted from zero. dash and
// bash have different options for the process limit.
const limits = `ulimit -u 1024 2>/dev/null || ulimit -p 1024 2>/dev/null
ulimit -v 4194304; ulimit -f 2097152; ulimit -c 0
`

// script is what the shell does.
func (s *sandboxed) script() string {
	var b strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&b, format, args...) }
	say("%star -xf - <&%d && mkdir -p src out tmp || exit %d\nexec %[2]d<&-\n", limits, sourcesFD, notMoved)
	say("ended() { printf '%s%%d\\n' $1; [ $1 = 0 ] || exit $1; }\ncd src\n", s.mark)
	for _, c := range s.job.Commands {
		for _, word := range c.Argv {
			say("%s ", quoted(word))
		}
		say("%d>&-\nended $?\n", resultsFD)
	}
	say("cd %s; set --\nfor f in", quoted(s.job.SeenAs))
	for _, r := range s.job.Results {
		say(" %s", quoted(r))
	}
	say("; do [ ! -e \"$f\" ] || set -- \"$@\" \"$f\"; done\n")
	say("[ $# = 0 ] || tar -cf - -- \"$@\" >&%d || exit %d\n", resultsFD, notMoved)
	return b.String()
}

// quoted is a word as the shell reads it.
func quoted(word string) string { return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'" }

// run starts the shell, feeds it, and takes what it made.
func (s *sandboxed) run(ctx context.Context, bwrap string, filter []byte, args []string) ([]Step, error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	timer := time.AfterFunc(s.job.Timeout, func() { stop(timeoutError(s.job)) })
	defer timer.Stop()
	p, err := newPipes(filter, []byte(strings.Join(args, "\x00")+"\x00"))
	if err != nil {
		return nil, hostError("set up the sandbox", err)
	}
	defer p.close()
	// The arguments name folders of this machine, and the build sees its first process's command line.
	cmd := exec.Command(bwrap, "--args", "5", "--", "/bin/sh", "-c", s.script(), "sh")
	cmd.Env, cmd.ExtraFiles = []string{}, p.given

	var busy errgroup.Group
	var status bytes.Buffer
	busy.Go(func() error { return s.send(p.sources) })
	busy.Go(func() error { return s.take(p.results, stop) })
	busy.Go(func() error { s.watch(ctx, io.TeeReader(p.status, &status), stop); return nil })
	exit, err := s.process(ctx, cmd, p)
	moved := busy.Wait()
	raw := s.steps.flush(exit)
	if cause := context.Cause(ctx); cause != nil {
		return s.steps.done, cause
	}
	if err == nil {
		err = setupError(Step{Raw: raw, Exit: exit}, &status)
	}
	return s.steps.done, cmp.Or(err, s.judge(exit, raw, moved))
}

// judge says what became of a build that ended by itself.
func (s *sandboxed) judge(exit int, raw string, moved error) error {
	failed, last := false, raw
	if n := len(s.steps.done); n > 0 && s.steps.done[n-1].Exit != 0 {
		failed, last = true, s.steps.done[n-1].Raw
	}
	switch {
	case exit == 0:
		return moved
	case saysNoSpace(last):
		return diskError(s.job)
	case failed:
		return nil // the step says why
	}
	return s.moveError(exit, raw, moved)
}

// moveError is about a shell that could not unpack the sources, or did not hand over what its commands had made. The
// modules are cut then, whatever the commands said. Our own end of the pipes knows best why, unless all it saw is that
// the other end was gone.
func (s *sandboxed) moveError(exit int, raw string, moved error) error {
	const what = "move the build's files"
	switch {
	case moved != nil && !errors.Is(moved, io.ErrUnexpectedEOF):
		return moved
	case exit == notMoved:
		return hostError(what, errors.New(cmp.Or(lastLine(raw), "tar failed")))
	}
	return &Error{Kind: ErrHost, Message: fmt.Sprintf("%s: the build's shell was killed (exit status %d)", what, exit),
		Hint: killedHint}
}

// killedHint is for what ended because somebody killed it, which may have been the kernel.
const killedHint = "run it again; if this machine ran out of memory, its own dmesg says so"

// noSpace is how a program says ENOSPC, but for the case of its letters: C libraries have a capital N, Go has none.
const noSpace = "no space left on device"

// saysNoSpace reports whether a program says in a log that the disk is full, which a build can also just print. The
// words end such a line. On others a compiler quotes them from the sources.
func saysNoSpace(log string) bool {
	for line := range strings.Lines(log) {
		text := strings.ToLower(strings.TrimSpace(stripCodes(line)))
		if strings.HasSuffix(text, ": "+noSpace) && !quotedSource.MatchString(text) {
			return true
		}
	}
	return false
}

// quotedSource is a line with which a compiler shows a line of the sources.
var quotedSource = lazyregexp.New(`^\d* *\| `)

func diskError(job Job) *Error {
	return &Error{Kind: ErrDisk, Message: fmt.Sprintf("the build needs more room than it may have: %d MiB and %d files",
		maxBytes(job)>>20, maxWorkFiles), Hint: "see what its Makefile writes: temporary files count, too"}
}

// shortageError is about a build of which the kernel has killed a process for memory; nil if that is not what happened.
// A build that had enough for itself failed for want of this machine's.
func shortageError(job Job, exit int, why bounds.Shortage) error {
	switch {
	case why == bounds.GroupShortage:
		return &Error{Kind: ErrMemory, Message: fmt.Sprintf("the build was stopped: its processes and files together took "+
			"more than %d MiB of memory", sumLimits(job).Memory>>20)}
	case why == bounds.MachineShortage && exit != 0:
		e := hostError("run the build", unix.ENOMEM)
		e.Message = "this machine ran out of memory, and its kernel killed a process of the build"
		return e
	}
	return nil
}

// Bounds of the results. Each file has its headers, with long names, and is padded.
const (
	maxResultStream = maxTotalBytes + maxTarFiles*4096
	maxPadding      = 64 << 10 // after the archive; tar writes 10 KiB at a time
)

// take unpacks the results. If that fails while there is more to come, it stops the build, whose shell would wait for
// ever to be rid of the rest.
func (s *sandboxed) take(r io.Reader, stop context.CancelCauseFunc) error {
	err := unpack(io.LimitReader(r, maxResultStream), s.job.Work)
	n, rerr := io.Copy(io.Discard, io.LimitReader(r, maxPadding))
	err = cmp.Or(err, rerr)
	if n < maxPadding {
		return err
	}
	if err == nil || errors.Is(err, io.ErrUnexpectedEOF) {
		err = hostile("the archive does not end")
	}
	stop(err)
	return err
}

// send packs the sources. A shell that has ended does not read them, which is told by its end.
func (s *sandboxed) send(w *os.File) error {
	defer w.Close()
	names := []string{"src"}
	if s.job.Options {
		names = append(names, optionsFile)
	}
	err := pack(w, s.job.Work, names...)
	if errors.Is(err, unix.EPIPE) {
		return nil
	}
	return err
}

// process runs the shell to its end, in a group that bounds the sum of its processes where this machine can do that.
func (s *sandboxed) process(ctx context.Context, cmd *exec.Cmd, p *pipes) (exit int, err error) {
	defer p.closeGiven()
	start := (*exec.Cmd).Start
	group, err := bounds.New(sumLimits(s.job))
	var none *bounds.NoneError
	switch {
	case err == nil:
		start = func(cmd *exec.Cmd) error { return group.Start(cmd) }
		defer func() {
			short := shortageError(s.job, exit, group.Shortage())
			err = cmp.Or(short, err, group.Close())
		}()
	case !errors.As(err, &none):
		return 0, hostError("set up the sandbox", err)
	}
	onOwnThread(func() {
		unix.Syscall(unix.SYS_KEYCTL, unix.KEYCTL_JOIN_SESSION_KEYRING, 0, 0) // fails in a kernel without keyrings
		exit, err = runProcess(ctx, cmd, &s.steps, start)
	})
	return exit, err
}

// onOwnThread calls a function on a thread that ends with it, so that the function may change what belongs to a thread.
func onOwnThread(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // until the end
		f()
	}()
	<-done
}

// watch reads bubblewrap's reports, and stops a build that fills its file system, or has too many files there.
func (s *sandboxed) watch(ctx context.Context, status io.Reader, stop context.CancelCauseFunc) {
	ended := make(chan struct{})
	child := make(chan int, 1)
	go func() {
		defer close(ended)
		var first struct {
			PID int `json:"child-pid"`
		}
		d := json.NewDecoder(status)
		if d.Decode(&first) == nil {
			child <- first.PID
		}
		io.Copy(io.Discard, io.LimitReader(status, 64<<10))
	}()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	root := ""
	for {
		select {
		case pid := <-child:
			root = fmt.Sprintf("/proc/%d/root%s", pid, s.job.SeenAs)
		case <-tick.C:
			var st unix.Statfs_t
			if root == "" || unix.Statfs(root, &st) != nil {
				continue
			}
			if st.Bavail == 0 || st.Files-st.Ffree > maxWorkFiles {
				stop(diskError(s.job))
			}
		case <-ctx.Done():
			<-ended
			return
		case <-ended:
			return
		}
	}
}

// pipes are what the sandbox is given, and our ends of it.
type pipes struct {
	given            []*os.File // descriptors 3, 4 and so on
	ours             []*os.File
	status           *os.File
	sources, results *os.File
}

func newPipes(filter, args []byte) (*pipes, error) {
	p := &pipes{}
	for _, step := range []func() error{
		func() (err error) { p.status, err = p.pipe(true); return err },
		func() error { return p.memory(filter) },
		func() error { return p.memory(args) },
		func() error { return p.memory(nil) }, // for /proc/keys
		func() error { return p.memory(nil) }, // for /proc/cmdline
		func() (err error) { p.sources, err = p.pipe(false); return err },
		func() (err error) { p.results, err = p.pipe(true); return err },
		func() error { return p.memory(nil) }, // for /proc/key-users; a shell redirects one digit's descriptors
	} {
		if err := step(); err != nil {
			p.closeGiven()
			p.close()
			return nil, err
		}
	}
	return p, nil
}

// pipe makes a pipe, of which we read or write the end that is returned.
func (p *pipes) pipe(read bool) (*os.File, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	if !read {
		r, w = w, r
	}
	p.ours, p.given = append(p.ours, r), append(p.given, w)
	return r, nil
}

func (p *pipes) memory(content []byte) error {
	f, err := inMemory(content)
	if err == nil {
		p.given = append(p.given, f)
	}
	return err
}

func (p *pipes) closeGiven() { closeAll(p.given) }
func (p *pipes) close()      { closeAll(p.ours) }

func closeAll(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}
