// SPDX-License-Identifier: MIT

package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/kmodlab/kmodlab"
	"github.com/kmodlab/kmodlab/internal/plain"
	"github.com/kmodlab/kmodlab/internal/report"
)

// debug is a run with gdb attached.
type debug struct {
	options
	telling
	out   io.Writer
	debug kmodlab.Debug
	gdb   string
	exec  []string
	limit time.Duration

	status int // of a gdb with commands of its own
}

const debugLong = `Build the modules of a folder (or take ready .ko files), load them in a VM as run does, and
stop before the init of each, in gdb: with the modules' symbols and types where they are
loaded, the kernel's symbols, and backtraces through the kernel's functions. The tests
run, and the modules are unloaded, while gdb is attached: functions for read, ioctl or
exit are reached as well. When gdb ends, the machine goes on by itself, and the story and
its verdict follow on standard error.

While gdb is attached, nothing is judged and nothing times out. Ctrl-C stops the machine.

With --ex gdb runs these commands, one after the other, and ends; without a terminal it
reads them from standard input. It never executes what a module's file holds for it.`

func newDebug() *cobra.Command {
	o := &debug{}
	o.spec.Build = kmodlab.BuildAuto
	c := &cobra.Command{
		Use:   "debug DIR | FILE.ko…",
		Short: "gdb in a VM, before the init of the modules",
		Long:  debugLong,
		Example: `  kmodlab debug modules/signals
  kmodlab debug . --break hw_read --test test_hw.c
  kmodlab debug . --break hello.c:42 --ex 'info locals' --ex bt
  kmodlab debug hello.ko --kernel debian:trixie --break hello_exit`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := o.fillTests(c.Flags().Changed("for")); err != nil {
				return err
			}
			if areFolders(args) && len(args) > 1 {
				return &kmodlab.UsageError{Text: "gdb debugs one machine: name one folder"}
			}
			if err := o.source(args); err != nil {
				return err
			}
			return o.run(c)
		},
	}
	f := c.Flags()
	machineFlags(f, &o.spec.Machine, &o.spec.Tools)
	f.MarkHidden("here") // it is refused, with a reason
	buildFlags(f, &o.spec.Build, &o.spec.BuildTimeout)
	stepFlag(f, &o.spec.StepTimeout)
	o.outputs.flags(f)
	o.display.flags(f)
	loadFlags(f, &o.spec, "")
	f.DurationVar(&o.spec.For, "for", time.Second,
		"how long the modules run before they are unloaded, after the tests (with --test, no time by default);\nthe time that the machine stands does not count")
	o.tests.flags(f)
	f.StringArrayVar(&o.debug.Break, "break", nil,
		"stop at a function of a module or of the kernel, or at `FILE:LINE`, and not before init; can be given again")
	f.StringArrayVar(&o.exec, "ex", nil, "have gdb run a `COMMAND` where the machine first stops, and end; can be given again")
	f.StringVar(&o.debug.Vmlinux, "vmlinux", "",
		"the kernel's `FILE` with debug information (default: that of its debug package in\n/usr/lib/debug/boot, if it is there)")
	f.StringVar(&o.gdb, "gdb", "gdb", "the gdb to start: a name or a path")
	f.DurationVar(&o.limit, "limit", 0, "how long gdb may be attached (default: no limit; with --ex, 10m)")
	return c
}

// exLimit is how long a gdb may take that nobody watches.
const exLimit = 10 * time.Minute

func (o *debug) run(c *cobra.Command) error {
	o.outputs.cores = true
	if err := o.check(); err != nil {
		return err
	}
	gdb, err := exec.LookPath(o.gdb)
	if err != nil {
		return fmt.Errorf("find gdb: %w: apt-get install gdb, or name one with --gdb", err)
	}
	if o.gdb = gdb; o.limit == 0 && len(o.exec) > 0 {
		o.limit = exLimit
	}
	ctx, stop := endedBySignals(c.Context())
	defer stop()
	o.out, o.errOut = c.OutOrStdout(), c.ErrOrStderr()
	o.debug.Attach = o.attach
	o.spec.Debug, o.spec.Record, o.spec.Core = &o.debug, o.outputs.recording(), o.outputs.wantCore()
	defer o.showPhases(ctx, &o.spec.Watch)()
	o.spec.Watch.Log = o.say
	end, err := kmodlab.Run(ctx, o.spec)
	o.hush()
	if err != nil {
		return err
	}
	defer end.Core.Close()
	o.outputs.core = end.Core
	o.showFailedBuild(o.errOut, end.Result)
	fmt.Fprintln(o.errOut)
	report.Text(o.errOut, end.Result, o.display.options(o.errOut, false)) // standard error has nobody to tell
	err = conclude(o.outputs.write(ctx, o.out, end.Result, end.Recording), end.Result, o.errOut)
	if err == nil && o.status != 0 {
		fmt.Fprintf(o.errOut, "kmodlab: gdb ended with status %d: a command of --ex failed\n", o.status)
		return exit(1)
	}
	return err
}

// say says something that a person should know, whoever has the terminal.
func (o *debug) say(line string) {
	if told := o.teller(); told != nil {
		told.teller(o.errOut)(line)
		return
	}
	io.WriteString(o.errOut, "kmodlab: "+plain.Lines(line)+"\n")
}

// arguments are gdb's.
func (o *debug) arguments(t *kmodlab.DebugTarget) []string {
	args := append(slices.Clone(t.Options), "-q")
	if len(o.exec) > 0 {
		args = append(args, "-batch")
	}
	args = append(args, "-x", t.Script)
	for _, command := range o.exec {
		args = append(args, "-ex", command)
	}
	return args
}

// attach runs gdb. What it ends with is the person's business, unless it had commands to carry out.
func (o *debug) attach(ctx context.Context, t *kmodlab.DebugTarget) error {
	if o.limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.limit)
		defer cancel()
	}
	cmd := exec.CommandContext(ctx, o.gdb, o.arguments(t)...)
	cmd.Env = append(os.Environ(), "DEBUGINFOD_URLS=") // nothing is fetched
	cmd.ExtraFiles = []*os.File{t.Conn}
	cmd.WaitDelay = grace
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if !o.interactive() { // else Ctrl-C is for all that are on the terminal
		cmd.SysProcAttr.Setpgid = true
		cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	}
	flush := o.streams(cmd)
	runtime.LockOSThread() // gdb dies with the thread that has started it
	defer runtime.UnlockOSThread()
	o.hush()
	restore := o.lend()
	err := cmd.Run()
	restore()
	flush()
	o.tell()
	if t := cmd.ProcessState; t != nil && len(o.exec) > 0 {
		o.status = t.ExitCode()
	}
	var ended *exec.ExitError
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		o.status = 0
		o.say(fmt.Sprintf("gdb was ended after %s (--limit)", o.limit))
		return nil
	case errors.As(err, &ended) || errors.Is(err, exec.ErrWaitDelay):
		return nil
	}
	return err
}

// streams gives gdb the person's terminal, or the pipes.
func (o *debug) streams(cmd *exec.Cmd) (flush func()) {
	if len(o.exec) == 0 {
		cmd.Stdin = os.Stdin
	}
	out, outIsFile := fileOf(o.out)
	errOut, errIsFile := fileOf(o.errOut)
	if outIsFile && errIsFile && o.interactive() {
		cmd.Stdout, cmd.Stderr = out, errOut
		return func() {}
	}
	var flushOut, flushErr func()
	cmd.Stdout, flushOut = output(o.out)
	cmd.Stderr, flushErr = output(o.errOut)
	return func() { flushOut(); flushErr() }
}

func (o *debug) interactive() bool {
	return len(o.exec) == 0 && term.IsTerminal(int(os.Stdin.Fd())) && isTerminal(o.out)
}

// lend leaves Ctrl-C to gdb, and has the terminal as it was when gdb was killed.
func (o *debug) lend() (restore func()) {
	if !o.interactive() {
		return func() {}
	}
	keysElsewhere.Store(true)
	fd := int(os.Stdin.Fd())
	before, err := term.GetState(fd)
	return func() {
		if err == nil {
			term.Restore(fd, before)
		}
		keysElsewhere.Store(false)
	}
}
