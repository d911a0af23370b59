// SPDX-License-Identifier: MIT

package kbuild

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/kmodlab/kmodlab/internal/boot"
	"github.com/kmodlab/kmodlab/internal/vm"
	"github.com/kmodlab/kmodlab/internal/wire"
)

// Bounds of what goes to a build VM and comes back: both pass through memory, the guest's and ours.
const (
	maxSourceTar = 64 << 20
	maxResultTar = 256 << 20
)

// toolchain is the serial of the disk with the kernel's RootImage and, after a slash, the place where the guest mounts
// it.
const toolchain = "toolchain"

// VMRunner runs the commands in a VM of their own, booted with the kernel that the modules are for, or resumed from a
// snapshot taken right before its sources arrived. The toolchain is a read-only disk with a layer in the guest's memory
// above it, so nothing of a build remains.
type VMRunner struct {
	Agent     string // kmodlab-agent, statically linked, as a host path
	Accel     vm.Accel
	QEMU      string       // empty: QEMU in PATH
	StateDir  string       // where vm keeps what it found out about KVM
	CPUs      int          // 0: vm's default
	MemoryMiB int          // 0: DefaultBuildMemory
	Machines  string       // where snapshots are kept, for TCG; empty: each build boots
	Console   io.Writer    // receives every console byte, may be nil
	Log       func(string) // for messages that a person should see, may be nil
}

// DefaultBuildMemory is a build VM's memory in MiB: enough for two compilers and what they write.
const DefaultBuildMemory = 768

// Name returns VM.
func (VMRunner) Name() Where { return VM }

// Run implements Runner.
func (r VMRunner) Run(ctx context.Context, job Job) ([]Step, error) {
	if job.Kernel.RootImage == "" {
		return nil, &Error{Kind: ErrHost,
			Message: fmt.Sprintf("kernel %s has no toolchain image, so its modules cannot be built in a VM", job.Kernel.Name),
			Hint:    "build in the sandbox: --build sandbox"}
	}
	var sources bytes.Buffer
	names := []string{"src"}
	if job.Options {
		names = append(names, optionsFile)
	}
	if err := pack(&limitedWriter{w: &sources, left: maxSourceTar}, job.Work, names...); err != nil {
		return nil, err
	}
	deadline := time.Now().Add(job.Timeout)
	ctx, stop := context.WithDeadlineCause(ctx, deadline, timeoutError(job))
	defer stop()
	g, err := r.guest(ctx, job)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			return nil, cause
		}
		return nil, &Error{Kind: ErrHost, Message: "start the build's VM: " + err.Error(), Cause: err,
			Hint: "build in the sandbox: --build sandbox"}
	}
	defer g.Close()
	steps, err := buildIn(ctx, g, job, sources.Bytes(), deadline)
	if cause := context.Cause(ctx); cause != nil {
		return steps, lateError(cause, g.Machine.Stalled)
	}
	err = lateError(err, g.Machine.Stalled)
	if killed := killedError(ctx, g, err); killed != nil {
		return steps, killed
	}
	return steps, guestError(err)
}

// lateError is err, unless that is a build that took too long because this machine did not let its VM run.
func lateError(err error, stalled func() error) error {
	var e *vm.StallError
	if !errors.Is(err, ErrTimeout) || !errors.As(stalled(), &e) {
		return err
	}
	return &Error{Kind: ErrHost, Message: "build in the VM: " + e.Text, Hint: e.Hint, Cause: e}
}

// killedError is for a QEMU that somebody killed, or the kernel for lack of memory: the sources are not to blame. It is
// nil if that is not what happened.
func killedError(ctx context.Context, g *boot.Guest, err error) error {
	if !errors.Is(err, wire.ErrClosed) {
		return nil
	}
	wait, cancel := context.WithTimeout(ctx, 2*time.Second) // QEMU closes its ports before it ends
	defer cancel()
	exit, werr := g.Machine.Wait(wait)
	if werr != nil || exit.Reason != vm.Killed {
		return nil
	}
	return &Error{Kind: ErrHost, Message: "build in the VM: " + exit.Err().Error(), Cause: err,
		Hint: killedHint}
}

// buildWords are for the kernel that builds. norandmaps: QEMU 7.2's TCG finds a translation by its virtual address, so
// gcc's libraries, at the same addresses in each of its hundred processes, are translated once. Building the demo's
// pair of modules, in alternating runs, took 67, 68 and 71 s without it and 41, 48 and 45 s with it.
var buildWords = []string{"norandmaps"}

func (r VMRunner) options(job Job) boot.Options {
	memory := r.MemoryMiB
	if memory == 0 {
		memory = DefaultBuildMemory
	}
	return boot.Options{
		Kernel: job.Kernel, Agent: r.Agent, Modules: []string{"ext4", "overlay"},
		Disks: []vm.Disk{{Path: job.Kernel.RootImage, ReadOnly: true, Serial: toolchain}},
		CPUs:  r.CPUs, MemoryMiB: memory, Accel: r.Accel, QEMU: r.QEMU, StateDir: r.StateDir,
		Parallel: true, Append: buildWords, Console: r.Console, Log: r.Log,
	}
}

// buildIn sends the sources, runs the commands, and fetches what they made.
func buildIn(ctx context.Context, g *boot.Guest, job Job, sources []byte, deadline time.Time) ([]Step, error) {
	c := guestBuild{ctx: ctx, client: g.Client, job: job, deadline: deadline}
	if err := boot.WriteFile(ctx, g.Client, "/"+toolchain+"/tmp/src.tar", 0o600, sources); err != nil {
		return nil, err
	}
	if err := c.quiet(fmt.Sprintf("mkdir -p %[1]s/out %[1]s/tmp && tar -xf /tmp/src.tar -C %[1]s && rm /tmp/src.tar",
		job.SeenAs)); err != nil {
		return nil, fmt.Errorf("unpack the sources: %w", err)
	}
	var steps []Step
	for _, cmd := range job.Commands {
		s, err := c.step(cmd)
		steps = append(steps, s)
		if err != nil || s.Exit != 0 {
			return steps, err
		}
	}
	return steps, c.fetch()
}

// guestBuild is a build in a guest that has the sources.
type guestBuild struct {
	ctx      context.Context
	client   *wire.Client
	job      Job
	deadline time.Time
}

// step runs one command, found in its PATH, in the toolchain's tree.
func (c *guestBuild) step(cmd Command) (Step, error) {
	s := Step{Argv: cmd.Shown}
	var log logBuffer
	out := io.Writer(&log)
	if c.job.Output != nil {
		out = io.MultiWriter(&log, c.job.Output)
	}
	argv := append([]string{"/bin/sh", "-c", `exec "$@"`, "sh"}, cmd.Argv...)
	res, err := c.exec(argv, c.job.Dir(), out)
	s.Raw, s.Exit, s.MS = log.String(), res.Exit, res.MS
	return s, err
}

func (c *guestBuild) exec(argv []string, dir string, out io.Writer) (res wire.ExecResult, err error) {
	args := wire.ExecArgs{Argv: argv, Env: c.job.Env(), Dir: dir, Root: "/" + toolchain,
		TimeoutMS: max(1, time.Until(c.deadline).Milliseconds())}
	_, err = c.client.Stream(c.ctx, wire.OpExec, args, nil, &res, func(b []byte) { out.Write(b) })
	if err == nil && res.TimedOut {
		err = timeoutError(c.job)
	}
	return res, err
}

// quiet runs a shell line of our own.
func (c *guestBuild) quiet(line string) error {
	var log logBuffer
	res, err := c.exec([]string{"/bin/sh", "-c", line}, "/", &log)
	if err == nil && res.Exit != 0 {
		err = fmt.Errorf("exit status %d: %s", res.Exit, lastLine(log.String()))
	}
	return err
}

// fetch brings the results back. The archive was made in a guest where foreign code ran as root, so it is unpacked as
// hostile.
func (c *guestBuild) fetch() error {
	line := "cd " + c.job.SeenAs + " && for f in"
	for _, r := range c.job.Results {
		line += " " + r
	}
	line += `; do [ -e "$f" ] && set -- "$@" "$f"; done; tar -cf /tmp/result.tar -- "$@"`
	if err := c.quiet(line); err != nil {
		return fmt.Errorf("pack the results: %w", err)
	}
	data, err := boot.ReadFile(c.ctx, c.client, "/"+toolchain+"/tmp/result.tar", maxResultTar)
	if err != nil {
		return err
	}
	return unpack(bytes.NewReader(data), c.job.Work)
}

// guestError says what the end of a conversation means: the build brought its machine down, or what it left is not what
// it should be.
func guestError(err error) error {
	var e *Error
	switch {
	case err == nil || errors.As(err, &e):
		return err
	case errors.Is(err, wire.ErrClosed), errors.Is(err, wire.ErrGarbled):
		return &Error{Kind: ErrLost, Message: "the build's VM went away: " + err.Error(), Cause: err,
			Hint: "see its console with -v; if the build needs more memory, use the sandbox: --build sandbox"}
	}
	return &Error{Kind: ErrHost, Message: "build in the VM: " + err.Error(), Cause: err}
}

// limitedWriter refuses everything beyond its bound.
type limitedWriter struct {
	w    io.Writer
	left int
}

func (l *limitedWriter) Write(p []byte) (int, error) {
	if l.left -= len(p); l.left < 0 {
		return 0, &Error{Kind: ErrTooLarge,
			Message: fmt.Sprintf("the sources are larger than %d MiB, which is the limit for a build VM", maxSourceTar>>20),
			Hint:    "build in the sandbox: --build sandbox"}
	}
	return l.w.Write(p)
}
