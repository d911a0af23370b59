// SPDX-License-Identifier: MIT

package cli

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/kmodlab/kmodlab/internal/kmodcmd"
)

// newKmod are the commands of package kmodcmd, which read their own flags and
// have kmod's exit statuses.
func newKmod() []*cobra.Command {
	short := map[string]string{
		"depmod":   "write the index of a module tree",
		"insmod":   "load a module file",
		"lsmod":    "list the loaded modules",
		"modinfo":  "show what a module says about itself",
		"modprobe": "load or unload a module with what it needs",
		"rmmod":    "unload modules",
	}
	var list []*cobra.Command
	for _, name := range kmodcmd.Names() {
		list = append(list, &cobra.Command{
			Use:                name,
			Short:              short[name],
			GroupID:            kmodGroup,
			DisableFlagParsing: true,
			RunE: func(c *cobra.Command, args []string) error {
				if status := kmodcmd.Main(name, args, os.Stdin, c.OutOrStdout(), c.ErrOrStderr()); status != 0 {
					return exit(status)
				}
				return nil
			},
		})
	}
	return list
}

// The groups of the help.
const (
	labGroup  = "lab"
	kmodGroup = "kmod"
)
