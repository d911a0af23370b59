// SPDX-License-Identifier: MIT

package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/kmodlab/kmodlab"
	"github.com/kmodlab/kmodlab/internal/report"
)

// display is how a command shows its text.
type display struct {
	color   string // auto, always or never
	noPager bool
}

func (d *display) flags(f *pflag.FlagSet) {
	f.StringVar(&d.color, "color", "auto", "colours: auto (on a terminal, without $NO_COLOR), always or never")
}

// pagerFlags are for the commands that only show something.
func (d *display) pagerFlags(f *pflag.FlagSet) {
	d.flags(f)
	f.BoolVar(&d.noPager, "no-pager", false, "do not use $PAGER, even if the text is longer than the screen")
}

func (d *display) check() error {
	switch d.color {
	case "", "auto", "always", "never":
		return nil
	}
	return &kmodlab.UsageError{Text: fmt.Sprintf("--color %s: choose auto, always or never", d.color)}
}

// options adapt the report to its destination.
func (d *display) options(out io.Writer, verbose bool) report.TextOptions {
	return report.TextOptions{Color: d.colored(out), Width: width(out), Verbose: verbose}
}

func (d *display) colored(out io.Writer) bool {
	switch d.color {
	case "always":
		return true
	case "never":
		return false
	}
	return isTerminal(out) && os.Getenv("NO_COLOR") == ""
}

// isTerminal reports whether w is a terminal, where a line can be redrawn.
func isTerminal(w io.Writer) bool {
	f, ok := fileOf(w)
	return ok && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb"
}

// maxWidth keeps the story's columns together on very wide terminals.
const maxWidth = 120

// width is the terminal's width up to maxWidth, 0 where w is no terminal.
func width(w io.Writer) int {
	if f, ok := fileOf(w); ok {
		if columns, _, err := term.GetSize(int(f.Fd())); err == nil && columns > 0 {
			return min(columns, maxWidth)
		}
	}
	return 0
}

// show prints a text, through the person's pager if it is longer than the terminal. The pager reads from us alone, so
// that we decide where its input ends.
func (d *display) show(ctx context.Context, out, errOut io.Writer, print func(io.Writer) error) error {
	f, ok := fileOf(out)
	pager := d.pager()
	if !ok || pager == "" || !isTerminal(out) {
		return print(out)
	}
	_, rows, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return print(out)
	}
	var text bytes.Buffer
	if err := print(&text); err != nil {
		return err
	}
	if bytes.Count(text.Bytes(), []byte("\n")) < rows {
		_, err := out.Write(text.Bytes())
		return err
	}
	if paged(ctx, pager, text.Bytes(), f, errOut) {
		return context.Cause(ctx)
	}
	_, err = out.Write(text.Bytes())
	return err
}

// paged shows a text through a pager, and reports whether there is such a pager. Any way of leaving it is fine, and
// Ctrl-C belongs to the pager meanwhile.
func paged(ctx context.Context, pager string, text []byte, out *os.File, errOut io.Writer) bool {
	cmd := exec.CommandContext(ctx, "sh", "-c", pager)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) } // less puts the terminal right
	cmd.WaitDelay = grace / 2
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(text), out, errOut
	if f, ok := fileOf(errOut); ok {
		cmd.Stderr = f
	}
	cmd.Env = os.Environ()
	if os.Getenv("LESS") == "" {
		cmd.Env = append(cmd.Env, "LESS=-R") // only colours get through, and the text holds no other escapes
	}
	keysElsewhere.Store(true)
	defer keysElsewhere.Store(false)
	keys := make(chan os.Signal, 1)
	signal.Notify(keys, syscall.SIGINT, syscall.SIGQUIT)
	defer signal.Stop(keys)
	var exit *exec.ExitError
	if err := cmd.Run(); errors.As(err, &exit) {
		return exit.ExitCode() != noCommand && exit.ExitCode() != notExecutable
	} else if err != nil {
		return cmd.ProcessState != nil // it did run
	}
	return true
}

// The exit statuses of a shell that cannot run a command.
const (
	notExecutable = 126
	noCommand     = 127
)

// pager is the command for long texts, "" for none.
func (d *display) pager() string {
	if d.noPager {
		return ""
	}
	if pager, set := os.LookupEnv("PAGER"); set {
		if pager = strings.TrimSpace(pager); pager == "cat" {
			return ""
		}
		return pager
	}
	if _, err := exec.LookPath("less"); err != nil {
		return ""
	}
	return "less"
}
