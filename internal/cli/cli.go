// SPDX-License-Identifier: MIT

// Package cli is the command line: one file per command, each a thin layer over package kmodlab. Exit status: 0 pass, 1
// a verdict about the module, 2 wrong usage, 3 the host or guest failed, 130 interrupted.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/kmodlab/kmodlab"
	"github.com/kmodlab/kmodlab/internal/plain"
	"github.com/kmodlab/kmodlab/internal/version"
)

const (
	exitUsage       = 2
	exitHost        = 3
	exitInterrupted = 130
)

// exit is an error that only sets the exit status: everything has been said already.
type exit int

func (e exit) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// Main runs one command and returns its exit status.
func Main(args []string, stdout, stderr io.Writer) int {
	if !checkLimits(stderr, currentLimit) {
		return exitHost
	}
	ctx, stop := interruptible()
	defer stop()
	stdout, stderr = interruptibleWriter(ctx, stdout), interruptibleWriter(ctx, stderr)
	root := newRoot()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if s, ok := stdout.(*stream); ok && err == nil && s.late.Load() { // as of a help text, whose errors cobra drops
		err = context.Cause(ctx)
	}
	return conclusion(err, stderr)
}

// conclusion says what a command's error means, and returns the exit status.
func conclusion(err error, stderr io.Writer) int {
	var status exit
	var usage *kmodlab.UsageError
	var left *kmodlab.LeftError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &status):
		return int(status)
	case errors.As(err, &left) && errors.Is(err, errInterrupted):
		for _, l := range left.Left {
			fmt.Fprintln(stderr, "kmodlab:", plain.Text(l))
		}
		fmt.Fprintln(stderr, "kmodlab: interrupted; not everything could be undone on this machine")
		return exitInterrupted
	case errors.Is(err, errInterrupted):
		fmt.Fprintln(stderr, "kmodlab: interrupted; nothing is left behind")
		return exitInterrupted
	case errors.As(err, &usage):
		fmt.Fprintln(stderr, "kmodlab:", plain.Lines(usageLine(usage)))
		return exitUsage
	}
	fmt.Fprintln(stderr, "kmodlab:", plain.Lines(err.Error()))
	return exitHost
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "kmodlab",
		Short: "a lab bench for Linux kernel modules",
		Long: "kmodlab builds kernel modules, loads them in a throw-away VM, traces what the\n" +
			"kernel did, and ends with one verdict.\n\nStart with:  kmodlab demo",
		Version:       version.Version(),
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		// Without this cobra answers a mistyped command with the help text and status 0.
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetVersionTemplate(versionText())
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error { return usageError(c, err) })
	root.AddGroup(&cobra.Group{ID: labGroup, Title: "Commands:"},
		&cobra.Group{ID: kmodGroup, Title: "kmod's commands, on this machine (a link with such a name works too):"})
	for _, c := range []*cobra.Command{newDemo(), newRun(), newBuild(), newShell(), newDebug(), newExec(), newTrace(),
		newReport(), newDiff(), newLab(), newGrade(), newKernel(), newCache(), newDoctor()} {
		c.GroupID = labGroup
		root.AddCommand(c)
	}
	root.AddCommand(newKmod()...)
	wrapArgs(root)
	return root
}

// usageError turns cobra's complaint into ours, which names the help.
func usageError(c *cobra.Command, err error) error {
	return &kmodlab.UsageError{Text: fmt.Sprintf("%v (%s --help shows how)", err, c.CommandPath())}
}

// wrapArgs makes wrong arguments a usage error too.
func wrapArgs(c *cobra.Command) {
	if check := c.Args; check != nil {
		c.Args = func(c *cobra.Command, args []string) error {
			if err := check(c, args); err != nil {
				return usageError(c, err)
			}
			return nil
		}
	}
	for _, sub := range c.Commands() {
		wrapArgs(sub)
	}
}
