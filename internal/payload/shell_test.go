// SPDX-License-Identifier: MIT

package payload

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestShell: no words are a shell, one is a line for it, several are a program; only a terminal has a prompt.
func TestShell(t *testing.T) {
	for _, test := range []struct {
		w     Wanted
		name  string
		argv  []string
		files int
	}{
		{Wanted{}, "shell", []string{bash}, 0},
		{Wanted{Term: "none-such"}, "shell", []string{bash, "-i"}, 1},
		{Wanted{Args: []string{" cat /dev/hw | head"}}, "cat", []string{bash, "-c", " cat /dev/hw | head"}, 0},
		{Wanted{Args: []string{"/bin/ls", "-l"}}, "ls", []string{"/bin/ls", "-l"}, 0},
		{Wanted{Args: []string{""}}, "shell", []string{bash, "-c", ""}, 0},
		{Wanted{Dir: "/home/me/x"}, "shell", []string{bash}, 1},
	} {
		t.Setenv("TERMINFO", "")
		var b Builder
		p, err := b.Add(t.Context(), test.w)
		if err != nil || p.Name != test.name || !slices.Equal(p.Argv, test.argv) {
			t.Errorf("%+v: %q %q, %v; want %q %q", test.w, p.Name, p.Argv, err, test.name, test.argv)
		}
		files := slices.DeleteFunc(b.Files(), func(f File) bool {
			return filepath.Dir(filepath.Dir(f.Guest)) == "/etc/terminfo"
		})
		if len(files) != test.files {
			t.Errorf("%+v: files %+v, want %d", test.w, files, test.files)
		}
	}
}

// TestTerminal: the guest gets the description of the person's terminal, and TERM names what it got.
func TestTerminal(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TERMINFO", dir)
	if err := os.Mkdir(filepath.Join(dir, "k"), 0o700); err != nil {
		t.Fatal(err)
	}
	entry := filepath.Join(dir, "k", "kmodlab-term")
	if err := os.WriteFile(entry, []byte("terminfo"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		term string
		env  []string
		want string
	}{
		{"kmodlab-term", nil, "TERM=kmodlab-term"},
		{"kmodlab-term", []string{"TERM=vt52"}, "TERM=vt52"},
		{"", nil, "TERM=dumb"},
	} {
		var b Builder
		p, err := b.Add(t.Context(), Wanted{Term: test.term, Env: test.env})
		if err != nil || !slices.Contains(p.Env, test.want) {
			t.Errorf("%s, %q: %q, %v; want %s", test.term, test.env, p.Env, err, test.want)
		}
		copied := slices.ContainsFunc(b.Files(), func(f File) bool {
			return f.Guest == "/etc/terminfo/k/kmodlab-term" && f.Host == entry
		})
		if copied != (test.want == "TERM=kmodlab-term") {
			t.Errorf("%s, %q: copied is %v", test.term, test.env, copied)
		}
	}
	for _, name := range []string{"", ".", "../x", "a/b", "x\n", ".hidden"} {
		if plainName(name) {
			t.Errorf("%q is a plain name", name)
		}
	}
}
