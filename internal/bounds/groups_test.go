// SPDX-License-Identifier: MIT

package bounds

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSwapV1: where this machine counts the swap of groups, a group cannot have more there than it may have in memory.
func TestSwapV1(t *testing.T) {
	if _, err := os.Stat(mountpoint + "/memory/memory.memsw.limit_in_bytes"); os.Geteuid() != 0 || err != nil {
		t.Skip("NOT TESTED: it needs root, and control groups of version 1 that count swap")
	}
	g, err := newV1(Limits{Memory: 64 << 20, Processes: 16})
	if err != nil {
		t.Fatal(err)
	}
	defer g.close()
	file := fmt.Sprintf("%s/memory/%s%d-*/memory.memsw.limit_in_bytes", mountpoint, prefix, os.Getpid())
	list, _ := filepath.Glob(file)
	if len(list) != 1 {
		t.Fatalf("%s: %q", file, list)
	}
	if text, err := os.ReadFile(list[0]); err != nil || strings.TrimSpace(string(text)) != "67108864" {
		t.Errorf("memory and swap together: %s, %v", text, err)
	}
}

// TestSwapV2: the swap of a group is bounded where the kernel has a file for it, and the rest in any case. Folders play
// the kernel's here.
func TestSwapV2(t *testing.T) {
	root := t.TempDir()
	for _, err := range []error{
		os.WriteFile(root+"/cgroup.subtree_control", nil, 0o644), os.Mkdir(root+"/counted", 0o755),
		os.WriteFile(root+"/counted/memory.swap.max", []byte("max"), 0o644),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"counted", "not-counted"} {
		if _, err := newV2In(root, "/"+name, Limits{Memory: 64 << 20, Processes: 16}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for file, want := range map[string]string{"memory.max": "67108864", "pids.max": "16"} {
			if got, err := os.ReadFile(filepath.Join(root, name, file)); err != nil || string(got) != want {
				t.Errorf("%s: %s is %q, want %s: %v", name, file, got, want, err)
			}
		}
	}
	if got, err := os.ReadFile(root + "/counted/memory.swap.max"); err != nil || string(got) != "0" {
		t.Errorf("a group may swap: %q, %v", got, err)
	}
	if _, err := os.Stat(root + "/not-counted/memory.swap.max"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a limit was written that the kernel does not have: %v", err)
	}
}
