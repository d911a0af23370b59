// SPDX-License-Identifier: MIT

package kmodcmd

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/kmodlab/kmodlab/kmod"
)

const lsmodHelp = `Usage: lsmod [options]
Lists the loaded modules, their size in bytes, refcount and holders.

      --json               print a list of objects, with state and taint
  -s, --syslog  -v, --verbose (no effect)  -V, --version  -h, --help

A module that is loaded or unloaded meanwhile is listed as /proc/modules had it.
`

// ListedModule is one loaded module as JSON.
type ListedModule struct {
	Name     string   `json:"name"`
	Size     uint64   `json:"size"`     // bytes
	Refcount int      `json:"refcount"` // -1 if the kernel cannot unload
	Holders  []string `json:"holders"`
	State    string   `json:"state"`           // live, coming or going
	Taint    string   `json:"taint,omitempty"` // letters, such as OE
}

func (c *command) lsmod(args []string) int {
	p, err := parseArgs(args, []option{
		{0, "json", false}, {'s', "syslog", false}, {'v', "verbose", false},
		{'V', "version", false}, {'h', "help", false},
	})
	if err != nil {
		return c.badArgs(err)
	}
	if status, done := c.helpOrVersion(p, lsmodHelp); done {
		return status
	}
	if len(p.operands) > 0 {
		fmt.Fprintf(c.stderr, "Usage: %s\n", c.name)
		return 1
	}
	mods, err := kmod.List()
	if err != nil {
		fmt.Fprintf(c.stderr, "Error: could not get list of modules: %v\n", err)
		return 1
	}
	if p.has("json") {
		list := []ListedModule{}
		for _, m := range mods {
			holders := append([]string{}, m.Holders...)
			list = append(list, ListedModule{m.Name, m.Size, m.Refcnt, holders, string(m.State), m.Taint})
		}
		err = printJSON(c.stdout, list)
	} else {
		err = printModules(c.stdout, mods)
	}
	if err != nil {
		fmt.Fprintf(c.stderr, "Error: could not print list of modules: %v\n", err)
		return 1
	}
	return 0
}

func printModules(out io.Writer, mods []kmod.LoadedModule) error {
	w := bufio.NewWriter(out)
	fmt.Fprintln(w, "Module                  Size  Used by")
	for _, m := range mods {
		fmt.Fprintf(w, "%-19s %8d  %d", m.Name, m.Size, m.Refcnt)
		if len(m.Holders) > 0 {
			fmt.Fprint(w, " "+strings.Join(m.Holders, ","))
		}
		fmt.Fprintln(w)
	}
	return w.Flush()
}
