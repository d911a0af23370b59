// SPDX-License-Identifier: MIT

// Command kmodlab-agent is kmodlab's part in the machine whose modules are loaded: PID 1 of a VM, the kernel's modprobe
// there (and lsmod, modinfo, …, by the name it is called), and the child that works for run --here. It also connects a
// debugger to a VM. People start kmodlab, which finds this program beside it.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/kmodlab/kmodlab/internal/gdbpipe"
	"github.com/kmodlab/kmodlab/internal/guest"
	"github.com/kmodlab/kmodlab/internal/kmodcmd"
	"github.com/kmodlab/kmodlab/internal/wire"
)

const usage = `kmodlab-agent works in the machines of kmodlab, which starts it.
To drive kernel modules, type kmodlab --help.
`

func main() {
	// In a container any program may be PID 1; the kernel starts the initramfs's program as /init.
	if os.Getpid() == 1 && os.Args[0] == "/init" {
		guest.Init()
	}
	command(filepath.Base(os.Args[0]), os.Args[1:])
	if len(os.Args) > 1 { // run --here undoes what it did by rmmod
		command(os.Args[1], os.Args[2:])
	}
	if len(os.Args) != 3 {
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "kmodlab-agent:", err)
		os.Exit(1)
	}
}

// command ends the program if name is one of the kmod commands.
func command(name string, args []string) {
	if slices.Contains(kmodcmd.Names(), name) {
		os.Exit(kmodcmd.Main(name, args, os.Stdin, os.Stdout, os.Stderr))
	}
}

func run(command, argument string) error {
	switch command {
	case wire.AgentHere:
		return guest.Here(argument, os.NewFile(3, "control"), os.NewFile(4, "events"))
	case wire.AgentGDBPipe:
		return gdbpipe.Run(argument, os.Stdin, os.Stdout)
	}
	return fmt.Errorf("%s: no such command\n%s", command, usage)
}
