// SPDX-License-Identifier: MIT

package testlab

import (
	"os"
	"strings"
	"testing"
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
