// SPDX-License-Identifier: MIT

package cli

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/kmodlab/kmodlab"
	"github.com/kmodlab/kmodlab/internal/report"
	"github.com/kmodlab/kmodlab/result"
)

func newDemo() *cobra.Command {
	o := new(options)
	o.spec = kmodlab.Demo("")
	c := &cobra.Command{
		Use:   "demo",
		Short: "walk the steps of the 2015 blog with its two modules, and tell what happened",
		Long: `Build signal_handling.ko and send_signal.ko inside a VM, install, load, look at and
unload them there, each step with the command that a person would type and its
real output; then the story of the kernel threads, the module request and the
signals, as the trace saw them.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			dir, err := os.MkdirTemp("", "kmodlab-demo-")
			if err != nil {
				return fmt.Errorf("make a folder for the demo: %w", err)
			}
			defer os.RemoveAll(dir)
			if err := os.CopyFS(dir, kmodlab.DemoSources()); err != nil {
				return fmt.Errorf("write the demo's sources: %w", err)
			}
			o.spec.Dir = dir
			out := c.OutOrStdout()
			o.spec.Watch.Command = func(cmd result.Command) { fmt.Fprint(out, report.CommandText(cmd)) }
			return o.run(c)
		},
	}
	o.flags(c.Flags())
	return c
}
