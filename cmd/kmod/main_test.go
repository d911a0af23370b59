// SPDX-License-Identifier: MIT

package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kmodlab/kmodlab/internal/kmodcmd"
	"github.com/kmodlab/kmodlab/internal/testlab"
)

func TestMain(m *testing.M) { testlab.Main(m) }

// TestNames calls every command by a link and by the first word.
func TestNames(t *testing.T) {
	dir, program := t.TempDir(), testlab.Kmod(t)
	for _, name := range kmodcmd.Names() {
		link := filepath.Join(dir, name)
		if err := os.Symlink(program, link); err != nil {
			t.Fatal(err)
		}
		args := []string{"--no-such-option"}
		var want bytes.Buffer
		wantStatus := kmodcmd.Main(name, args, nil, &want, &want)
		for _, argv := range [][]string{append([]string{link}, args...), append([]string{program, name}, args...)} {
			out, status := run(t, argv...)
			if out != want.String() || status != wantStatus {
				t.Errorf("%q prints %q and ends with %d, want %q and %d", argv, out, status, want.String(), wantStatus)
			}
		}
	}
	if out, status := run(t, program); status != 1 || !strings.Contains(out, "modprobe") {
		t.Errorf("without a command: %q, status %d", out, status)
	}
	if out, status := run(t, program, "--help"); status != 0 || !strings.Contains(out, "modprobe") {
		t.Errorf("--help: %q, status %d", out, status)
	}
	if out, status := run(t, program, "insert"); status != 1 || !strings.Contains(out, "insert: not a module command") {
		t.Errorf("an unknown command: %q, status %d", out, status)
	}
}

func run(t *testing.T, argv ...string) (string, int) {
	t.Helper()
	cmd := exec.Command(argv[0], argv[1:]...)
	out, err := cmd.CombinedOutput()
	if ee := (*exec.ExitError)(nil); err != nil && !errors.As(err, &ee) {
		t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}
