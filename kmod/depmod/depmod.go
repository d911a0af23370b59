// SPDX-License-Identifier: MIT

// Package depmod writes the index of a module tree: modules.dep and the other files
// that modprobe and package kmod look modules up in. For the same tree they are what
// kmod's depmod writes, byte for byte.
package depmod

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/kmodlab/kmodlab/kmod/internal/ko"
)

// Options says which module tree Index works on, and how. Release must be set. The
// zero value of every other field is what depmod does by itself, with two exceptions:
// no configuration is read (see Config), and the files are those of kmod 34.
type Options struct {
	Root      string // the folder that holds ModuleDir; "" is /
	Release   string // as uname -r prints it
	ModuleDir string // below Root; "" is lib/modules
	Output    string // write to Output/ModuleDir/Release, which is created; "" is Root

	// Kmod is the version of kmod whose files are written; 0 is 34. kmod 33 added
	// modules.weakdep; kmod 34 changed the order of nodes in the binary files. Every
	// version reads the files of every other.
	Kmod int

	// Config lists files in the format of depmod.d(5), and folders of such files.
	// depmod itself reads DefaultConfig.
	Config []string

	Files []string // absolute paths: index only these modules; empty is the whole tree
	Quick bool     // do nothing if no module is newer than modules.dep

	Show    io.Writer // gets the text files one after the other; nothing is written to disk
	Verbose io.Writer // gets a line for each symbol that one module needs from another

	WarnDuplicates bool // report an alias that a module has twice

	// Symvers (a Module.symvers) or SystemMap (a System.map) name the symbols of
	// the kernel. CheckSymbols then reports each symbol that nothing exports and, with
	// Symvers, each whose version differs.
	Symvers, SystemMap string
	CheckSymbols       bool
	SymbolPrefix       byte // dropped from the start of symbol names; 0 for none
}

// Result says what Index did.
type Result struct {
	Dir      string   // where the files are; empty if the options were refused
	Modules  int      // how many modules the index has
	Files    []string // names of the files written
	UpToDate bool     // Quick found nothing newer
	Problems []Problem
}

// Problem is something that Index skipped. Apart from it the index is complete.
type Problem struct {
	Severe bool   // depmod calls it an error, otherwise a warning
	Path   string // the file that has the problem; may be empty
	Text   string // in depmod's words; a quoted line keeps its newline
	Err    error  // the error that caused it; may be nil
}

// WriteIndex writes the index of root/lib/modules/release: Index without options and
// without its Result.
func WriteIndex(root, release string) error {
	_, err := Index(Options{Root: root, Release: release})
	return err
}

// Index does depmod's work: it reads every module of a tree and writes modules.dep,
// modules.alias, modules.softdep, modules.weakdep, modules.symbols and modules.devname.
// It also writes the binary form of the first, second and fifth, and
// modules.builtin.bin and modules.builtin.alias.bin.
//
// All files are complete under temporary names before the first replaces an old one,
// so an error leaves the old index as it was. A Release that is empty or a path is
// refused with kmod.ErrRelease before anything is read. Modules that need each other
// are a *kmod.CycleError. A file that is not a module or cannot be read is listed
// without dependencies, as depmod does, and is a Problem of the result: loading it
// then gives a better error than not finding it. The Result is never nil.
func Index(o Options) (*Result, error) {
	x := &indexer{Options: o}
	if err := ko.CheckRelease(o.Release); err != nil {
		return &x.result, fmt.Errorf("index modules: %w", err)
	}
	x.dir = x.folder(o.Root)
	x.out = x.dir
	if o.Output != "" {
		x.out = x.folder(o.Output)
	}
	x.result.Dir = x.out
	if x.Kmod == 0 {
		x.Kmod = 34
	}
	if err := x.run(); err != nil {
		return &x.result, fmt.Errorf("index modules of %s: %w", x.dir, err)
	}
	return &x.result, nil
}

// indexer is one run of Index.
type indexer struct {
	Options
	dir, out string
	config   config
	mods     []*indexed
	kernel   map[string]kernelSymbol // nil if not asked for
	owners   map[string]*indexed
	result   Result
}

// indexed is a module on its way into the index.
type indexed struct {
	name  string
	path  string // as it is opened
	rel   string // as the index has it: below the tree's folder, or absolute
	deps  []*indexed
	users int // how many modules need it directly
	order int // line in modules.order; without one, after all lines
	index int // position in modules.dep
	rank  int // position after sorting: users before what they need
	mark  *indexed
	*scanned
}

func (x *indexer) folder(root string) string {
	if root == "" {
		root = "/"
	}
	if abs, err := filepath.Abs(root); err == nil {
		root = abs
	}
	modules := x.ModuleDir
	if modules == "" {
		modules = "lib/modules"
	}
	return filepath.Join(root, modules, x.Release)
}

func (x *indexer) run() error {
	if err := x.readInputs(); err != nil {
		return err
	}
	if x.Quick && len(x.Files) == 0 {
		newer, err := x.newer()
		if err != nil || !newer {
			x.result.UpToDate = err == nil
			return err
		}
	}
	sortByHash(x.mods, 512, func(m *indexed) string { return m.name })
	if err := x.sortByOrder(); err != nil {
		return err
	}
	x.scan()
	x.result.Modules = len(x.mods)
	x.findOwners()
	x.link()
	if err := x.rank(); err != nil {
		return err
	}
	return x.write()
}

// readInputs reads everything but the modules themselves, and lists these.
func (x *indexer) readInputs() error {
	var err error
	if x.config, err = x.readConfig(); err != nil {
		return err
	}
	if err := x.readKernelSymbols(); err != nil {
		return err
	}
	if len(x.Files) > 0 {
		return x.listFiles()
	}
	return x.listTree()
}

// newer reports whether a module is newer than modules.dep. As with depmod, one that was
// removed, or came with an old date, goes unnoticed.
func (x *indexer) newer() (bool, error) {
	index := filepath.Join(x.out, "modules.dep")
	st, err := os.Stat(index)
	if errors.Is(err, fs.ErrNotExist) {
		x.problem(true, index, err, "could not find %s: %s", index, plainError(err))
		return true, nil
	}
	if err != nil {
		return false, err
	}
	for _, m := range x.mods {
		if mod, err := os.Stat(m.path); err == nil && mod.ModTime().After(st.ModTime()) {
			return true, nil
		}
	}
	return false, nil
}

func (x *indexer) problem(severe bool, path string, err error, format string, args ...any) {
	p := Problem{Severe: severe, Path: path, Text: fmt.Sprintf(format, args...), Err: err}
	x.result.Problems = append(x.result.Problems, p)
}
