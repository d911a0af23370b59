// SPDX-License-Identifier: MIT

package kbuild

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kmodlab/kmodlab/internal/kernel"
)

func TestDebugInfoFlag(t *testing.T) {
	tests := []struct {
		name, file, config string
		flags, want        []string
	}{
		{"there", "include/config/auto.conf", "CONFIG_SMP=y\nCONFIG_DEBUG_INFO=y\n", []string{"W=1"}, []string{"W=1"}},
		{"not there", "include/config/auto.conf", "CONFIG_SMP=y\n", []string{"W=1"}, []string{"W=1", "KCFLAGS=-g"}},
		{"off", ".config", "# CONFIG_DEBUG_INFO is not set\nCONFIG_DEBUG_INFO_NONE=y\n", nil, []string{"KCFLAGS=-g"}},
		{"with the person's own", ".config", "CONFIG_SMP=y\n", []string{"KCFLAGS=-DDEBUG -Og", "W=1"},
			[]string{"W=1", "KCFLAGS=-g -DDEBUG -Og"}},
		{"no configuration", "README", "nothing", nil, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			root := t.TempDir()
			headers := filepath.Join(root, "usr/src/linux-headers-1")
			file := filepath.Join(headers, tt.file)
			for _, dir := range []string{filepath.Dir(file), filepath.Join(root, "lib/modules/1")} {
				if err := os.MkdirAll(dir, 0o755); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.WriteFile(file, []byte(tt.config), 0o644); err != nil {
				t.Fatal(err)
			}
			for _, link := range []string{"/usr/src/linux-headers-1", "../../../usr/src/linux-headers-1"} {
				build := filepath.Join(root, "lib/modules/1/build")
				os.Remove(build)
				if err := os.Symlink(link, build); err != nil {
					t.Fatal(err)
				}
				if got := withDebugInfo(&kernel.Kernel{Root: root, Release: "1"}, tt.flags); !slices.Equal(got, tt.want) {
					t.Errorf("%s: %q, want %q", link, got, tt.want)
				}
			}
		})
	}
}

// TestHeadersDir: the link is resolved from where it really is, in a root whose lib is a link to usr/lib, as Debian
// has it.
func TestHeadersDir(t *testing.T) {
	root := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, "usr/lib/modules/1"), 0o755); err != nil {
		t.Fatal(err)
	}
	want := filepath.Join(root, "usr/src/linux-headers-1")
	if err := os.Symlink("usr/lib", filepath.Join(root, "lib")); err != nil {
		t.Fatal(err)
	}
	for _, link := range []string{"/usr/src/linux-headers-1", "../../../src/linux-headers-1"} {
		build := filepath.Join(root, "lib/modules/1/build")
		os.Remove(build)
		if err := os.Symlink(link, build); err != nil {
			t.Fatal(err)
		}
		if got := headersDir(&kernel.Kernel{Root: root, Release: "1"}); got != want {
			t.Errorf("%s leads to %s, want %s", link, got, want)
		}
	}
}

// TestOneKCFLAGS: make only takes the last one, so ours and the person's are merged.
func TestOneKCFLAGS(t *testing.T) {
	for _, c := range commands(&kernel.Kernel{Root: "/", Release: "1"}, "/tmp/work", []string{"KCFLAGS=-g -DX", "W=1"}) {
		var found []string
		for _, word := range c.Argv {
			if strings.HasPrefix(word, "KCFLAGS=") {
				found = append(found, word)
			}
		}
		if want := []string{"KCFLAGS=-ffile-prefix-map=/tmp/work/src=" + SourceDir + " -g -DX"}; !slices.Equal(found, want) {
			t.Errorf("%q, want %q", found, want)
		}
	}
}
