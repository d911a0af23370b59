// SPDX-License-Identifier: MIT

package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/kmodlab/kmodlab"
	"github.com/kmodlab/kmodlab/internal/payload"
	"github.com/kmodlab/kmodlab/internal/plain"
	"github.com/kmodlab/kmodlab/internal/report"
	"github.com/kmodlab/kmodlab/result"
)

// commandOptions are the flags that shell and exec share.
type commandOptions struct {
	options
	env     []string
	user    string
	limit   time.Duration
	files   []string
	bring   []string
	into    string
	command kmodlab.Command
}

func (o *commandOptions) flags(f *pflag.FlagSet) {
	machineFlags(f, &o.spec.Machine, &o.spec.Tools)
	f.MarkHidden("here") // it is refused, with a reason
	buildFlags(f, &o.spec.Build, &o.spec.BuildTimeout)
	stepFlag(f, &o.spec.StepTimeout)
	o.outputs.flags(f)
	nicFlag(f, &o.spec)
	loadFlags(f, &o.spec, ";\nwithout a folder, the kernel's own")
	f.StringSliceVar(&o.spec.Packages, "packages", nil,
		"more packages of the kernel's suite for the guest's system: vim,strace")
	f.StringArrayVar(&o.env, "env", nil, "a variable for the program: `NAME=VALUE`, or NAME for the value that it has here")
	f.StringVar(&o.user, "user", "", "the program's user in the guest, a name or a number (default root)")
	artifactFlags(f, &o.bring, &o.into)
	expectFlag(f, &o.spec.Expect)
	f.DurationVar(&o.limit, "limit", 0, "how long the program may run (default: no limit)")
}

// fill takes the flags over. modules are a folder, .ko files or nothing.
func (o *commandOptions) fill(modules []string) error {
	if len(o.bring) > 0 && o.into == "" {
		return errNowhere
	}
	o.spec.Artifacts, o.spec.ArtifactsDir = o.bring, o.into
	if len(modules) > 0 {
		if err := o.source(modules); err != nil {
			return err
		}
	} else {
		o.spec.NoLeaks = true // there is no module to search for
	}
	for _, word := range o.files {
		c := payload.CopyOf(word)
		o.spec.Put = append(o.spec.Put, kmodlab.Copy{Host: c.Host, Guest: c.Guest})
	}
	for _, v := range o.env {
		if !strings.Contains(v, "=") {
			value, set := os.LookupEnv(v)
			if !set {
				continue
			}
			v += "=" + value
		}
		o.command.Env = append(o.command.Env, v)
	}
	o.command.User, o.command.Limit = o.user, o.limit
	o.spec.Command, o.spec.Lab = &o.command, true
	o.spec.Record = o.outputs.recording()
	return nil
}

// shell is an interactive shell, or a command, in a guest.
type shell struct {
	commandOptions
	telling
	out    io.Writer
	screen *screen // nil without a terminal
}

func newShell() *cobra.Command {
	o := &shell{}
	o.spec.Build = kmodlab.BuildAuto
	c := &cobra.Command{
		Use:   "shell [DIR | FILE.ko…] [-- COMMAND…]",
		Short: "a shell in a VM with the modules loaded",
		Long: `Build the modules of a folder (or take ready .ko files), load them in a VM as run does,
and give you a shell there. When it ends, the modules are unloaded, and the story and its
verdict follow on standard error. Without modules it is a shell on the plain kernel.

On a terminal it is a real one: editors work, Ctrl-C and Ctrl-Z go to the program, and its
size follows yours. ~. at the beginning of a line ends a shell that hangs. Through a pipe
standard input is the script, and only what the programs print goes to standard output.

After -- it runs one command: a single word is a line for the guest's shell, several are a
program and its arguments. Then the exit status is the command's own, or 1 or 3 where the
kernel or the lab failed.`,
		Example: `  kmodlab shell modules/signals
  kmodlab shell . --packages vim,strace --file test.sh
  kmodlab shell . -- 'cat /dev/hello | head -3'
  echo 'lsmod; dmesg | tail' | kmodlab shell hello.ko
  kmodlab shell --kernel debian:trixie --load loop`,
		Args: cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			modules, command := args, []string(nil)
			if at := c.ArgsLenAtDash(); at >= 0 {
				modules, command = args[:at], args[at:]
				if len(command) == 0 {
					return &kmodlab.UsageError{Text: "-- is followed by no command: leave it out for a shell"}
				}
			}
			o.command.Args = command
			return o.run(c, modules)
		},
	}
	f := c.Flags()
	o.flags(f)
	o.display.flags(f)
	f.StringArrayVar(&o.files, "file", nil,
		"a file or folder for the guest: `SRC[:DST]`, DST in /lab, the shell's folder, unless absolute")
	return c
}

func (o *shell) run(c *cobra.Command, modules []string) error {
	if err := o.check(); err != nil {
		return err
	}
	if err := o.fill(modules); err != nil {
		return err
	}
	ctx, stop := endedBySignals(c.Context())
	defer stop()
	o.out, o.errOut = c.OutOrStdout(), c.ErrOrStderr()
	defer o.showPhases(ctx, &o.spec.Watch)()
	o.spec.Watch.Log = o.say
	flush := o.connect(ctx)
	defer o.restore()
	end, err := kmodlab.Run(ctx, o.spec)
	flush()
	o.restore()
	o.hush()
	if err != nil {
		return err
	}
	if o.showFailedBuild(o.errOut, end.Result); o.screen != nil && len(o.command.Args) == 0 || !passed(end.Result) {
		fmt.Fprintln(o.errOut)
		report.Text(o.errOut, end.Result, o.display.options(o.errOut, false)) // standard error has nobody to tell
	} else {
		report.Brief(o.errOut, end.Result, 0)
	}
	written := errors.Join(end.Unwritten, o.outputs.write(ctx, o.out, end.Result, end.Recording))
	if len(o.command.Args) == 0 && o.screen != nil { // its status is that of the last command that was typed
		return conclude(written, end.Result, o.errOut)
	}
	return concludeCommand(written, end.Result, o.errOut)
}

// connect gives the program its streams. flush shows the last of what it printed.
func (o *shell) connect(ctx context.Context) (flush func()) {
	in := os.Stdin
	out, isFile := fileOf(o.out)
	cmd := &o.command
	onTerminal := term.IsTerminal(int(in.Fd()))
	if isFile && onTerminal && term.IsTerminal(int(out.Fd())) {
		o.screen = newScreen(in, out, untouched(o.out))
		cmd.Terminal = &kmodlab.Terminal{Type: os.Getenv("TERM"), Size: o.screen.size, Resized: o.screen.resized}
		cmd.Stdin, cmd.Stdout, cmd.Kill = o.screen, o.screen.shown, o.screen.kill
		cmd.Begin, cmd.End = func() { o.begin(ctx) }, func() { o.restore(); o.tell() }
		cmd.Tell = o.say
		return func() {}
	}
	if !onTerminal || len(cmd.Args) == 0 { // else what is typed may be for another program of the pipe
		cmd.Stdin = in
	}
	var flushOut, flushErr func()
	cmd.Stdout, flushOut = output(o.out)
	cmd.Stderr, flushErr = output(o.errOut)
	cmd.Begin, cmd.End = o.hush, func() { flushOut(); flushErr(); o.tell() }
	return func() { flushOut(); flushErr() }
}

// begin gives the terminal to the program.
func (o *shell) begin(ctx context.Context) {
	if len(o.command.Args) == 0 {
		o.say("exit, or Ctrl-D, ends this shell, unloads the modules and tells the verdict; ~. at the beginning of a line " +
			"ends one that hangs")
	}
	o.hush()
	if err := o.screen.begin(ctx); err != nil {
		o.say(fmt.Sprintf("set the terminal: %v: use a pipe instead, as in kmodlab shell … <script | cat", err))
		o.screen.giveUp()
	}
}

func (o *shell) restore() {
	if o.screen != nil {
		o.screen.end()
	}
}

// say says something that a person should know, whoever has the terminal.
func (o *shell) say(line string) {
	if told := o.teller(); told != nil {
		told.teller(o.errOut)(line)
		return
	}
	text := "kmodlab: " + plain.Lines(line) + "\n"
	if o.screen != nil {
		text = "\r" + strings.ReplaceAll(text, "\n", "\r\n")
	}
	io.WriteString(o.errOut, text)
}

// endedBySignals is a context that SIGQUIT ends too: a test runner sends it to a test that takes too long. A closed
// pipe becomes an error of writing, which the program in the guest is told.
func endedBySignals(ctx context.Context) (_ context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	quit, closed := make(chan os.Signal, 1), make(chan os.Signal, 1)
	signal.Notify(quit, syscall.SIGQUIT)
	signal.Notify(closed, syscall.SIGPIPE)
	go func() {
		select {
		case <-quit:
			cancel(errInterrupted)
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(nil); signal.Stop(quit); signal.Stop(closed) }
}

// untouched is a writer for what a program prints: it goes through byte by byte.
func untouched(w io.Writer) io.Writer {
	if s, is := w.(*stream); is {
		return waiting{s}
	}
	return w
}

// output is a writer for what a program prints that has no terminal of its own. Into a file or a pipe it goes as it is;
// a terminal here does not get what would change it.
func output(w io.Writer) (_ io.Writer, flush func()) {
	f, is := fileOf(w)
	if !is || !term.IsTerminal(int(f.Fd())) {
		return untouched(w), func() {}
	}
	lines := plain.NewWriter(w, "")
	return lines, func() { lines.Close() }
}

// passed reports whether there is nothing to say about a run but what its program has said itself.
func passed(res *result.Result) bool {
	if res.Verdict.Class == result.Pass {
		return true
	}
	n := len(res.Tests)
	return res.Verdict.Class == result.TestFailed && n > 0 && !res.Tests[n-1].TimedOut && res.Tests[n-1].Exit > 0
}

// The exit status of a shell whose command is not there.
const notThere = noCommand

// concludeCommand returns the exit status: the program's own, unless the kernel, the lab or a file failed.
func concludeCommand(written error, res *result.Result, errOut io.Writer) error {
	if written != nil {
		return conclude(written, res, errOut)
	}
	class := res.Verdict.Class
	if class != result.Pass && class != result.TestFailed || len(res.Tests) == 0 {
		return conclude(nil, res, errOut)
	}
	program := &res.Tests[len(res.Tests)-1]
	status := program.Exit
	switch {
	case status < 0 && program.PID == 0:
		status = notThere
	case status < 0, program.TimedOut, status == 0 && class == result.TestFailed:
		status = class.ExitStatus()
	}
	if status != 0 {
		return exit(status)
	}
	return nil
}

// absolute is a path from the root.
func absolute(dir, name string) string {
	if filepath.IsAbs(name) {
		return filepath.Clean(name)
	}
	return filepath.Join(dir, name)
}
