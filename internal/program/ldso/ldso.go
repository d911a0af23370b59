// SPDX-License-Identifier: MIT

// Package ldso finds the libraries of a dynamic executable on this machine, where its dynamic linker would find them.
// Unlike ldd it starts neither of the two: the executable may come from a stranger. It knows the rules of the linkers
// of glibc and musl. Whatever the executable names, only what has the form of a library is found: a stranger's program
// cannot have other files copied to where it runs.
package ldso

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kmodlab/kmodlab/internal/beneath"
	"github.com/kmodlab/kmodlab/internal/plain"
	"github.com/kmodlab/kmodlab/internal/program"
)

// Library is a file that a program is linked to.
type Library struct {
	Name string   // under which it is looked for; it is from a stranger's file
	Also []string // further names of the same file
	// Path is on this machine, absolute, with links in it. Whoever opens it later may find another file there, if
	// somebody else can write to one of its folders.
	Path string
	Size int64 // in bytes
}

// Linked is what an executable has to have around it to run elsewhere: in a guest, once the files are there,
//
//	INTERP --library-path DIR PROGRAM ARGUMENTS
//
// where INTERP is a copy of the dynamic linker, under any name, and DIR has a copy of each of Libraries under its Name.
// Each of Also has to be a link to that copy: a second copy would be loaded as a second library. The linkers of glibc
// and musl understand this command.
//
// The program's argv[0] is then PROGRAM. AT_EXECFN of its auxiliary vector is PROGRAM, too, with glibc (2.36), whose
// linker adjusts it; with musl (1.2.3) it is INTERP. With both, /proc/self/exe is INTERP, and the name of the process,
// which the kernel's log and a trace show, is the last part of INTERP's path, cut to 15 bytes. So the copy should have
// the program's name, in a folder of its own. Of the folders that the files themselves name, those of RPATH come before
// DIR and those of RUNPATH after it (with musl, both after it); they are the guest's folders, and $ORIGIN is where
// PROGRAM and the copies are there.
//
// Nobody knows before it happens what a program loads by dlopen. That includes libgcc_s.so.1, which glibc loads for
// pthread_exit and pthread_cancel, and the modules of NSS and iconv. The linker looks for them in DIR, and then in the
// guest's own folders.
type Linked struct {
	Interp    Library   // Name is the path that the program asks for
	Libraries []Library // their names have no slash, and are not "." or ".."
	// ByPath are libraries that are linked by a path (Name, with a slash) and not by a name. DIR does not matter for
	// them: the linker opens that path, from the current folder if it is relative. Name is what the file says, with
	// $ORIGIN in it; whoever makes a path of it makes sure where that leads. If one of Libraries has the same Path, the
	// two have to be links to one copy.
	ByPath []Library
}

// MissingError is a library that is not on this machine.
type MissingError struct {
	Library string
	By      string // the path of the program or library that needs it
	Passed  string // the last file of that name that was passed over
	Err     error  // why it was
}

func (e *MissingError) Error() string {
	s := fmt.Sprintf("%s needs %s, which is not on this machine", plain.Text(e.By), plain.Text(e.Library))
	if e.Passed != "" {
		s += fmt.Sprintf(" (%s does not serve: %v)", plain.Text(e.Passed), e.Err)
	}
	if strings.Contains(e.Library, "/") {
		return s + ": build the program on this machine, or link it with -static"
	}
	return s + ": install it, link with -Wl,-rpath,FOLDER (LD_LIBRARY_PATH is not heeded), or link with -static"
}

// Unwrap returns why a file was passed over, if one was.
func (e *MissingError) Unwrap() error { return e.Err }

// LibraryError is a library that is there and cannot be used. The dynamic linker would end with it, too.
type LibraryError struct {
	Path, By string
	Err      error // mostly a *program.DamagedError
}

func (e *LibraryError) Error() string {
	return fmt.Sprintf("%s needs %s: %v: install that library anew", plain.Text(e.By), plain.Text(e.Path), e.Err)
}

// Unwrap returns what is wrong with the library.
func (e *LibraryError) Unwrap() error { return e.Err }

// ErrTooMany says that a program has more libraries, or more folders to look for them, than any real one.
var ErrTooMany = errors.New("too many libraries, or too many folders to look for them")

// Bounds. On a Debian machine, Chromium has the most libraries, 106.
const (
	maxLibraries = 512
	maxTries     = 1 << 15 // files that are looked for: a library for which an RPATH names 100 folders may take 100
	maxSize      = 1 << 40 // of a library, in bytes; only a few thousand of them are read
)

// Libraries finds what an executable is linked to, directly or by way of other libraries: path is its own, o what
// program.Classify or program.Read found in it. Libraries come in the order in which they are loaded. It is the plain
// variant of each, not one for the newest processors (glibc-hwcaps), since the guest's processor may lack what this
// machine's has. LD_LIBRARY_PATH, LD_PRELOAD and /etc/ld.so.preload are not heeded, and neither are DT_FILTER and
// DT_AUXILIARY, which are rare.
//
// A library that is not there is a *MissingError, one that is damaged a *LibraryError; one that lacks a version has a
// *program.LacksError in it.
func Libraries(ctx context.Context, path string, o *program.Object) (*Linked, error) {
	return system{}.resolve(ctx, path, o)
}

// system is the machine whose libraries are looked for.
type system struct{ root string } // empty but in tests

func (s system) on(path string) string {
	if filepath.IsAbs(path) {
		return s.root + path
	}
	return path
}

// object is an executable or a library that is loaded.
type object struct {
	*program.Object
	names  []string // under which it was looked for
	path   string
	origin string  // the folder that $ORIGIN stands for
	loader *object // who needed it first; nil for the program
	info   fs.FileInfo
}

func (o *object) library(name string, also []string) Library {
	return Library{Name: name, Also: also, Path: o.path, Size: o.info.Size()}
}

// originOf is the folder of an absolute path, not made shorter.
func originOf(path string) string { return path[:max(strings.LastIndexByte(path, '/'), 1)] }

// load is the loading of one program.
type load struct {
	system
	arch   program.Arch
	rules  rules
	loaded []*object          // the program first
	byName map[string]*object // by the names that were asked for, and the sonames
	interp *object
	tries  int
}

func (s system) resolve(ctx context.Context, path string, o *program.Object) (*Linked, error) {
	resolved, err := filepath.EvalSymlinks(s.on(path))
	if err == nil {
		resolved, err = filepath.Abs(resolved)
	}
	if err != nil {
		return nil, fmt.Errorf("find the libraries of %s: %w", plain.Text(path), err)
	}
	main := &object{Object: o, path: path, origin: originOf(strings.TrimPrefix(resolved, s.root))}
	l := &load{system: s, arch: o.Arch, loaded: []*object{main}, byName: make(map[string]*object)}
	if err := l.linker(main); err != nil {
		return nil, err
	}
	for i := 0; i < len(l.loaded); i++ {
		for _, name := range l.loaded[i].Needed {
			if err := ctx.Err(); err != nil {
				return nil, context.Cause(ctx)
			}
			if err := l.need(name, l.loaded[i]); err != nil {
				return nil, err
			}
		}
	}
	for i, o := range l.loaded {
		if err := ctx.Err(); err != nil {
			return nil, context.Cause(ctx)
		}
		needs := *o.Object
		if i > 0 {
			needs.Interp = "" // that of a library, such as libc, only matters if it is started itself
		}
		if err := program.Satisfied(&needs, "this machine", l.versions); err != nil {
			return nil, fmt.Errorf("%s %w", plain.Text(o.path), err)
		}
	}
	return l.linked(), nil
}

// linker finds the dynamic linker.
func (l *load) linker(main *object) error {
	if main.Interp == "" {
		return l.failed(errors.New("it is no dynamic executable"))
	}
	l.rules = l.rulesOf(main.Interp)
	o, err := l.find(absolute(main.Interp), main)
	if err != nil {
		return err
	}
	o.names = []string{main.Interp}
	l.interp = o
	l.byName[main.Interp] = o
	if o.Soname != "" {
		l.byName[o.Soname] = o
	}
	if main.Soname != "" && l.rules.sonames() {
		l.byName[main.Soname] = main
	}
	return nil
}

// need loads a library, unless it is there.
func (l *load) need(name string, by *object) error {
	expanded, ok := l.rules.expand(name, by)
	if !ok {
		return &MissingError{Library: name, By: by.path}
	}
	if expanded == "" || l.byName[expanded] != nil { // glibc calls the program itself ""
		return nil
	}
	if l.rules.own(expanded) {
		l.byName[expanded] = l.interp
		return nil
	}
	o, err := l.find(expanded, by)
	if err != nil {
		return err
	}
	for _, other := range l.libraries() {
		if os.SameFile(o.info, other.info) {
			o = other
			break
		}
	}
	o.names = append(o.names, name)
	l.byName[expanded] = o
	if len(o.names) > 1 {
		return nil
	}
	if len(l.loaded) > maxLibraries {
		return l.failed(ErrTooMany)
	}
	if o.Soname != "" && l.rules.sonames() && l.byName[o.Soname] == nil {
		l.byName[o.Soname] = o
	}
	o.loader = by
	l.loaded = append(l.loaded, o)
	return nil
}

// libraries are those that are loaded, and the linker.
func (l *load) libraries() []*object { return slices.Concat(l.loaded[1:], []*object{l.interp}) }

// versions tells what a library that is loaded defines.
func (l *load) versions(name string) ([]string, bool) {
	o := l.byName[name]
	if o == nil {
		return nil, false
	}
	return o.Defines, true
}

func (l *load) linked() *Linked {
	linked := &Linked{Interp: l.interp.library(l.interp.names[0], nil)}
	for _, o := range l.libraries() {
		var plainNames []string
		for i, name := range o.names {
			switch {
			case o == l.interp && i == 0:
			case strings.Contains(name, "/"):
				linked.ByPath = append(linked.ByPath, o.library(name, nil))
			default:
				plainNames = append(plainNames, name)
			}
		}
		if len(plainNames) > 0 {
			linked.Libraries = append(linked.Libraries, o.library(plainNames[0], plainNames[1:]))
		}
	}
	return linked
}

// try reads a library. It returns nil if there is none of that name, and a *passed if there is one that the dynamic
// linker passes over.
func (l *load) try(path string) (*object, error) {
	if l.tries++; l.tries > maxTries {
		return nil, ErrTooMany
	}
	file, err := beneath.OpenPath(l.on(path), maxSize)
	if err != nil {
		return nil, passOver(err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	o, err := program.Read(file, info.Size(), l.arch)
	if other, is := errors.AsType[*program.ArchError](err); is {
		return nil, &passed{other}
	}
	if err != nil {
		return nil, err
	}
	return &object{Object: o, path: path, origin: originOf(path), info: info}, nil
}
