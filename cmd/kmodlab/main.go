// SPDX-License-Identifier: MIT

// Command kmodlab drives kernel modules in throw-away VMs and tells what the
// kernel did. The same program is three things: PID 1 of the VM, the kernel's
// modprobe there (and lsmod, modinfo, …, by the name it is called), and the
// command line.
package main

import (
	"os"
	"path/filepath"
	"slices"

	"github.com/kmodlab/kmodlab/internal/cli"
	"github.com/kmodlab/kmodlab/internal/guest"
	"github.com/kmodlab/kmodlab/internal/kmodcmd"
)

func main() {
	// In a container the command line may be PID 1 too; the kernel starts the
	// initramfs's program as /init.
	if os.Getpid() == 1 && os.Args[0] == "/init" {
		guest.Init()
	}
	if name := filepath.Base(os.Args[0]); slices.Contains(kmodcmd.Names(), name) {
		os.Exit(kmodcmd.Main(name, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}
	os.Exit(cli.Main(os.Args[1:], os.Stdout, os.Stderr))
}
