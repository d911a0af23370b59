// SPDX-License-Identifier: MIT

package kmodlab

import (
	"embed"
	"io/fs"
	"time"

	"github.com/kmodlab/kmodlab/internal/kbuild"
)

//go:embed modules/signals
var demoSources embed.FS

// DemoSources is the folder of the demo's two modules, so that the program
// needs no checkout to show them.
func DemoSources() fs.FS {
	sub, err := fs.Sub(demoSources, "modules/signals")
	if err != nil {
		panic(err) // the path is a constant
	}
	return sub
}

// The demo counts every 100 ms instead of every second, and runs long enough to
// count to ten and to get both signals, also under TCG.
const (
	demoPeriod = "period_ms=100"
	demoTime   = 2 * time.Second
)

// Demo is the Spec of the blog's steps with the pair of modules in dir
// (modules/signals of this repository). It builds in the VM: that is the point.
func Demo(dir string) Spec {
	return Spec{
		Dir:   dir,
		Build: string(kbuild.VM),
		Script: []Step{
			{Argv: []string{"depmod", "-a"}},
			{Argv: []string{"modprobe", "--show-depends", "send_signal"}},
			{Argv: []string{"modprobe", "signal_handling", demoPeriod}, Role: Load, Wait: demoTime},
			{Argv: []string{"lsmod"}},
			{Argv: []string{"modinfo", "signal_handling"}},
			{Argv: []string{"modprobe", "-r", "signal_handling"}, Role: Refused},
			{Argv: []string{"modprobe", "-r", "send_signal"}, Role: Unload},
		},
	}
}
