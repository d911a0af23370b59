// SPDX-License-Identifier: MIT

package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kmodlab/kmodlab/internal/footprint"
	"github.com/kmodlab/kmodlab/internal/kernel"
	"github.com/kmodlab/kmodlab/internal/plain"
	"github.com/kmodlab/kmodlab/internal/prepare"
	"github.com/kmodlab/kmodlab/internal/private"
	"github.com/kmodlab/kmodlab/internal/scratch"
)

// checkHere finds what runs with --here have left. Other uses do not need it undone.
func checkHere(site footprint.Machine) kernel.Finding {
	f := kernel.Finding{Name: "--here", OK: true, Detail: "no run has left anything behind on this machine"}
	left, err := site.Look()
	var busy *footprint.BusyError
	switch {
	case errors.As(err, &busy):
		f.Detail = err.Error()
	case err != nil:
		f.OK, f.Optional, f.Detail = false, true, err.Error()
	case len(left) > 0:
		var what []string
		for _, l := range left {
			what = append(what, l.What)
		}
		f.OK, f.Optional, f.Fix = false, true, footprint.Mend
		f.Detail = "left by a run that was cut short: " + strings.Join(what, ", ")
		if os.Geteuid() != 0 {
			f.Detail = "of a run that was cut short, or that is still at work: " + strings.Join(what, ", ")
		}
	}
	return f
}

// mendHere undoes what runs with --here have left.
func mendHere(c *cobra.Command) error {
	if os.Geteuid() != 0 {
		return usageText("only root may unload modules and remove what is installed: %s", footprint.Mend)
	}
	defer holdOn(c.Context(), true, func(line string) { fmt.Fprintln(c.ErrOrStderr(), "kmodlab:", line) })()
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	if cache, err := workDir(); err == nil {
		if dir := filepath.Join(cache, prepare.ScratchDir); private.Check(dir) == nil {
			scratch.Sweep(dir)
		}
	}
	return mend(c.Context(), footprint.Changeable(program), c.OutOrStdout())
}

// sweep removes the temporary folders of killed runs, if the cache is this user's alone.
func sweep(cache string) {
	if dir := filepath.Join(cache, prepare.ScratchDir); private.Check(dir) == nil {
		scratch.Sweep(dir)
	}
}

// mend returns exit status 3 if something is left after all.
func mend(ctx context.Context, site footprint.Machine, out io.Writer) error {
	claim, err := site.Claim()
	if err != nil {
		return err
	}
	u := claim.Undo(ctx)
	claim.Release()
	for _, name := range u.Unloaded {
		fmt.Fprintln(out, "unloaded", plain.Text(name))
	}
	for _, path := range u.Removed {
		fmt.Fprintln(out, "removed", plain.Text(path))
	}
	for _, text := range u.Remains() {
		fmt.Fprintln(out, plain.Text(text))
	}
	if len(u.Left) > 0 {
		return exit(exitHost)
	}
	_, err = fmt.Fprintln(out, "nothing of any run with --here is left on this machine")
	return err
}
