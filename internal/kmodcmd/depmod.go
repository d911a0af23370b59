// SPDX-License-Identifier: MIT

package kmodcmd

import (
	"errors"
	"io/fs"
	"os"

	"github.com/kmodlab/kmodlab/kmod"
)

const depmodHelp = `Usage: depmod [options] [VERSION]
Writes the index of a module tree: modules.dep, .alias, .softdep, .symbols, .devname.

  -a, --all                accepted; it is the default
  -b, --basedir DIR        root of lib/modules
  -V, --version  -h, --help
`

func (c *command) depmod(args []string) int {
	p, err := parseArgs(args, []option{{'a', "all", false}, {'b', "basedir", true}, {'V', "version", false}, {'h', "help", false}})
	if err != nil {
		return c.usage("%v", err)
	}
	if status, done := c.helpOrVersion(p, depmodHelp); done {
		return status
	}
	switch {
	case len(p.operands) > 1:
		return c.usage("more than one version: %v", p.operands)
	case len(p.operands) == 1:
		if v := p.operands[0]; v == "" || v[0] < '0' || v[0] > '9' {
			return c.usage("Bad version passed %s", v)
		}
		p.flags["version-operand"] = p.operands[0]
	}
	tree, err := treeOf(p, "basedir", "version-operand")
	if err != nil {
		return c.usage("%v", err)
	}
	if _, err := os.Stat(tree.Dir()); errors.Is(err, fs.ErrNotExist) {
		c.say("ERROR", "could not open directory %s: No such file or directory", tree.Dir())
		c.say("FATAL", "could not search modules: No such file or directory")
		return 1
	}
	bad, err := kmod.Index(tree.Root, tree.Release)
	for _, b := range bad {
		c.say("ERROR", "failed to load symbols from %v", b)
	}
	if err != nil {
		c.say("ERROR", "%v", err)
		return 1
	}
	return 0
}
