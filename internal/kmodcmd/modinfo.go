// SPDX-License-Identifier: MIT

package kmodcmd

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/kmodlab/kmodlab/kmod"
)

const modinfoHelp = `Usage: modinfo [options] NAME|FILE...
Prints what a module says about itself.

  -F, --field FIELD        print only the values of this field
  -n -p -a -d -l           only filename, parm, author, description, license
  -0, --null               end fields with a zero byte
  -m, --modname            operands are names of modules, not aliases or files
  -k, --set-version VERSION
  -b, --basedir DIR        the root that holds lib/modules
      --json               print a list of objects, with every value of repeated fields
  -V, --version  -h, --help

As with kmod, surprising though it may be: parameters come last and in reverse order, and with
-0 the key ends with = instead of a colon. --json does neither.
`

func (c *command) modinfo(args []string) int {
	p, err := parseArgs(args, []option{
		{'F', "field", true}, {'n', "filename", false}, {'p', "parameters", false}, {'a', "author", false},
		{'d', "description", false}, {'l', "license", false}, {'0', "null", false}, {'m', "modname", false},
		{'k', "set-version", true}, {'b', "basedir", true}, {0, "json", false},
		{'V', "version", false}, {'h', "help", false},
	})
	if err != nil {
		return c.badArgs(err)
	}
	if status, done := c.helpOrVersion(p, modinfoHelp); done {
		return status
	}
	if len(p.operands) == 0 {
		return c.usage("missing module or filename.")
	}
	tree, err := treeOf(p, "basedir", "set-version")
	if err != nil {
		return c.usage("%v", err)
	}
	out := newInfoPrinter(c.stdout, p)
	status := 0
	for _, arg := range p.operands {
		if err := c.modinfoOne(tree, arg, p.has("modname"), out); err != nil {
			c.modinfoFailed(arg, err)
			status = 1
		}
	}
	if err := out.flush(); err != nil {
		return c.usage("print modinfo: %v", err)
	}
	return status
}

// newInfoPrinter reads the flags that say what to print and how.
func newInfoPrinter(w io.Writer, p parsed) *infoPrinter {
	out := &infoPrinter{w: bufio.NewWriter(w), field: p.flags["field"], sep: ':', end: '\n', json: p.has("json")}
	for _, f := range [...][2]string{
		{"filename", "filename"}, {"parameters", "parm"}, {"author", "author"},
		{"description", "description"}, {"license", "license"},
	} {
		if p.has(f[0]) {
			out.field = f[1]
		}
	}
	if p.has("null") {
		out.sep, out.end = '=', 0
	}
	return out
}

// modinfoOne takes an operand as a file if there is one, and otherwise as a name.
func (c *command) modinfoOne(tree *kmod.Tree, arg string, byName bool, out *infoPrinter) error {
	if st, err := os.Stat(arg); err == nil && st.Mode().IsRegular() && !byName {
		path, err := filepath.Abs(arg)
		if err != nil {
			return err
		}
		return printFile(path, out)
	}
	found, err := tree.Resolve(arg)
	if err != nil {
		return err
	}
	for _, m := range found {
		if byName && m.Name != kmod.CanonicalName(arg) {
			return &kmod.NotFoundError{Name: arg, Dir: tree.Dir()}
		}
		if m.Builtin {
			info, err := tree.BuiltinInfo(m.Name)
			if err != nil {
				return err
			}
			out.print("(builtin)", m.Name, info)
			continue
		}
		if err := printFile(m.Path, out); err != nil {
			return err
		}
	}
	return nil
}

func printFile(path string, out *infoPrinter) error {
	m, err := kmod.OpenModule(path)
	if err != nil {
		return err
	}
	out.print(path, "", m.Info)
	return nil
}

func (c *command) modinfoFailed(arg string, err error) {
	switch {
	case errors.Is(err, fs.ErrNotExist) || errors.Is(err, kmod.ErrNotFound) || errors.Is(err, kmod.ErrNoIndex):
		c.say("ERROR", "Module %s not found.", arg)
	default:
		c.say("ERROR", "could not get modinfo from '%s': %v", kmod.CanonicalName(arg), err)
	}
}

// infoPrinter prints as modinfo does. A line is the key, a colon and blanks up
// to column 16, but with -0 key=value.
type infoPrinter struct {
	w     *bufio.Writer
	field string // print only this one
	sep   byte
	end   byte
	json  bool
	list  []ModuleInfo // for json, what to print at the end
}

// ModuleInfo is what one module says about itself, as JSON.
type ModuleInfo struct {
	Name     string              `json:"name"`
	Filename string              `json:"filename,omitempty"` // empty for a built-in
	Builtin  bool                `json:"builtin,omitempty"`
	Fields   map[string][]string `json:"fields"` // every value of every key but parm and parmtype, in order
	Params   []Param             `json:"parameters"`
}

// Param is a parameter that a module takes.
type Param struct {
	Name string `json:"name"`
	Type string `json:"type,omitempty"`
	Desc string `json:"description,omitempty"`
}

func (o *infoPrinter) flush() error {
	if o.json {
		if err := printJSON(o.w, append([]ModuleInfo{}, o.list...)); err != nil {
			return err
		}
	}
	return o.w.Flush()
}

func (o *infoPrinter) keep(filename, builtin string, info kmod.Info) {
	m := ModuleInfo{Name: builtin, Builtin: builtin != "", Fields: map[string][]string{}, Params: []Param{}}
	if builtin == "" {
		m.Name, m.Filename = kmod.CanonicalName(filename), filename
	}
	for _, f := range info {
		if f.Key != "parm" && f.Key != "parmtype" && (o.field == "" || o.field == f.Key) {
			m.Fields[f.Key] = append(m.Fields[f.Key], f.Value)
		}
	}
	if o.field == "" || o.field == "parm" {
		for _, p := range info.Params() {
			m.Params = append(m.Params, Param{p.Name, p.Type, p.Desc})
		}
	}
	o.list = append(o.list, m)
}

func (o *infoPrinter) print(filename, builtin string, info kmod.Info) {
	switch {
	case o.json:
		o.keep(filename, builtin, info)
		return
	case o.field == "filename":
		fmt.Fprintf(o.w, "%s%c", filename, o.end)
		return
	case o.field != "":
		o.printField(info)
		return
	}
	if builtin != "" {
		fmt.Fprintf(o.w, "%-16s%s%c", "name:", builtin, o.end)
	}
	fmt.Fprintf(o.w, "%-16s%s%c", "filename:", filename, o.end)
	for _, f := range info {
		if f.Key != "parm" && f.Key != "parmtype" {
			o.line(f)
		}
	}
	for _, prm := range backwards(info.Params()) {
		switch {
		case prm.Desc != "" && prm.Type != "":
			fmt.Fprintf(o.w, "%-16s%s:%s (%s)%c", "parm:", prm.Name, prm.Desc, prm.Type, o.end)
		case prm.Desc != "":
			fmt.Fprintf(o.w, "%-16s%s:%s%c", "parm:", prm.Name, prm.Desc, o.end)
		default:
			fmt.Fprintf(o.w, "%-16s%s:%s%c", "parm:", prm.Name, prm.Type, o.end)
		}
	}
}

// backwards is the order in which modinfo prints parameters.
func backwards(params []kmod.Param) []kmod.Param {
	slices.Reverse(params)
	return params
}

func (o *infoPrinter) line(f kmod.Field) {
	var b bytes.Buffer
	b.WriteString(f.Key)
	b.WriteByte(o.sep)
	for o.sep == ':' && b.Len() < 16 {
		b.WriteByte(' ')
	}
	b.WriteString(f.Value)
	b.WriteByte(o.end)
	o.w.Write(b.Bytes())
}

func (o *infoPrinter) printField(info kmod.Info) {
	if o.field != "parm" {
		for _, v := range info.All(o.field) {
			fmt.Fprintf(o.w, "%s%c", v, o.end)
		}
		return
	}
	for _, prm := range backwards(info.Params()) {
		fmt.Fprintf(o.w, "%s:%s", prm.Name, prm.Desc)
		if prm.Type != "" {
			fmt.Fprintf(o.w, " (%s)", prm.Type)
		}
		fmt.Fprintf(o.w, "%c", o.end)
	}
}
