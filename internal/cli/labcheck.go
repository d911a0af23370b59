// SPDX-License-Identifier: MIT

package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/kmodlab/kmodlab"
	"github.com/kmodlab/kmodlab/internal/course"
	"github.com/kmodlab/kmodlab/internal/grading"
	"github.com/kmodlab/kmodlab/internal/plain"
)

// labCheck checks a student's own work.
type labCheck struct {
	grading.Options
	dir, page string
	out       io.Writer
	errOut    io.Writer
}

func newLabChecker() *labCheck { return &labCheck{Options: grading.Options{Trusted: true}} }

func newLabCheck() *cobra.Command {
	k := newLabChecker()
	c := &cobra.Command{
		Use:   "check [DIR]",
		Short: "run the checks of the lab in a folder, and say what each found",
		Long: `Build the folder, run the lab's scenarios in VMs and say of each check whether it passes, and if
not, what was found instead, where in the story and in the sources that shows, and what helps.
With --page, one HTML file shows your story and the right one side by side.

The exit status is 0 when all pass, and 1 when one does not.`,
		Example: `  kmodlab lab check
  kmodlab lab check work --page check.html`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			k.from(c, args)
			lab, err := loadLab(k.dir, k.errOut)
			if err != nil {
				return err
			}
			end, err := k.check(c.Context(), lab)
			if err != nil {
				return err
			}
			writeChecks(k.out, end.Grade)
			return k.conclude(c.Context(), lab, end)
		},
	}
	k.flags(c)
	return c
}

func (k *labCheck) flags(c *cobra.Command) {
	kernelFlags(c.Flags(), &k.Machine, &k.Tools)
	c.Flags().StringVar(&k.page, "page", "", "write both stories, yours and the right one, to the HTML `FILE`")
}

// from takes over where a command works.
func (k *labCheck) from(c *cobra.Command, args []string) {
	k.out, k.errOut, k.dir = c.OutOrStdout(), c.ErrOrStderr(), "."
	if len(args) > 0 {
		k.dir = args[0]
	}
}

// check runs all scenarios, and keeps what came of them where lab start has made the folder.
func (k *labCheck) check(ctx context.Context, lab *course.Lab) (*grading.Outcome, error) {
	work, err := grading.OpenWork(k.dir)
	if err != nil {
		return nil, usageText("%v", err)
	}
	o := k.Options
	o.Record = work != nil
	if o.Machine.Kernel, err = labKernel(lab, o.Machine.Kernel); err != nil {
		return nil, err
	}
	g, err := grading.New(lab, o)
	if err != nil {
		return nil, err
	}
	show := newProgress(k.errOut)
	defer show.close()
	show.phase(kmodlab.Progress{Phase: "checking"})
	end, err := g.Grade(ctx, grading.Contents(lab.Solution()))
	if err != nil {
		return nil, err
	}
	if work != nil && end.Grade.Fault == "" {
		if err := work.Checked(lab, end); err != nil {
			return nil, err
		}
	}
	return end, nil
}

// conclude writes the page, and returns the exit status.
func (k *labCheck) conclude(ctx context.Context, lab *course.Lab, end *grading.Outcome) error {
	if end.Grade.Fault != "" {
		return exit(exitHost)
	}
	if k.page != "" {
		end.Grade.Student = studentOf(ctx, k.dir)
		if err := grading.WritePage(k.page, lab, end); err != nil {
			return err
		}
		fmt.Fprintf(k.out, "both stories are in %s\n", plain.Text(k.page))
	}
	if end.Grade.Points < end.Grade.Max || !allPassed(end.Grade) {
		return exit(1)
	}
	return nil
}
