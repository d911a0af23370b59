// SPDX-License-Identifier: MIT

// Command kmod is the six commands for modules alone, under the names that it
// is called by (links to it) or as its first word: kmod modprobe NAME. They are
// those of kmodlab; this program has nothing else in it and so starts in half
// the time.
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
			fmt.Fprintf(os.Stderr, "Usage: kmod COMMAND ...\nCommands: %s. Or link the program to one of these names.\n", strings.Join(kmodcmd.Names(), ", "))
			os.Exit(1)
		}
		name, args = args[0], args[1:]
	}
	os.Exit(kmodcmd.Main(name, args, os.Stdin, os.Stdout, os.Stderr))
}
