// SPDX-License-Identifier: MIT

package ldso

import (
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/kmodlab/kmodlab/internal/beneath"
	"github.com/kmodlab/kmodlab/internal/plain"
	"github.com/kmodlab/kmodlab/internal/program"
)

// passed is a file that the dynamic linker passes over, to look further.
type passed struct{ err error }

func (p *passed) Error() string { return p.err.Error() }

// passOver decides what an error of opening means: nil says that nothing is there, a *passed that something is, which
// does not serve; anything else ends the search.
func passOver(err error) error {
	for _, nothing := range []error{fs.ErrNotExist, syscall.ENOTDIR, syscall.ENAMETOOLONG} {
		if errors.Is(err, nothing) {
			return nil
		}
	}
	for _, useless := range []error{fs.ErrPermission, syscall.ELOOP, beneath.ErrNotRegular} {
		if errors.Is(err, useless) {
			return &passed{useless}
		}
	}
	if size, is := errors.AsType[*beneath.SizeError](err); is {
		return &passed{size}
	}
	return err
}

// find looks for a library in all places where the dynamic linker does.
func (l *load) find(name string, by *object) (*object, error) {
	missing := &MissingError{Library: name, By: by.path}
	for path := range l.places(name, by) {
		o, err := l.try(path)
		pass, passedOver := errors.AsType[*passed](err)
		_, broken := errors.AsType[*program.DamagedError](err)
		switch {
		case passedOver:
			missing.Passed, missing.Err = path, pass.err
		case broken:
			return nil, &LibraryError{Path: path, By: by.path, Err: err}
		case err != nil:
			return nil, l.failed(err)
		case o != nil:
			return o, nil
		}
	}
	if l.tries > maxTries {
		return nil, l.failed(ErrTooMany)
	}
	return nil, missing
}

// failed is an error that no library is to blame for.
func (l *load) failed(err error) error {
	return fmt.Errorf("find the libraries of %s: %w", plain.Text(l.loaded[0].path), err)
}

// places yields the paths at which a library may be, in the linker's order.
func (l *load) places(name string, by *object) iter.Seq[string] {
	return func(yield func(string) bool) {
		if strings.Contains(name, "/") {
			yield(absolute(name))
			return
		}
		for folder := range l.folders(by) {
			if !yield(join(absolute(folder), name)) {
				return
			}
		}
		if path := l.rules.cached(name); path != "" && !(by.NoDefaultLib && isDefault(path)) && !yield(path) {
			return
		}
		if by.NoDefaultLib {
			return
		}
		for _, folder := range l.rules.defaults() {
			if !yield(join(folder, name)) {
				return
			}
		}
	}
}

// folders yields those that the program and its libraries name.
func (l *load) folders(by *object) iter.Seq[string] {
	return func(yield func(string) bool) {
		inherits := l.rules.inherits()
		for o := by; o != nil && (inherits || by.RunPath == ""); o = o.loader {
			paths := o.RPath
			if inherits {
				paths += o.RunPath // there is never both
			}
			if !l.split(paths, o, yield) {
				return
			}
		}
		if !inherits {
			l.split(by.RunPath, by, yield)
		}
	}
}

// split yields the folders of an RPATH or a RUNPATH. It returns false if no more are wanted.
func (l *load) split(paths string, o *object, yield func(string) bool) bool {
	if paths == "" {
		return true
	}
	for path := range strings.SplitSeq(paths, ":") {
		folder, ok := l.rules.expand(path, o)
		if !ok {
			l.tries++ // it takes time, too
		}
		if ok && !yield(folder) || l.tries > maxTries {
			return false
		}
	}
	return true
}

// join does not make the path shorter, as filepath.Join would: if a is a link, a/../b is not b.
func join(folder, name string) string { return strings.TrimSuffix(folder, "/") + "/" + name }

// absolute is a path from the root. An empty one is the current folder, as it is for glibc's linker.
func absolute(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	dir, err := os.Getwd()
	if err != nil {
		return path
	}
	return join(dir, path)
}

// defaultFolders are those of glibc's linkers: Debian's and its descendants', Fedora's and SUSE's, Arch's. Each linker
// has some of them only, so a library may be found here that this machine's own linker would not find. What is for i386
// in them is passed over.
var defaultFolders = []string{
	"/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib64", "/usr/lib64", "/lib", "/usr/lib",
}

func isDefault(path string) bool {
	return slices.ContainsFunc(defaultFolders, func(folder string) bool { return strings.HasPrefix(path, folder+"/") })
}
