// SPDX-License-Identifier: MIT

package program

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/kmodlab/kmodlab/internal/testlab"
)

func TestScripts(t *testing.T) {
	for line, want := range map[string]struct {
		path, args, command string
	}{
		"#!/bin/sh\nexit 0\n":                         {"/bin/sh", "", ""},
		"#!  /bin/sh  -e  -x \t\n":                    {"/bin/sh", "-e  -x", ""},
		"#!/usr/bin/env python3":                      {"/usr/bin/env", "python3", "python3"},
		"#!/usr/bin/env -S python3 -u\n":              {"/usr/bin/env", "-S python3 -u", "python3"},
		"#!/usr/bin/env -S A=1 B=2 awk -f\n":          {"/usr/bin/env", "-S A=1 B=2 awk -f", "awk"},
		"#!/usr/bin/env -S -u A -i awk\n":             {"/usr/bin/env", "-S -u A -i awk", "awk"},
		"#!/usr/bin/env -S \"a b\" c\n":               {"/usr/bin/env", "-S \"a b\" c", ""},
		"#!/usr/bin/env -i\n":                         {"/usr/bin/env", "-i", ""},
		"#!/usr/bin/env python3 -u\n":                 {"/usr/bin/env", "python3 -u", "python3 -u"},
		"#!/bin/a " + strings.Repeat("y", 300) + "\n": {"/bin/a", strings.Repeat("y", 246), ""},
	} {
		p, err := Classify("test.c", []byte(line))
		if err != nil || p.Kind != Script {
			t.Errorf("%.40q: %v, %v", line, p, err)
			continue
		}
		args := strings.Join(p.Script.Args, "|")
		if p.Script.Path != want.path || args != want.args || p.Script.Command() != want.command {
			t.Errorf("%.40q: %q, %q (%d), %q", line, p.Script.Path, args, len(args), p.Script.Command())
		}
	}
}

// TestKernelScripts compares with what the running kernel does of the same first line.
func TestKernelScripts(t *testing.T) {
	dir, err := os.MkdirTemp("/tmp", "s") // the path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	interpreter := filepath.Join(dir, "i")
	testlab.Build(t, interpreter,
		"#include <stdio.h>\nint main(int n, char **v) { for (int i = 0; i < n; i++) printf(\"%s%c\", v[i], 0); }\n", "-static")
	lines := []string{
		"", " ", "\n", "I", "I\n", " I\n", "\tI \t\n", "I ", "I \x00", "I  \n", "I x", "I x\n", "I x ", "I x y \n", "I\x00\n",
		"I\x00x\n", "I x\x00y\n", "I \x00y\n", "\x00I\n", " \x00\n", "I\r\n", "I" + strings.Repeat(" ", 240), "I\n\x00",
		strings.Repeat(" ", 254) + "I\n", strings.Repeat(" ", 253-len(interpreter)) + "I\n",
		strings.Repeat(" ", 254-len(interpreter)) + "I\n", "I " + strings.Repeat("x", 300), "I" + strings.Repeat(" ", 300),
		strings.Repeat(" ", 254), strings.Repeat(" ", 300) + "\n",
	}
	random := rand.New(rand.NewPCG(1, 2))
	parts := []string{" ", " ", "\t", "\x00", "\n", "x", "-y", strings.Repeat(" ", 120), strings.Repeat("z", 200)}
	for range 60 {
		line := []string{"I", " I", "\tI"}[random.IntN(3)]
		for range random.IntN(8) {
			line += parts[random.IntN(len(parts))]
		}
		lines = append(lines, line)
	}
	ran := 0
	for _, line := range lines {
		text := "#!" + strings.ReplaceAll(line, "I", interpreter)
		kernel, starts := kernelArguments(t, dir, text)
		i, why := parseLine([]byte(text))
		if i != nil && i.Path != interpreter {
			i = nil // it is not there, and the kernel says so
		}
		if starts != (i != nil) {
			t.Errorf("%.80q: the kernel starts it: %v; ours: %v, %q", text, starts, i, why)
			continue
		}
		if !starts {
			continue
		}
		ran++
		if ours := append([]string{i.Path}, i.Args...); !slices.Equal(ours, kernel) {
			t.Errorf("%.80q: the kernel has %q, ours is %q", text, kernel, ours)
		}
	}
	if ran < 30 {
		t.Errorf("only %d scripts ran", ran)
	}
}

// kernelArguments has the kernel start a script, and returns what its interpreter gets before the script's own path.
func kernelArguments(t *testing.T, dir, text string) (args []string, starts bool) {
	t.Helper()
	file := filepath.Join(dir, "script")
	// A file that another process may still have open for writing does not start: fork, in some other test.
	if err := os.WriteFile(file+".new", []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(file+".new", file); err != nil {
		t.Fatal(err)
	}
	var out []byte
	err := error(syscall.ETXTBSY)
	for errors.Is(err, syscall.ETXTBSY) {
		out, err = exec.Command(file).Output()
	}
	if err != nil {
		return nil, false
	}
	for arg := range bytes.SplitSeq(bytes.TrimSuffix(out, []byte{0}), []byte{0}) {
		args = append(args, string(arg))
	}
	if last := args[len(args)-1]; last != file {
		t.Fatalf("the last argument is %q", last)
	}
	return args[:len(args)-1], true
}
