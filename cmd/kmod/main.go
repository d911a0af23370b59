// SPDX-License-Identifier: MIT

// Command kmod is the six module commands and nothing else: under the names of links to it, or
// as its first word, kmod modprobe NAME. They are those of kmodlab; without the rest this
// program starts sooner, and a modprobe -D takes four fifths of the time (docs/kmod.md).
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kmodlab/kmodlab/internal/kmodcmd"
)

func main() {
	name, args := filepath.Base(os.Args[0]), os.Args[1:]
	if !slices.Contains(kmodcmd.Names(), name) {
		if len(args) == 0 {
			fmt.Fprint(os.Stderr, usage())
			os.Exit(1)
		}
		if args[0] == "-h" || args[0] == "--help" {
			fmt.Print(usage())
			return
		}
		name, args = args[0], args[1:]
	}
	os.Exit(kmodcmd.Main(name, args, os.Stdin, os.Stdout, os.Stderr))
}

func usage() string {
	return "Usage: kmod COMMAND ...\n" +
		"Commands: " + strings.Join(kmodcmd.Names(), ", ") + "; a link by one of these names is that command.\n" +
		"kmod COMMAND --help says more.\n"
}
