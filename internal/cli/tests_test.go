// SPDX-License-Identifier: MIT

package cli

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/kmodlab/kmodlab"
)

func TestCommandWords(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("my test.sh", nil, 0o755); err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]string{
		"./t -v":     "./t|-v",
		"my test.sh": "my test.sh",
	} {
		if words, err := commandWords(line); err != nil || strings.Join(words, "|") != want {
			t.Errorf("%q is %q, %v; want %q", line, words, err, want)
		}
	}
	for _, line := range []string{"", "t 'x"} {
		if words, err := commandWords(line); err == nil {
			t.Errorf("%q is %q; want an error", line, words)
		}
	}
}

// TestTestFlags checks what the flags become, and that those about tests want a test.
func TestTestFlags(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.Mkdir("data:1", 0o755); err != nil {
		t.Fatal(err)
	}
	o := testOptions{commands: []string{"a x", "b"}, env: []string{"A=1"}, user: "nobody",
		files: []string{"data:1", "data:dir/x", "/etc/passwd:/tmp/p"}, packages: []string{"strace"}}
	var s kmodlab.Spec
	if err := o.fill(&s); err != nil {
		t.Fatal(err)
	}
	if len(s.Tests) != 2 || s.Tests[0].Program != "a" || !slices.Equal(s.Tests[0].Args, []string{"x"}) ||
		s.Tests[1].User != "nobody" || s.Tests[1].Env[0] != "A=1" || s.Packages[0] != "strace" {
		t.Errorf("tests %+v", s.Tests)
	}
	want := []kmodlab.Copy{{Host: "data:1"}, {Host: "data", Guest: "dir/x"}, {Host: "/etc/passwd", Guest: "/tmp/p"}}
	if !slices.Equal(s.Put, want) {
		t.Errorf("files %+v; want %+v", s.Put, want)
	}
	for _, o := range []testOptions{{user: "x"}, {files: []string{"x"}}, {env: []string{"A=1"}}, {timeout: 1}} {
		if err := o.fill(new(kmodlab.Spec)); err == nil {
			t.Errorf("%+v needs no test", o)
		}
	}
}
