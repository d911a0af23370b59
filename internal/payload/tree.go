// SPDX-License-Identifier: MIT

package payload

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/kmodlab/kmodlab/internal/beneath"
	"github.com/kmodlab/kmodlab/internal/program"
)

// Tree is a folder of tests that is built: where it lies on this machine, and which of its files are to be run.
type Tree struct {
	Dir   string
	Tests []string // relative to Dir
}

// AddAll makes a program ready, or all tests of a folder with a Makefile. The error is that of Add.
func (b *Builder) AddAll(ctx context.Context, w Wanted) ([]Program, error) {
	if !w.isFolder() {
		p, err := b.Add(ctx, w)
		return []Program{p}, err
	}
	tree, err := b.CompileTree(ctx, w.path())
	if err != nil {
		return nil, err
	}
	name := b.unique(filepath.Clean(w.path()))
	at := path.Join(Dir, name)
	if err := b.copyTree(ctx, tree.Dir, at); err != nil {
		return nil, err
	}
	var list []Program
	for _, test := range tree.Tests {
		p := Program{Name: b.own(name + "/" + test), Dir: at, User: w.User, Timeout: w.Timeout}
		if err := b.setUser(&p, w.User); err != nil {
			return nil, err
		}
		if err := b.checkBuilt(tree.Dir, test); err != nil {
			return nil, err
		}
		p.Argv = append([]string{path.Join(at, test)}, w.Args...)
		if err := b.setEnv(&p, w.Env); err != nil {
			return nil, err
		}
		list = append(list, p)
	}
	return list, nil
}

// isFolder reports whether a program's name is that of a folder. One that nobody trusts is looked at from within.
func (w Wanted) isFolder() bool {
	if w.Within == "" {
		st, err := os.Stat(w.Program)
		return err == nil && st.IsDir()
	}
	folder, err := beneath.Open(w.Within)
	if err != nil {
		return false // reading will say why
	}
	defer folder.Close()
	st, err := fs.Stat(folder.FS(), path.Clean(w.Program))
	return err == nil && st.IsDir()
}

// copyTree adds what a build left. It lies in the cache, as the build's own result.
func (b *Builder) copyTree(ctx context.Context, dir, to string) error {
	return filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return &Error{Name: name, What: "cannot be read: " + cause(err), Err: err}
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case !d.Type().IsRegular():
			return nil
		}
		st, err := d.Info()
		if err != nil {
			return &Error{Name: name, What: "cannot be read: " + cause(err), Err: err}
		}
		rel := strings.TrimPrefix(strings.TrimPrefix(name, dir), "/")
		return b.copied(File{Guest: path.Join(to, filepath.ToSlash(rel)), Mode: 0o755, Host: name}, st.Size())
	})
}

// checkBuilt refuses a test that the guest cannot run.
func (b *Builder) checkBuilt(dir, test string) error {
	data, err := beneath.ReadIn(dir, test, maxProgram)
	if err != nil {
		return &Error{Name: test, What: "cannot be read: " + cause(err), Err: err}
	}
	kind, err := program.Classify(path.Base(test), data)
	switch {
	case err != nil:
		return wrong(err)
	case kind.Kind == program.CSource:
		return &Error{Name: test, What: "is a source, and not built", Hint: "name the program in TEST_GEN_PROGS"}
	case kind.Kind == program.Script:
		return b.checkInterpreter(test, kind.Script)
	case kind.Kind == program.Dynamic:
		if err := program.Satisfied(kind.Object, b.Suite, b.library); err != nil {
			return &Error{Name: test, What: fmt.Sprint(err), Err: err}
		}
	}
	return nil
}
