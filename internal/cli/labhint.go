// SPDX-License-Identifier: MIT

package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kmodlab/kmodlab/internal/course"
	"github.com/kmodlab/kmodlab/internal/grading"
	"github.com/kmodlab/kmodlab/internal/handin"
	"github.com/kmodlab/kmodlab/internal/plain"
)

func newLabHint() *cobra.Command {
	dir := "."
	c := &cobra.Command{
		Use:   "hint [CHECK]",
		Short: "show the hint of a check, and the next piece of further help",
		Long: `Show the hint of a check, and the next piece of help for its TODO: each level of help says more,
and the last may give lines of code. Without CHECK it is the first check that did not pass in
the last kmodlab lab check. A piece is shown at a time; type the command again for the next.

What you ask for is noted in .kmodlab/state.json, and kmodlab lab submit hands it in: whoever
teaches the course sees it.`,
		Example: `  kmodlab lab hint
  kmodlab lab hint stopped --dir work`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			lab, err := loadLab(dir, c.ErrOrStderr())
			if err != nil {
				return err
			}
			work, err := grading.OpenWork(dir)
			if err != nil {
				return usageText("%v", err)
			}
			if work == nil {
				return usageText("%s has no %s/%s, so there is no further help: make the folder with kmodlab lab start", dir,
					handin.Folder, handin.StartFile)
			}
			return hint(c.OutOrStdout(), lab, work, args)
		},
	}
	c.Flags().StringVar(&dir, "dir", ".", "the `FOLDER` of the lab")
	return c
}

func hint(w io.Writer, lab *course.Lab, work *grading.Work, args []string) error {
	check, err := hintFor(lab, work.State, args)
	if err != nil {
		return err
	}
	asked := handin.Asked{Check: check.ID}
	fmt.Fprintf(w, "%s: %s\n", plain.Text(check.ID), plain.Text(check.Title))
	if check.Hint != "" {
		fmt.Fprintf(w, "hint: %s\n", plain.Text(check.Hint))
	}
	step := work.Start.Next(work.State, handin.About{Texts: []string{check.Title, check.Hint}, File: check.File})
	if step != nil {
		asked.File, asked.Task, asked.Level = step.File, step.Task, step.Level
		writeStep(w, step)
	}
	if err := work.Ask(asked); err != nil {
		return err
	}
	left := work.Start.Left(work.State)
	switch {
	case step == nil && check.Hint == "":
		fmt.Fprintln(w, "There is no more help: read the handout again, and what kmodlab lab check found.")
		return nil
	case left == 0:
		fmt.Fprintln(w, "\nThat is all the help there is.")
	default:
		fmt.Fprintf(w, "\nPieces of further help that are left: %d.\n", left)
	}
	fmt.Fprintf(w, "That you asked is noted in %s/%s; kmodlab lab submit hands it in.\n", handin.Folder, handin.StateFile)
	return nil
}

// hintFor is the check that was named, else the first that did not pass, else the lab's first.
func hintFor(lab *course.Lab, state *handin.State, args []string) (*course.Check, error) {
	id := state.FirstFailed()
	if len(args) > 0 {
		id = args[0]
	}
	find := func(id string) *course.Check {
		i := slices.IndexFunc(lab.Checks, func(c course.Check) bool { return c.ID == id })
		if i < 0 {
			return nil
		}
		return &lab.Checks[i]
	}
	if check := find(id); check != nil {
		return check, nil
	}
	switch {
	case len(args) > 0:
		var ids []string
		for _, c := range lab.Checks {
			ids = append(ids, c.ID)
		}
		return nil, usageText("there is no check %q: there are %s", id, strings.Join(ids, ", "))
	case state.Checked == nil:
		return nil, usageText("nothing was checked yet, so nobody knows what went wrong: type kmodlab lab check first, " +
			"or name a check")
	}
	return nil, usageText("all checks passed the last time: name the check that you want a hint for")
}

func writeStep(w io.Writer, s *handin.Step) {
	fmt.Fprintf(w, "\n%s, %s\n", plain.Text(s.File), plain.Text(s.Task))
	for _, line := range s.Text {
		fmt.Fprintf(w, "  %s\n", plain.Text(line))
	}
	if len(s.Lines) > 0 {
		fmt.Fprintln(w, "  These lines belong there:")
	}
	for _, line := range s.Lines {
		fmt.Fprintf(w, "    %s\n", plain.Text(strings.ReplaceAll(line, "\t", "    ")))
	}
}
