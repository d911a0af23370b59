// SPDX-License-Identifier: MIT

package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/kmodlab/kmodlab"
	"github.com/kmodlab/kmodlab/internal/prepare"
	"github.com/kmodlab/kmodlab/internal/scratch"
	"github.com/kmodlab/kmodlab/modules"
)

func newDemo() *cobra.Command {
	o := &options{spec: Demo(""), walk: true}
	c := &cobra.Command{
		Use:   "demo",
		Short: "walk through the 2015 blog post with its two modules, and explain what happened",
		Long: `Build signal_handling.ko and send_signal.ko in a VM, then install, load, inspect and
unload them there. Each step shows the command that a person would type and its real
output. Then comes the story of the kernel threads, the module request and the signals,
as the trace saw them.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := o.check(); err != nil { // before anything is made
				return err
			}
			cache, err := workDir()
			if err != nil {
				return err
			}
			temp, err := scratch.Make(filepath.Join(cache, prepare.ScratchDir), "demo")
			if err != nil {
				return err
			}
			defer temp.Close()
			dir := filepath.Join(temp.Path, "signals") // reports name it
			if err := os.CopyFS(dir, modules.Signals()); err != nil {
				return fmt.Errorf("write the demo's sources: %w", err)
			}
			o.spec.Dir, o.spec.Title = dir, "demo"
			return o.begin(c)
		},
	}
	o.flags(c.Flags())
	return c
}

// The demo counts every 100 ms instead of every second, and runs long enough to
// count to ten and to get both signals, also under TCG.
const (
	demoPeriod = "period_ms=100"
	demoTime   = 2 * time.Second
)

// Demo is the Spec of the blog's steps with the pair of modules in dir
// (modules/signals of this repository). It builds in the VM: that is the point.
func Demo(dir string) kmodlab.Spec {
	return kmodlab.Spec{
		Dir:   dir,
		Build: kmodlab.BuildVM,
		Script: []kmodlab.Step{
			{Argv: []string{"depmod", "-a"}},
			{Argv: []string{"modprobe", "--show-depends", "send_signal"}},
			{Argv: []string{"modprobe", "signal_handling", demoPeriod}, Role: kmodlab.RoleLoad, Wait: demoTime},
			{Argv: []string{"lsmod"}},
			{Argv: []string{"modinfo", "signal_handling"}},
			{Argv: []string{"modprobe", "-r", "signal_handling"}, Role: kmodlab.RoleRefused},
			{Argv: []string{"modprobe", "-r", "send_signal"}, Role: kmodlab.RoleUnload},
		},
	}
}
