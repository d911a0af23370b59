// SPDX-License-Identifier: MIT

package footprint

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// fake is a machine below a folder.
type fake struct {
	Machine
	t       *testing.T
	root    string
	tree    string
	lines   []string // of /proc/modules, the youngest first
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
		Unload: f.unloadOne, Depmod: f.writeIndex, Patience: 10 * time.Millisecond,
	}
	f.write("proc/sys/kernel/random/boot_id", "first\n")
	f.write("proc/modules", "")
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

// load makes a module loaded.
func (f *fake) load(name, state string, users int) {
	f.lines = slices.Insert(f.lines, 0, fmt.Sprintf("%s 16384 %d - %s 0x0 (OE)\n", name, users, state))
	f.write("proc/modules", strings.Join(f.lines, ""))
}

func (f *fake) isLoaded(name string) bool {
	return slices.ContainsFunc(f.lines, func(l string) bool { return strings.HasPrefix(l, name+" ") })
}

func (f *fake) unloadOne(_ context.Context, name string) error {
	if err := f.refused[name]; err != nil {
		return err
	}
	f.lines = slices.DeleteFunc(f.lines, func(l string) bool { return strings.HasPrefix(l, name+" ") })
	f.write("proc/modules", strings.Join(f.lines, ""))
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
		f.load(name, live, 0)
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
	if list := f.installed(); len(list) > 0 || len(f.lines) > 0 {
		f.t.Errorf("installed %q, loaded %q", list, f.lines)
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
func (u Undone) words() string {
	text := strings.Join(u.Kept, "\n")
	for _, l := range u.Left {
		text += "\n" + l.String()
	}
	return text
}
