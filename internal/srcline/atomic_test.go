// SPDX-License-Identifier: MIT

package srcline

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestAtomics finds where an object's count changes, and compares each place with objdump's output.
func TestAtomics(t *testing.T) {
	object := compileSource(t, "testdata/refs.c", "-g")
	m, err := Open(object)
	if err != nil {
		t.Fatal(err)
	}
	found, err := m.Atomics([]string{"get_task_struct", "put_task_struct"}, "task_struct", "usage")
	if err != nil || len(found) != 2 {
		t.Fatalf("%+v, %v, want two", found, err)
	}
	in := map[string]string{"get_task_struct": "take", "put_task_struct": "drop"}
	section := map[string]string{"take": ".text", "drop": ".exit.text"}
	for _, a := range found {
		if in[a.Inlined] != a.Symbol || a.Section != section[a.Symbol] || a.Shift != 0 || a.Register == "" {
			t.Errorf("%+v, want a place in %s, and the register with the object's address", a, in[a.Inlined])
		}
		delete(in, a.Inlined)
		if line := disassembled(t, object, a.Symbol, a.Offset); !strings.Contains(line, "xadd") ||
			!strings.Contains(line, "(%r"+a.Register+")") {
			t.Errorf("%+v: at that place is %q", a, line)
		}
	}
	if found, err := m.Atomics([]string{"get_task_struct"}, "task_struct", "no_such_member"); err != nil ||
		len(found) != 0 {
		t.Errorf("without the member: %+v, %v", found, err)
	}
}

// disassembled is objdump's line of an instruction.
func disassembled(t *testing.T, object []byte, symbol string, offset uint64) string {
	t.Helper()
	f, symbols := readELF(t, object)
	for _, s := range symbols {
		if s.Name != symbol {
			continue
		}
		file := filepath.Join(t.TempDir(), "refs.o")
		if err := os.WriteFile(file, object, 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command("objdump", "-d", "-j", f.Sections[s.Section].Name, file).Output()
		if err != nil {
			t.Fatalf("objdump: %v", err)
		}
		at := strconv.FormatUint(s.Value+offset, 16)
		if m := regexp.MustCompile(`(?m)^ +` + at + `:.*$`).Find(out); m != nil {
			return string(m)
		}
	}
	return ""
}
