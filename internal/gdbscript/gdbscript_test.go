// SPDX-License-Identifier: MIT

package gdbscript

import (
	"strings"
	"testing"

	"github.com/kmodlab/kmodlab/internal/modmem"
)

func TestStart(t *testing.T) {
	got := Start{
		Symbols: "/a b/kernel.elf", Bridge: []string{"/it's/kmodlab", "gdb-pipe", "3"}, Loads: 0xffffffff81000000,
		Loaded: "/a b/loaded.gdb", Sources: []string{"/src"}, Breaks: []string{"vfs_read"},
	}.Text()
	for _, want := range []string{
		"file /a\\ b/kernel.elf\n", "directory /src\n", `target remote | exec '/it'\''s/kmodlab' 'gdb-pipe' '3'` + "\n",
		"break vfs_read\n", "hbreak *0xffffffff81000000\ncommands\nsilent\nsource /a b/loaded.gdb\nend\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in:\n%s", want, got)
		}
	}
	if !strings.HasSuffix(got, "\ncontinue\n") {
		t.Errorf("the machine stands at the end of:\n%s", got)
	}
}

func TestModule(t *testing.T) {
	m := Module{
		Module: modmem.Module{Name: "hw", Init: 0x100, Sections: []modmem.Section{{Name: ".text", Addr: 0x200}}},
		File:   "/x/hw.ko", Breaks: []string{"hw.c:12"}, Once: []string{"hw_init"},
	}
	before := m
	before.File = "/x/old.ko"
	before.Sections = []modmem.Section{{Name: ".text", Addr: 0x500}, {Name: ".init.text", Addr: 0x200}}
	const want = "set pagination off\nremove-symbol-file -a 0x500\nadd-symbol-file /x/old.ko -s .text 0x500\n" +
		"add-symbol-file /x/hw.ko -s .text 0x200\nbreak hw.c:12\ntbreak hw_init\nset pagination on\ncontinue\n"
	if got := m.Text([]Module{before}); got != want {
		t.Errorf("got:\n%swant:\n%s", got, want)
	}
	m.AtInit = true
	if !strings.Contains(m.Text(nil), "thbreak *0x100\n") {
		t.Errorf("no stop at init:\n%s", m.Text(nil))
	}
	m.Init = 0
	if strings.Contains(m.Text(nil), "hbreak") {
		t.Errorf("a stop at an init that is not there:\n%s", m.Text(nil))
	}
}

func TestCheckPlace(t *testing.T) {
	for _, good := range []string{"hw_read", "hw.c:12", "src/hw-1.c:3", "*0xffffffffc0000000", "f.isra.0"} {
		if err := CheckPlace(good); err != nil {
			t.Error(err)
		}
	}
	// gdb's break takes conditions, which call functions, and options; a newline would be another command.
	for _, bad := range []string{
		"", "f if $_shell(\"id\")", "f\nshell id", "-qualified", "f thread 1", "$_shell(\"id\")", "a;b",
	} {
		if CheckPlace(bad) == nil {
			t.Errorf("%q is taken for a place", bad)
		}
	}
}

func TestHostilePath(t *testing.T) {
	if CheckPath("/a\nshell id") == nil {
		t.Error("a path with a newline is taken")
	}
	if err := CheckPath("/home/me/my modules"); err != nil {
		t.Error(err)
	}
}
