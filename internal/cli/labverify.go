// SPDX-License-Identifier: MIT

package cli

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/kmodlab/kmodlab/internal/course"
	"github.com/kmodlab/kmodlab/internal/grading"
	"github.com/kmodlab/kmodlab/internal/plain"
)

func newLabVerify() *cobra.Command {
	o := verification{times: 1}
	c := &cobra.Command{
		Use:   "verify LAB…",
		Short: "prove that a lab's checks tell right from wrong",
		Long: `Grade the lab's own starter, which must pass no check but "builds", its solution, which must
pass all, and each broken variant, which must fail the checks that lab.yaml says, for the
reason that it says, and no other. LAB is a lab, or a folder of labs.

With --stories, what the solution's runs tell is written into the lab's folder story/, without
the sources, what was printed, and the scenarios of hidden checks. Students get it, and
kmodlab lab check --page shows them both stories. broken/known.txt gets fingerprints of all stories,
which the gradebook then takes for nothing unusual; it is the lecturer's.`,
		Example: `  kmodlab lab verify labs/thread-life --times 20
  kmodlab lab verify labs --all-kernels`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			failed := 0
			for _, dir := range labFolders(args) {
				lab, err := loadLab(dir, c.ErrOrStderr())
				if err != nil {
					return err
				}
				n, err := o.verify(c, dir, lab)
				if err != nil {
					return err
				}
				failed += n
			}
			if failed > 0 {
				return exit(1)
			}
			return nil
		},
	}
	f := c.Flags()
	kernelFlags(f, &o.Machine, &o.Tools)
	f.IntVarP(&o.Jobs, "jobs", "j", 0, "how many runs at a time (default: one per processor)")
	f.IntVar(&o.times, "times", 1, "how often the solution must pass")
	f.BoolVar(&o.all, "all-kernels", false, "on each kernel that the lab is for")
	f.BoolVar(&o.stories, "stories", false, "write the solution's stories into the lab's folder (of the first kernel)")
	return c
}

// labFolders are the labs that were named, with those in folders of labs.
func labFolders(args []string) []string {
	var dirs []string
	for _, arg := range args {
		dir := labFolder(arg)
		inside, _ := filepath.Glob(filepath.Join(dir, "*", course.Name))
		if len(inside) == 0 {
			dirs = append(dirs, dir)
		}
		for _, file := range inside {
			dirs = append(dirs, filepath.Dir(file))
		}
	}
	return dirs
}

// verification is the flags of lab verify.
type verification struct {
	grading.Options
	times        int
	all, stories bool
}

// verify returns how many trials were not as they must be.
func (o verification) verify(c *cobra.Command, dir string, lab *course.Lab) (failed int, err error) {
	kernels := lab.Kernels
	if !o.all {
		one, err := labKernel(lab, o.Machine.Kernel)
		if err != nil {
			return 0, err
		}
		kernels = []string{one}
	}
	var trials []grading.Trial
	for i, name := range kernels {
		o.Machine.Kernel = name
		g, err := grading.New(lab, o.Options)
		if err != nil {
			return failed, err
		}
		var unwritten error
		err = g.Verify(c.Context(), o.times, func(t grading.Trial) {
			word := "ok    "
			if len(t.Wrong) > 0 {
				word = "WRONG "
				failed++
			}
			fmt.Fprintf(c.OutOrStdout(), "%s %-16s %-24s %-24s %6.1f s\n", word, lab.Name, t.Name, t.Kernel, t.Grade.Seconds)
			for _, w := range t.Wrong {
				fmt.Fprintf(c.OutOrStdout(), "       %s\n", plain.Text(w))
			}
			trials = append(trials, t)
			if o.stories && i == 0 && t.Name == grading.Solution && len(t.Wrong) == 0 {
				unwritten = writeStories(c, dir, lab, t)
			}
		})
		if err := errors.Join(err, unwritten); err != nil {
			return failed, err
		}
	}
	if o.stories && len(lab.Broken) > 0 {
		return failed, grading.WriteKnown(dir, trials)
	}
	return failed, nil
}

func writeStories(c *cobra.Command, dir string, lab *course.Lab, t grading.Trial) error {
	names, err := grading.WriteStories(dir, lab, t.Runs)
	for _, name := range names {
		fmt.Fprintf(c.OutOrStdout(), "       wrote %s\n", plain.Text(filepath.Join(dir, name)))
	}
	return err
}
