// SPDX-License-Identifier: MIT

package cli

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/kmodlab/kmodlab/internal/plain"
	"github.com/kmodlab/kmodlab/internal/report"
	"github.com/kmodlab/kmodlab/internal/rundiff"
)

// The exit statuses of diff are those of diff(1).
const (
	diffSome    = 1
	diffTrouble = 2
)

func newDiff() *cobra.Command {
	var asJSON bool
	d := new(display)
	c := &cobra.Command{
		Use:   "diff BEFORE AFTER",
		Short: "show what changed between two recorded runs, or two kernels",
		Long: `Compare two recordings (.kmlab) or results (.json): the verdict, modules, thread stages,
requests, signals and their outcomes, what modules print, tests, the order of events, and
times. Pids, addresses and background activity are not compared.

A time counts as changed when both its ratio and its difference are large enough: 4 times
and 30 ms where both runs were emulated (tcg), 2 times and 2 ms on real processors.
Times are not compared between runs with different accelerators.

The exit status is 0 when nothing changed, 1 when something did, 2 for trouble.`,
		Example: `  kmodlab run . --kernel debian:bookworm -o old.kmlab
  kmodlab run . --kernel debian:trixie -o new.kmlab
  kmodlab diff old.kmlab new.kmlab`,
		Args: cobra.ExactArgs(2),
		RunE: brief(func(c *cobra.Command, args []string) error {
			changed, err := diff(c, d, args, asJSON)
			if err != nil && c.Context().Err() != nil {
				return err
			}
			if err != nil {
				fmt.Fprintln(c.ErrOrStderr(), "kmodlab:", plain.Lines(err.Error()))
				return exit(diffTrouble)
			}
			if changed {
				return exit(diffSome)
			}
			return nil
		}),
	}
	f := c.Flags()
	f.BoolVar(&asJSON, "json", false, "print the changes as JSON")
	d.pagerFlags(f)
	return c
}

func diff(c *cobra.Command, d *display, args []string, asJSON bool) (changed bool, err error) {
	if err := d.check(); err != nil {
		return false, err
	}
	before, _, err := readRun(args[0])
	if err != nil {
		return false, err
	}
	after, _, err := readRun(args[1])
	if err != nil {
		return false, err
	}
	out := c.OutOrStdout()
	changes := rundiff.Compare(before, after)
	if asJSON {
		enc := json.NewEncoder(plain.JSON(out))
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		err = enc.Encode(changes)
	} else {
		err = d.show(c.Context(), out, c.ErrOrStderr(), func(w io.Writer) error {
			return report.Diff(w, changes, d.options(out, false))
		})
	}
	if err != nil {
		return false, fmt.Errorf("write changes: %w", err)
	}
	return len(changes.Changes) > 0, nil
}
