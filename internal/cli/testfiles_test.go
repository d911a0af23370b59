// SPDX-License-Identifier: MIT

package cli

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/kmodlab/kmodlab"
	"github.com/kmodlab/kmodlab/internal/received"
)

// TestReturnedInputs: of a fuzz test come the inputs that made it fail, and nothing else: not what is there already,
// and not what a guest calls so. Artifacts come into their own folder.
func TestReturnedInputs(t *testing.T) {
	dir := t.TempDir()
	const input, old = "go test fuzz v1\n[]byte(\"b000\")\n", "go test fuzz v1\n[]byte(\"old\")\n"
	const name, oldName = "FuzzWrite/52fb3763290e5b3c", "FuzzWrite/1c7cd7910bcc0bc1"
	corpus := filepath.Join(dir, "testdata/fuzz")
	if err := received.Write(corpus, oldName, []byte("mine")); err != nil {
		t.Fatal(err)
	}
	var cmd kmodlab.Command
	r := returned{ctx: t.Context()}
	for _, f := range testFiles([]string{"-test.fuzz=Fuzz", "-test.artifacts=true"}, dir, "") {
		r.expect(&cmd, f)
	}
	if len(cmd.Fetch) != 2 || cmd.Fetch[1].Guest != corpus || cmd.Fetch[0].Guest != filepath.Join(dir, "_artifacts") {
		t.Fatalf("what comes back is %+v", cmd.Fetch)
	}
	artifacts, inputs := cmd.Fetch[0], cmd.Fetch[1]
	inputs.Take(name, []byte(input))
	inputs.Take(oldName, []byte(old))
	inputs.Take("FuzzWrite/0123456789abcdef", []byte(input))
	inputs.Take("FuzzOther/evil_test.go", []byte("package evil"))
	inputs.Take("evil_test.go", []byte("package evil"))
	inputs.Take("FuzzWrite/sub/52fb3763290e5b3c", []byte(input))
	artifacts.Take("x/TestX/1/a.txt", []byte("artifact"))
	if r.failed != nil {
		t.Error(r.failed)
	}
	inputs.Take("../fuzz/"+name, []byte(input))
	if r.failed == nil {
		t.Error("a name that leads out of the folder is taken")
	}
	var found []string
	filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			data, _ := os.ReadFile(path)
			rel, _ := filepath.Rel(dir, path)
			found = append(found, rel+" "+string(data))
		}
		return err
	})
	want := []string{
		"_artifacts/x/TestX/1/a.txt artifact", "testdata/fuzz/" + oldName + " mine", "testdata/fuzz/" + name + " " + input,
	}
	if !slices.Equal(found, want) {
		t.Errorf("found %q, want %q", found, want)
	}
}

// TestTestLimit: go test kills what does not end in its time, except what it fuzzes.
func TestTestLimit(t *testing.T) {
	for _, tt := range []struct {
		args []string
		want time.Duration
	}{
		{nil, 0},
		{[]string{"-test.timeout=10m0s"}, 10*time.Minute + killReserve},
		{[]string{"-test.timeout=0"}, 0},
		{[]string{"-test.timeout=10m0s", "-test.fuzz=Fuzz", "-test.fuzztime=1h"}, 0},
		{[]string{"-test.timeout=1s", "-args", "-test.fuzz=Fuzz"}, time.Second + killReserve},
	} {
		if got := testLimit(tt.args); got != tt.want {
			t.Errorf("%q: %s, want %s", tt.args, got, tt.want)
		}
	}
}
