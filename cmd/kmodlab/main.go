// SPDX-License-Identifier: MIT

// Command kmodlab drives kernel modules in throw-away VMs and tells what the kernel did. By the name modprobe, lsmod,
// modinfo, depmod, insmod or rmmod it is that command.
package main

import (
	"os"
	"path/filepath"
	"slices"

	"github.com/kmodlab/kmodlab/internal/cli"
	"github.com/kmodlab/kmodlab/internal/kmodcmd"
)

func main() {
	if name := filepath.Base(os.Args[0]); slices.Contains(kmodcmd.Names(), name) {
		os.Exit(kmodcmd.Main(name, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}
	os.Exit(cli.Main(os.Args[1:], os.Stdout, os.Stderr))
}
