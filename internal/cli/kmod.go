// SPDX-License-Identifier: MIT

package cli

import (
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/kmodlab/kmodlab/internal/kmodcmd"
)

// newKmod returns the commands of package kmodcmd, which parse their own flags and use kmod's exit statuses.
func newKmod() []*cobra.Command {
	short := map[string]string{
		"depmod":   "write the index of a module tree",
		"insmod":   "load a module file",
		"lsmod":    "list the loaded modules",
		"modinfo":  "show what a module says about itself",
		"modprobe": "load or unload a module and its dependencies",
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
				// Signals end them as they end kmod's.
				signal.Reset(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
				out, errOut := rawFile(c.OutOrStdout()), rawFile(c.ErrOrStderr())
				if status := kmodcmd.Main(name, args, os.Stdin, out, errOut); status != 0 {
					return exit(status)
				}
				return nil
			},
		})
	}
	return list
}

// rawFile is the file below a writer, which kmodcmd can ask whether it is a terminal.
func rawFile(w io.Writer) io.Writer {
	if f, ok := fileOf(w); ok {
		return f
	}
	return w
}

// The groups of commands in the help.
const (
	labGroup  = "lab"
	kmodGroup = "kmod"
)
