// SPDX-License-Identifier: MIT

package cli

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/kmodlab/kmodlab"
)

func newDemo() *cobra.Command {
	o := &options{spec: kmodlab.Demo(""), walk: true}
	c := &cobra.Command{
		Use:   "demo",
		Short: "walk through the 2015 blog post with its two modules, and explain what happened",
		Long: `Build signal_handling.ko and send_signal.ko in a VM, then install, load, inspect and
unload them there. Each step shows the command that a person would type and its real
output. Then comes the story of the kernel threads, the module request and the signals,
as the trace saw them.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			dir, err := os.MkdirTemp("", "kmodlab-demo-")
			if err != nil {
				return fmt.Errorf("create a folder for the demo: %w", err)
			}
			defer os.RemoveAll(dir)
			if err := os.CopyFS(dir, kmodlab.DemoSources()); err != nil {
				return fmt.Errorf("write the demo's sources: %w", err)
			}
			o.spec.Dir = dir
			return o.run(c)
		},
	}
	o.flags(c.Flags())
	return c
}
