// SPDX-License-Identifier: MIT

package session

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/internal/payload"
)

func TestCrashed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "b")
	if err := os.WriteFile(file, []byte("B"), 0o644); err != nil {
		t.Fatal(err)
	}
	put := []payload.File{
		{Guest: "/lab/a", Data: []byte("A")}, {Guest: "/lab/b", Host: file}, {Guest: "/lab/c", Data: []byte("C")},
		{Guest: "/lab/gone", Host: file + "-gone"}, {Guest: "/lab/large", Data: make([]byte, maxProgram+1)},
		{Guest: "/lab/link", Link: "a"},
	}
	tests := []evidence.Test{
		{Argv: []string{"/lab/a", "/lab/link", "/lab/none"}, Signal: "SIGSEGV"},
		{Argv: []string{"/lab/ld", "--library-path", "/lab/lib", "/lab/b"}, Signal: "SIGABRT"},
		{Argv: []string{"/lab/c"}, Signal: "SIGKILL"},
		{Argv: []string{"/lab/gone"}, Signal: "SIGBUS"}, {Argv: []string{"/lab/large"}, Signal: "SIGFPE"},
	}
	want := map[string][]byte{"/lab/a": []byte("A"), "/lab/b": []byte("B")}
	if diff := cmp.Diff(want, crashed(tests, put)); diff != "" {
		t.Error(diff)
	}
}
