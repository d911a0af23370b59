// SPDX-License-Identifier: MIT

package kmod

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// IndexOptions says which module tree Index works on, and how. The zero value
// of each field but Release is what depmod does by itself, with two exceptions:
// no configuration is read (see Config), and the files are those of kmod 34.
type IndexOptions struct {
	Root      string // the folder that holds ModuleDir; "" is /
	Release   string // as uname -r prints it
	ModuleDir string // below Root; "" is lib/modules
	Output    string // the files go to Output/ModuleDir/Release, which is made; "" is Root

	// Kmod is the version of kmod whose files are written; 0 is 34. From 33 on
	// modules.weakdep is one of them, from 34 on the nodes of the binary files
	// are in another order. Every version reads every other's.
	Kmod int

	// Config are files in the format of depmod.d(5), and folders of such
	// files. depmod itself reads DefaultIndexConfig.
	Config []string

	Files []string // absolute paths: index these modules and no others; nil is the whole tree
	Quick bool     // do nothing where no module is newer than modules.dep

	Show    io.Writer // gets the text files one after the other; nothing is written to disk
	Verbose io.Writer // gets a line for each symbol that one module needs from another

	WarnDuplicates bool // an alias that a module has twice is a problem

	// Symvers (a Module.symvers) or SystemMap (a System.map) name the symbols of
	// the kernel. With one of them CheckSymbols makes a problem of each symbol that
	// nobody exports, with Symvers of each whose version differs, too.
	Symvers, SystemMap string
	CheckSymbols       bool
	SymbolPrefix       byte // left out at the start of symbols' names; 0 for none
}

// IndexResult says what Index did.
type IndexResult struct {
	Dir      string   // where the files are
	Modules  int      // how many modules the index has
	Files    []string // names of the files written
	UpToDate bool     // Quick found nothing newer
	Problems []IndexProblem
}

// IndexProblem is something that Index passed over. The index is complete but for it.
type IndexProblem struct {
	Severe bool   // depmod calls it an error, otherwise a warning
	Path   string // the file that has the problem; may be empty
	Text   string // in depmod's words; a line of a file that it quotes has its end
	Err    error  // where an error was the cause
}

// WriteIndex is Index for root/lib/modules/release, without its account.
func WriteIndex(root, release string) error {
	_, err := Index(IndexOptions{Root: root, Release: release})
	return err
}

// Index does depmod's work: it reads every module of a tree and writes modules.dep,
// modules.alias, modules.softdep, modules.weakdep, modules.symbols,
// modules.devname, and for all but the soft and weak dependencies and devname the binary form,
// with modules.builtin.bin and modules.builtin.alias.bin. They are what kmod's
// depmod writes, byte for byte.
//
// All files are complete under other names before the first is renamed over
// the old one, so that an error leaves the old index as it was. Modules that need
// each other are an error, a CycleError. A file that is no module or cannot be
// read is listed without dependencies, as depmod does it, and is a problem of the
// result: loading it then gives a better error than not finding it.
func Index(o IndexOptions) (*IndexResult, error) {
	x := &indexer{IndexOptions: o}
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
	IndexOptions
	dir, out string
	config   indexConfig
	mods     []*indexed
	kernel   map[string]kernelSymbol // nil: not asked for
	owners   map[string]*indexed
	result   IndexResult
}

// indexed is a module on its way into the index.
type indexed struct {
	name  string
	path  string // as it is opened
	rel   string // as the index has it: below the tree's folder, or absolute
	deps  []*indexed
	users int // how many need it directly
	order int // line in modules.order; behind all lines without one
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
	if x.Quick && x.Files == nil {
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
	if x.Files != nil {
		return x.listFiles()
	}
	return x.listTree()
}

// newer says whether a module is newer than modules.dep. As with depmod, one
// that is gone, or came with an old date, does not count.
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
	x.result.Problems = append(x.result.Problems, IndexProblem{Severe: severe, Path: path, Text: fmt.Sprintf(format, args...), Err: err})
}
