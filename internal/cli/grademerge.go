// SPDX-License-Identifier: MIT

package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/kmodlab/kmodlab/internal/grading"
)

func newGradeMerge() *cobra.Command {
	o := new(graded)
	c := &cobra.Command{
		Use:   "merge LAB [FOLDER…]",
		Short: "put the parts of a class together",
		Long: `Take the grades from the folders that grade --shard has written, and write the class's files into
the folder -o: the same as if one process had graded all. Without a FOLDER the grades that -o
has already are the class. If two parts say different things of a student, or were graded with
different versions of the lab, each conflict is told and nothing is changed.`,
		Example: "  kmodlab grade merge labs/thread-life -o grades grades-1 grades-2",
		Args:    cobra.MinimumNArgs(1),
		RunE:    func(c *cobra.Command, args []string) error { return o.merge(c, args[0], args[1:]) },
	}
	o.resultFlags(c.Flags())
	return c
}

func (o *graded) merge(c *cobra.Command, named string, parts []string) error {
	k, err := o.class(c, named)
	if err != nil {
		return err
	}
	if k.store, err = grading.OpenStore(o.out); err != nil {
		return err
	}
	if len(parts) == 0 {
		parts = []string{o.out}
	}
	err = k.store.Merge(k.lab, parts)
	var wrong *grading.MergeError
	if errors.As(err, &wrong) {
		for _, problem := range wrong.Problems {
			fmt.Fprintf(c.ErrOrStderr(), "kmodlab: %s\n", problem)
		}
		return exit(exitUsage)
	}
	if err != nil {
		return err
	}
	all, err := k.store.Book(k.lab)
	if err != nil {
		return err
	}
	return o.conclude(c, k, all.Grades)
}
