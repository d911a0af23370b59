// SPDX-License-Identifier: MIT

package testlab

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kmodlab/kmodlab/internal/testlab/needs"
)

// Generated compares the part of a document between two lines with what a table says, and with KMODLAB_UPDATE writes
// it. command is what writes it.
func Generated(t *testing.T, file, begin, end, want, command string) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begins := strings.Cut(string(data), begin)
	old, after, ends := strings.Cut(rest, end)
	if !begins || !ends {
		t.Fatalf("%s lacks the lines between which the table stands:\n%s%s", file, begin, end)
	}
	want = "\n" + want + "\n"
	switch {
	case old == want:
	case os.Getenv("KMODLAB_UPDATE") != "":
		if err := os.WriteFile(file, []byte(before+begin+want+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("the table in %s is not what the code says; type: %s", file, command)
	}
}

// Compile makes a relocatable object of a C source, optimised as the kernel's are.
func Compile(tb testing.TB, source string, flags ...string) []byte {
	tb.Helper()
	object := filepath.Join(tb.TempDir(), "source.o")
	args := append([]string{"-O2", "-c", "-o", object, source}, flags...)
	if out, err := exec.Command(needs.Program(tb, "gcc"), args...).CombinedOutput(); err != nil {
		tb.Fatalf("gcc: %v\n%s", err, out)
	}
	data, err := os.ReadFile(object)
	if err != nil {
		tb.Fatal(err)
	}
	return data
}
