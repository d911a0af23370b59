// SPDX-License-Identifier: MIT

package kmodcmd

import (
	"fmt"
	"io"
	"strings"

	"github.com/kmodlab/kmodlab/kmod"
)

const lsmodHelp = `Usage: lsmod
Lists the loaded modules, their size in bytes, refcount and holders.
`

func (c *command) lsmod(args []string) int {
	p, err := parseArgs(args, []option{{'s', "syslog", false}, {'v', "verbose", false}, {'V', "version", false}, {'h', "help", false}})
	if err != nil {
		return c.usage("%v", err)
	}
	if status, done := c.helpOrVersion(p, lsmodHelp); done {
		return status
	}
	mods, err := kmod.List()
	if err != nil {
		fmt.Fprintf(c.stderr, "Error: could not get list of modules: %v\n", err)
		return 1
	}
	printModules(c.stdout, mods)
	return 0
}

func printModules(w io.Writer, mods []kmod.LoadedModule) {
	fmt.Fprintln(w, "Module                  Size  Used by")
	for _, m := range mods {
		fmt.Fprintf(w, "%-19s %8d  %d", m.Name, m.Size, m.Refcnt)
		if len(m.Holders) > 0 {
			fmt.Fprint(w, " "+strings.Join(m.Holders, ","))
		}
		fmt.Fprintln(w)
	}
}
