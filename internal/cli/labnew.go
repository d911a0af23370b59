// SPDX-License-Identifier: MIT

package cli

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/kmodlab/kmodlab/internal/course"
	"github.com/kmodlab/kmodlab/internal/plain"
)

func newLabNew() *cobra.Command {
	return &cobra.Command{
		Use:   "new NAME",
		Short: "make a new lab, small and complete, to be changed into yours",
		Long: `Make the folder of a lab that has everything: lab.yaml with scenarios and checks, a handout, the
solution with its markers, and a faulty variant. It verifies as it is. NAME is a path, or the
name of a lab in $KMODLAB_LABS, or else in labs, if there is such a folder. docs/labs.md
explains each file.`,
		Example: `  kmodlab lab new labs/timers`,
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			dir := newLabFolder(args[0])
			files, err := course.Fresh(filepath.Base(dir))
			if err != nil {
				return usageText("%v", err)
			}
			if err := handOut(dir, files); err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), `%[1]s is a lab that verifies as it is:
  kmodlab lab verify %[1]s
Then make it yours: the solution with its markers first, then the checks of lab.yaml, and a
variant in broken/ for each mistake that the checks must find. docs/labs.md explains the files.
When it verifies, leave the right stories for students:
  kmodlab lab verify %[1]s --stories
`, plain.Text(dir))
			return nil
		},
	}
}

// newLabFolder is where a lab is made.
func newLabFolder(named string) string {
	if filepath.Base(named) != named {
		return filepath.Clean(named)
	}
	if st, err := os.Stat(labsFolder()); err == nil && st.IsDir() {
		return filepath.Join(labsFolder(), named)
	}
	return named
}
