// SPDX-License-Identifier: MIT

package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kmodlab/kmodlab/internal/course"
	"github.com/kmodlab/kmodlab/internal/grading"
	"github.com/kmodlab/kmodlab/internal/kernel"
	"github.com/kmodlab/kmodlab/internal/plain"
)

// newLab has the commands for labs of a course.
func newLab() *cobra.Command {
	c := &cobra.Command{
		Use:   "lab",
		Short: "labs of a course: start one, check it, and prove its checks",
		Long: `A lab is a folder with lab.yaml, sources and a handout (docs/labs.md). Students start one,
edit it, check it and hand it in; lecturers make and verify it, and grade what was handed in
(kmodlab grade).`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newLabList(), newLabStart(), newLabCheck(), newLabWatch(), newLabHint(), newLabSubmit(), newLabNew(),
		newLabVerify())
	return c
}

// labsFolder is where labs are looked for by name.
func labsFolder() string {
	if dir := os.Getenv("KMODLAB_LABS"); dir != "" {
		return dir
	}
	return "labs"
}

// labFolder is the folder of a lab that was named by its path or by its name.
func labFolder(named string) string {
	_, err := os.Stat(filepath.Join(named, course.Name))
	if err == nil || strings.ContainsRune(named, filepath.Separator) {
		return named
	}
	return filepath.Join(labsFolder(), named)
}

// loadLab reads a lab. What is wrong in it is one line each.
func loadLab(dir string, errOut io.Writer) (*course.Lab, error) {
	lab, err := grading.Load(dir)
	var bad *grading.LabError
	switch {
	case errors.As(err, &bad):
		for _, p := range bad.Problems {
			fmt.Fprintln(errOut, plain.Text(p.Error()))
		}
		return nil, exit(exitUsage)
	case err != nil:
		return nil, usageText("%v: name a folder with %s, or a lab of %s (kmodlab lab list)", err, course.Name, labsFolder())
	}
	return lab, nil
}

// labKernel is the kernel that a lab runs on: the named one, else the default one if the lab is for it, else the lab's
// first.
func labKernel(lab *course.Lab, named string) (string, error) {
	if named == "" {
		if name, err := kernel.DefaultName(); err == nil && slices.Contains(lab.Kernels, name) {
			return name, nil
		}
		return lab.Kernels[0], nil
	}
	if !slices.Contains(lab.Kernels, named) {
		return "", usageText("lab %s is not for %s: choose one of %s", lab.Name, named, strings.Join(lab.Kernels, ", "))
	}
	return named, nil
}

func newLabList() *cobra.Command {
	return &cobra.Command{
		Use:   "list [FOLDER]",
		Short: "list the labs of a folder (default: $KMODLAB_LABS, or labs)",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			dir := labsFolder()
			if len(args) > 0 {
				dir = args[0]
			}
			found, err := filepath.Glob(filepath.Join(dir, "*", course.Name))
			if err != nil || len(found) == 0 {
				return usageText("no labs in %s: name a folder of labs, or set KMODLAB_LABS", dir)
			}
			failed := false
			var labs []*course.Lab
			for _, file := range found {
				lab, err := loadLab(filepath.Dir(file), c.ErrOrStderr())
				if err != nil {
					failed = true
					continue
				}
				labs = append(labs, lab)
			}
			slices.SortStableFunc(labs, func(a, b *course.Lab) int { return cmp.Compare(a.Number, b.Number) })
			for _, lab := range labs {
				fmt.Fprintf(c.OutOrStdout(), "%-16s %s\n", lab.Name, plain.Text(lab.Title))
			}
			if failed {
				return exit(exitUsage)
			}
			return nil
		},
	}
}
