// SPDX-License-Identifier: MIT

// Command kmod is the six commands for modules alone, under the names that it
// is called by (links to it) or as its first word: kmod modprobe NAME. They are
// those of kmodlab; this program has nothing else in it and so starts sooner: a
// modprobe -D takes four fifths of the time (docs/kmod.md).
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
	return "Usage: kmod COMMAND ...\nCommands: " + strings.Join(kmodcmd.Names(), ", ") + ". Or link the program to one of these names.\n" +
		"kmod COMMAND --help tells more.\n"
}
