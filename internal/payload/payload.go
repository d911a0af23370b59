// SPDX-License-Identifier: MIT

// Package payload gathers what a run puts into its guest beside the modules: the programs that work with them, the
// libraries that these need, and a person's files. It runs nothing and changes nothing.
package payload

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"time"

	"github.com/kmodlab/kmodlab/internal/beneath"
	"github.com/kmodlab/kmodlab/internal/program"
	"github.com/kmodlab/kmodlab/internal/program/ldso"
)

// Dir is the folder of the guest's system that programs run in, and that a person's files are put into.
const Dir = "/lab"

// Wanted is a program as a person named it.
type Wanted struct {
	// Program is a path on this machine, or below Within. Empty: Args is a command of the guest's system, and without Args
	// a shell.
	Program string
	Within  string // a folder that nobody trusts: no name and no link leads out of it; empty: anything can be named
	Args    []string
	Env     []string // NAME=VALUE
	User    string   // a name or a number of the guest's system; empty: root
	Timeout time.Duration
	Dir     string // where it runs in the guest; empty: Dir
	Term    string // the type of the terminal that it gets; empty: none
}

// Program is one that is ready to run in the guest.
type Program struct {
	Name     string // of the file; no two have the same
	Argv     []string
	Env      []string
	Dir      string
	User     string
	UID, GID uint32
	Timeout  time.Duration
}

// File is a file, or a link, of the guest's system.
type File struct {
	Guest string      // absolute, as programs see it
	Mode  fs.FileMode // with fs.ModeDir, it is a folder
	Host  string      // the file on this machine, or
	Data  []byte
	Link  string // a link's target; empty for a file
}

// Error says why a program cannot run in the guest. Nothing was booted.
type Error struct {
	Name string // of the program or the file
	What string // continues a sentence that begins with the name
	Hint string
	Err  error
}

func (e *Error) Error() string {
	if e.Name == "" {
		return e.What
	}
	return e.Name + " " + e.What
}

func (e *Error) Unwrap() error { return e.Err }

// Builder gathers a payload. System is the guest's system as a folder of this machine, Suite how people call it.
// Compile builds a C source and returns the program's path, CompileTree a folder by its Makefile; their errors are
// passed on as they are.
type Builder struct {
	System      string
	Suite       string
	Compile     func(ctx context.Context, source string) (string, error)
	CompileTree func(ctx context.Context, dir string) (Tree, error)

	files    []File
	bytes    int64 // of what was copied
	names    map[string]bool
	accounts *accounts
}

// maxProgram bounds a program, in bytes.
const maxProgram = 256 << 20

// Files are what the programs need, and the person's own.
func (b *Builder) Files() []File { return b.files }

// Add makes a program ready. The error is an *Error, one of Compile, or the context's.
func (b *Builder) Add(ctx context.Context, w Wanted) (Program, error) {
	p := Program{Dir: cmp.Or(w.Dir, Dir), User: w.User, Timeout: w.Timeout}
	if err := b.setUser(&p, w.User); err != nil {
		return p, err
	}
	if p.Dir != Dir {
		b.Folder(p.Dir)
	}
	if w.Program == "" {
		return b.command(p, w)
	}
	p.Name = b.unique(w.Program)
	data, err := readProgram(w)
	if err != nil {
		return p, err
	}
	kind, err := program.Classify(filepath.Base(w.Program), data)
	if err != nil {
		return p, wrong(err)
	}
	if kind.Kind == program.CSource {
		built, err := b.Compile(ctx, w.path())
		if err != nil {
			return p, err
		}
		p.Argv = append([]string{b.put(File{Host: built}, p.Name)}, w.Args...)
		return p, b.setEnv(&p, w.Env)
	}
	argv, err := b.argv(ctx, p.Name, w, kind, data)
	if err != nil {
		return p, err
	}
	p.Argv = append(argv, w.Args...)
	return p, b.setEnv(&p, w.Env)
}

// path is the program's own on this machine.
func (w Wanted) path() string {
	if w.Within != "" {
		return filepath.Join(w.Within, w.Program)
	}
	return w.Program
}

// readProgram reads the file of a program.
func readProgram(w Wanted) ([]byte, error) {
	name := w.Program
	data, err := read(w.Within, name, maxProgram)
	var size *beneath.SizeError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, &Error{Name: name, What: "is not there", Hint: "name a program, a script or a C source", Err: err}
	case errors.As(err, &size):
		return nil, &Error{Name: name, What: fmt.Sprintf("is larger than %d MiB", maxProgram>>20),
			Hint: "strip it: its debug data is most of it", Err: err}
	case errors.Is(err, beneath.ErrNotRegular):
		return nil, &Error{Name: name, What: "is not a file", Hint: "name a program, a script or a C source", Err: err}
	case err != nil:
		return nil, &Error{Name: name, What: "cannot be read: " + cause(err), Err: err}
	}
	return data, nil
}

// read reads a file that a person named, or one of a folder that nobody trusts.
func read(within, name string, most int64) ([]byte, error) {
	if within == "" {
		return beneath.ReadPath(name, most)
	}
	return beneath.ReadIn(within, name, most)
}

// cause is what went wrong, without the name, which the message has already.
func cause(err error) string {
	var p *fs.PathError
	if errors.As(err, &p) {
		err = p.Err
	}
	return err.Error()
}

func wrong(err error) error {
	var w *program.WrongError
	if errors.As(err, &w) {
		return &Error{Name: w.Name, What: w.What, Hint: w.Hint, Err: err}
	}
	return &Error{What: err.Error(), Err: err}
}

// unique is a program's name in the guest.
func (b *Builder) unique(file string) string {
	name := filepath.Base(file)
	if ext := path.Ext(name); ext == ".c" {
		name = name[:len(name)-len(ext)]
	}
	return b.own(name)
}

// own is a name, or that name with a number if another program has it.
func (b *Builder) own(wanted string) string {
	if b.names == nil {
		b.names = make(map[string]bool)
	}
	name := wanted
	for n := 2; b.names[name]; n++ {
		name = fmt.Sprintf("%s-%d", wanted[:min(len(wanted), 200)], n)
	}
	b.names[name] = true
	return name
}

// put adds a program's file, and returns its place.
func (b *Builder) put(f File, name string) string {
	f.Guest, f.Mode = path.Join(Dir, name), 0o755
	b.files = append(b.files, f)
	return f.Guest
}

// argv adds the files of a program that is not compiled first, and returns the command line that starts it.
func (b *Builder) argv(
	ctx context.Context, name string, w Wanted, kind *program.Program, data []byte,
) ([]string, error) {
	switch kind.Kind {
	case program.Script:
		if err := b.checkInterpreter(w.Program, kind.Script); err != nil {
			return nil, err
		}
	case program.Dynamic:
		err := program.Satisfied(kind.Object, b.Suite, b.library)
		if err != nil && w.Within != "" { // whose libraries would be this machine's
			return nil, &Error{Name: name, What: err.Error(), Err: err}
		}
		if err != nil {
			return b.withLibraries(ctx, name, w.Program, kind.Object)
		}
	}
	return []string{b.put(File{Data: data}, name)}, nil // as it was read: the file may change
}

// withLibraries takes a program's libraries along, since the guest's system lacks them or has older ones.
func (b *Builder) withLibraries(ctx context.Context, name, file string, o *program.Object) ([]string, error) {
	linked, err := ldso.Libraries(ctx, file, o)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err != nil {
		return nil, &Error{What: err.Error(), Err: err}
	}
	if len(linked.ByPath) > 0 {
		return nil, &Error{Name: name, What: fmt.Sprintf("is linked to %s by its path, which the guest does not have",
			linked.ByPath[0].Name), Hint: "link it by name, or with -static"}
	}
	// The copy of the linker is called like the program: so is the process then.
	own := path.Join(Dir, ".libraries", name)
	interp, dir := path.Join(own, name), path.Join(own, "lib")
	b.files = append(b.files, File{Guest: interp, Mode: 0o755, Host: linked.Interp.Path})
	for _, l := range linked.Libraries {
		b.files = append(b.files, File{Guest: path.Join(dir, l.Name), Mode: 0o755, Host: l.Path})
		for _, also := range l.Also {
			b.files = append(b.files, File{Guest: path.Join(dir, also), Link: l.Name})
		}
	}
	return []string{interp, "--library-path", dir, b.put(File{Host: file}, name)}, nil
}
