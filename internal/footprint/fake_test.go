// SPDX-License-Identifier: MIT

package footprint

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kmodlab/kmodlab/kmod"
)

// fake is a machine below a folder.
type fake struct {
	Machine
	t       *testing.T
	root    string
	tree    string
	modules []kmod.LoadedModule // the youngest first
	looks   func()              // called when somebody asks for them; nil for nothing
	unknown error               // why they cannot be told
	refused map[string]error
	depmods int
	broken  error // what depmod says
}

func newFake(t *testing.T) *fake {
	t.Helper()
	root := t.TempDir()
	f := &fake{t: t, root: root, tree: filepath.Join(root, "lib/modules/6.1.0"), refused: make(map[string]error)}
	f.Machine = Machine{
		Dir: filepath.Join(root, "var/lib/kmodlab"), Proc: filepath.Join(root, "proc"), Sys: filepath.Join(root, "sys"),
		List: f.list, Unload: f.unloadOne, Depmod: f.writeIndex, Patience: 10 * time.Millisecond,
	}
	f.write("proc/sys/kernel/random/boot_id", "first\n")
	f.write("lib/modules/6.1.0/modules.dep", "")
	return f
}

func (f *fake) write(path, text string) string {
	f.t.Helper()
	path = filepath.Join(f.root, path)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		f.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		f.t.Fatal(err)
	}
	return path
}

func (f *fake) list() ([]kmod.LoadedModule, error) {
	if f.looks != nil {
		f.looks()
	}
	return f.modules, f.unknown
}

// load makes a module loaded.
func (f *fake) load(name string, state kmod.State, users int) {
	f.modules = slices.Insert(f.modules, 0, kmod.LoadedModule{Name: name, Size: 16384, Refcnt: users, State: state})
}

func (f *fake) isLoaded(name string) bool {
	return slices.ContainsFunc(f.modules, func(m kmod.LoadedModule) bool { return m.Name == name })
}

func (f *fake) unloadOne(_ context.Context, name string) error {
	if err := f.refused[name]; err != nil {
		return err
	}
	f.modules = slices.DeleteFunc(slices.Clone(f.modules), func(m kmod.LoadedModule) bool { return m.Name == name })
	return nil
}

// writeIndex writes a modules.dep of all that is in the tree.
func (f *fake) writeIndex(context.Context, string) error {
	if f.depmods++; f.broken != nil {
		return f.broken
	}
	var text strings.Builder
	for _, path := range f.installed() {
		if isModule(path) {
			text.WriteString(path + ":\n")
		}
	}
	f.write("lib/modules/6.1.0/modules.dep", text.String())
	return nil
}

// installed returns what is in the tree besides the index, folders included.
func (f *fake) installed() []string {
	var list []string
	err := filepath.WalkDir(f.tree, func(path string, _ os.DirEntry, err error) error {
		rel, _ := filepath.Rel(f.tree, path)
		if err == nil && rel != "." && rel != "modules.dep" {
			list = append(list, rel)
		}
		return err
	})
	if err != nil {
		f.t.Fatal(err)
	}
	return list
}

// change installs m and n below extra/, and may load crc16 for them.
func (f *fake) change() Change {
	return Change{
		Release: "6.1.0", Tree: f.tree,
		Files: []Source{
			{f.write("build/m.ko", "module m"), "extra/labs/m.ko"}, {f.write("build/n.ko", "module n"), "extra/labs/n.ko"},
		},
		Modules: []Module{{"crc16", true}, {"m", false}, {"n", false}},
	}
}

func (f *fake) claim() *Claim {
	f.t.Helper()
	c, err := f.Claim()
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(c.Release)
	return c
}

// begin installs and loads all, as a run does.
func (f *fake) begin() *Claim {
	f.t.Helper()
	c := f.claim()
	if err := c.Make(f.t.Context(), f.change()); err != nil {
		f.t.Fatal(err)
	}
	for _, name := range []string{"crc16", "m", "n"} {
		f.load(name, kmod.StateLive, 0)
	}
	return c
}

// killed begins a run that SIGKILL ends: the kernel releases its lock.
func (f *fake) killed() {
	f.t.Helper()
	f.begin().Release()
}

// clean checks that nothing is left, on the machine and in the notes.
func (f *fake) clean() {
	f.t.Helper()
	if list := f.installed(); len(list) > 0 || len(f.modules) > 0 {
		f.t.Errorf("installed %q, loaded %v", list, f.modules)
	}
	if data, _ := os.ReadFile(filepath.Join(f.tree, "modules.dep")); len(data) > 0 {
		f.t.Errorf("the index names %q", data)
	}
	f.noNotes()
}

func (f *fake) noNotes() {
	f.t.Helper()
	if data, err := os.ReadFile(filepath.Join(f.Dir, notesName)); err == nil {
		f.t.Errorf("noted %s", data)
	}
	if left, err := f.Look(); len(left) > 0 || err != nil && !errors.As(err, new(*BusyError)) {
		f.t.Errorf("left %v, %v", left, err)
	}
}

// words are all sentences about what was not undone.
func (u Undone) words() string { return strings.Join(u.Remains(), "\n") }
