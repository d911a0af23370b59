// SPDX-License-Identifier: MIT

package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/kmodlab/kmodlab"
	"github.com/kmodlab/kmodlab/internal/report"
)

// execution is a program of this machine that runs in a guest as a test runner expects it.
type execution struct {
	commandOptions
	modules []string
	back    returned

	mu   sync.Mutex
	said []string // what is of interest only if something is wrong
}

func newExec() *cobra.Command {
	o := &execution{}
	o.spec.Build = kmodlab.BuildAuto
	c := &cobra.Command{
		Use:   "exec [--modules DIR | FILE.ko] [flags] [--] PROGRAM [ARG…]",
		Short: "run a program of this machine in a VM with the modules loaded, for test runners",
		Long: `Run a program as if it ran here, in a VM of its own with the modules loaded: its arguments,
its streams, its exit status. It is what go test -exec, cargo's runner and others call:

  go test -exec "kmodlab exec --modules $PWD/driver --" ./...
  [target.x86_64-unknown-linux-gnu]
  runner = "kmodlab exec --modules /path/to/driver --"

The program's working folder has the same path in the guest, with its testdata; --copy adds
more. Files that go test's flags name (-test.coverprofile and the like) come back. Nothing
is printed but what the program prints, unless the kernel or the lab fails: then a few lines
on standard error say why, and the exit status is 1 or 3, even if the program succeeded.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return o.run(c, args) },
	}
	f := c.Flags()
	f.SetInterspersed(false) // flags after the program are its own
	f.StringSliceVar(&o.modules, "modules", nil, "modules to load: `DIR` or FILE.ko,…; a test runner may call this in any folder,\nso give the whole path")
	o.flags(f)
	f.StringArrayVar(&o.files, "copy", nil,
		"a file or folder that the program finds at the same place: `PATH[:DST]` (default: testdata)")
	return c
}

func (o *execution) run(c *cobra.Command, args []string) error {
	if err := o.outputs.check(); err != nil {
		return err
	}
	dir, err := os.Getwd()
	if err != nil {
		return fmt.Errorf("find the working folder: %w", err)
	}
	cmd := &o.command
	cmd.Program, cmd.Args, cmd.Dir = args[0], args[1:], dir
	o.place(dir)
	if err := o.fill(o.modules); err != nil {
		return err
	}
	cmd.Env = append(testEnv(os.Environ()), cmd.Env...)
	ctx, stop := endedBySignals(c.Context())
	defer stop()
	o.back = returned{ctx: ctx}
	for _, f := range testFiles(args[1:], dir, os.Getenv("GOCOVERDIR")) {
		o.back.expect(cmd, f)
	}
	if cmd.Limit == 0 {
		cmd.Limit = testLimit(args[1:])
	}
	return o.execute(ctx, c.OutOrStdout(), c.ErrOrStderr())
}

// place has the files that the program needs copied to the same place in the guest.
func (o *execution) place(dir string) {
	words := o.files
	if st, err := os.Stat("testdata"); err == nil && st.IsDir() {
		words = append(slices.Clone(words), "testdata")
	}
	for i, word := range words {
		if _, err := os.Lstat(word); err == nil || !strings.Contains(word, ":") {
			words[i] = absolute(dir, word) + ":" + absolute(dir, word)
		}
	}
	o.files = words
}

func (o *execution) execute(ctx context.Context, out, errOut io.Writer) error {
	cmd := &o.command
	if !term.IsTerminal(int(os.Stdin.Fd())) {
		cmd.Stdin = os.Stdin
	}
	var flushOut, flushErr func()
	cmd.Stdout, flushOut = output(out)
	cmd.Stderr, flushErr = output(errOut)
	o.spec.Watch.Log = o.note
	end, err := kmodlab.Run(ctx, o.spec)
	flushOut()
	flushErr()
	if err != nil {
		return err
	}
	if !passed(end.Result) {
		for _, line := range o.said {
			sayFailed(errors.New(line), errOut)
		}
		o.showFailedBuild(errOut, end.Result)
		report.Brief(errOut, end.Result, storyLines)
	}
	written := errors.Join(o.back.failed, end.Unwritten, o.outputs.write(ctx, out, end.Result, end.Recording))
	if err := concludeCommand(written, end.Result, errOut); err != nil {
		return err
	}
	return nil
}

// storyLines are how many lines of the story are shown if the kernel has something to complain about.
const storyLines = 5

func (o *execution) note(line string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.said = append(o.said, line)
}
