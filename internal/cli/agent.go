// SPDX-License-Identifier: MIT

package cli

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/kmodlab/kmodlab/internal/guest"
)

// newAgent is the command that --here uses to start the agent on this machine: descriptor 3 is the control port, 4 the
// event port. The argument is an empty folder for the commands' names.
func newAgent() *cobra.Command {
	return &cobra.Command{
		Use:    "agent FOLDER",
		Short:  "be the agent of another kmodlab, over descriptors 3 and 4 (started by run --here)",
		Hidden: true,
		Args:   cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			return guest.Here(args[0], os.NewFile(3, "control"), os.NewFile(4, "events"))
		},
	}
}
