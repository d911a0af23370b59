// SPDX-License-Identifier: MIT

package cli

import (
	"github.com/spf13/cobra"

	"github.com/kmodlab/kmodlab/internal/grading"
)

func newGradeAgain() *cobra.Command {
	o := new(graded)
	c := &cobra.Command{
		Use:   "again LAB",
		Short: "grade a class once more with a changed lab, without running anything",
		Long: `Grade what the folder -o has kept of a class once more, from what the runs found out then. That is
for a lab whose checks, points or hints were changed. A check that needs a scenario which was not
run then leaves a submission without a grade: grade that one with kmodlab grade. If the scenarios
or the files of the lab were changed, a note says so for each submission.`,
		Example: "  kmodlab grade again labs/thread-life -o grades",
		Args:    cobra.ExactArgs(1),
		RunE:    func(c *cobra.Command, args []string) error { return o.again(c, args[0]) },
	}
	o.resultFlags(c.Flags())
	return c
}

func (o *graded) again(c *cobra.Command, named string) error {
	k, err := o.class(c, named)
	if err != nil {
		return err
	}
	g, err := o.grader(k.lab)
	if err != nil {
		return err
	}
	if k.store, err = grading.OpenStore(o.out); err != nil {
		return err
	}
	grades, err := g.Again(c.Context(), k.store, gradeTeller(c.OutOrStdout(), c.ErrOrStderr()))
	if err != nil {
		return err
	}
	if len(grades) == 0 {
		return usageText("%s has no grades of the lab %s: name their folder with -o", o.out, k.lab.Name)
	}
	return o.conclude(c, k, grades)
}
