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

// Compile makes a relocatable object of a C source, optimised as the kernel's are.
func Compile(tb testing.TB, source string, flags ...string) []byte {
	tb.Helper()
	object := filepath.Join(tb.TempDir(), "source.o")
	gcc(tb, "", append([]string{"-O2", "-c", "-o", object, source}, flags...))
	data, err := os.ReadFile(object)
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

// Build makes a file of a text in C: an executable, if the flags do not say otherwise.
func Build(tb testing.TB, file, text string, flags ...string) {
	tb.Helper()
	gcc(tb, text, append([]string{"-o", file, "-x", "c", "-", "-x", "none"}, flags...))
}

func gcc(tb testing.TB, stdin string, args []string) {
	tb.Helper()
	cmd := exec.Command(needs.Program(tb, "gcc"), args...)
	cmd.Stdin = strings.NewReader(stdin)
	if out, err := cmd.CombinedOutput(); err != nil {
		tb.Fatalf("gcc: %v\n%s", err, out)
	}
}
