// SPDX-License-Identifier: MIT

package vm

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/kmodlab/kmodlab/internal/kbuild"
	"github.com/kmodlab/kmodlab/internal/testlab/machine"
	"github.com/kmodlab/kmodlab/internal/testlab/needs"
)

// TestLearnKernels checks on every kernel that a build makes the same modules in three ways: it asks the compiler for
// each option, it learns the compiler's answers, or it knows them already.
func TestLearnKernels(t *testing.T) {
	needs.Program(t, "bwrap")
	for _, name := range testKernels(t) {
		t.Run(strings.ReplaceAll(name, ":", "-"), func(t *testing.T) {
			k, cache := machine.Kernel(t, name), t.TempDir()
			build := func(learn bool, known string) *kbuild.Build {
				t.Helper()
				b, err := kbuild.Run(t.Context(), kbuild.Request{
					Kernel:   k,
					Sources:  "../../modules/signals",
					Runner:   kbuild.SandboxRunner{},
					CacheDir: cache,
					NoCache:  true,
					Learn:    learn,
					Known:    known,
				})
				if err != nil {
					t.Fatal(err)
				}
				return b
			}
			want := modulesOf(t, build(false, ""))
			learned := build(true, "")
			if learned.Known == "" {
				t.Fatal("nothing was learned")
			}
			if got := modulesOf(t, learned); !bytes.Equal(got, want) {
				t.Error("while it learns, other modules come out")
			}
			if got := modulesOf(t, build(false, learned.Known)); !bytes.Equal(got, want) {
				t.Error("with what was learned, other modules come out")
			}
		})
	}
}

// modulesOf returns the contents of a build's module files, one after the other.
func modulesOf(t *testing.T, b *kbuild.Build) []byte {
	t.Helper()
	var all []byte
	for _, m := range b.Modules {
		data, err := os.ReadFile(m.Path)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, data...)
	}
	if len(b.Modules) != 2 {
		t.Fatalf("%d modules, want 2", len(b.Modules))
	}
	return all
}
