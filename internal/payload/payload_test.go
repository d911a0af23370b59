// SPDX-License-Identifier: MIT

package payload

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// write makes files, with the folders that they need. A name that ends in a slash is a folder, and contents that begin
// with -> are a link's target.
func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if target, is := strings.CutPrefix(text, "-> "); is {
			err = os.Symlink(target, file)
		} else {
			err = os.WriteFile(file, []byte(text), 0o755)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// system is a guest's system with a shell and links as Debian has them.
func system(t *testing.T) string {
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"usr/bin/dash": "a shell", "usr/bin/sh": "-> dash", "bin": "-> usr/bin", "usr/bin/env": "env",
		"usr/bin/python3": "-> python3.11", "usr/bin/python3.11": "python", "usr/bin/loop": "-> loop",
		"usr/bin/away": "-> ../../../../../../../../../../../../bin/sh", "usr/bin/folder/x": "",
		"etc/passwd": "root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:2:d:/:/bin/sh\nodd\nbad:x:y:z\n",
	})
	return dir
}

func TestScripts(t *testing.T) {
	dir := t.TempDir()
	b := Builder{System: system(t), Suite: "debian:test"}
	for line, want := range map[string]string{
		"#!/bin/sh":                 "",
		"#!/usr/bin/env python3":    "",
		"#!/usr/bin/python3":        "",
		"#!/bin/away":               "", // it stays in the system
		"#!/usr/bin/ruby":           "t.sh needs /usr/bin/ruby, which the system of debian:test does not have",
		"#!/usr/bin/env -S perl -w": "t.sh needs perl, which the system of debian:test does not have",
		"#!/bin/loop":               "needs /bin/loop",
		"#!/usr/bin/folder":         "needs /usr/bin/folder",
	} {
		write(t, dir, map[string]string{"t.sh": line + "\n"})
		_, err := b.Add(t.Context(), Wanted{Program: filepath.Join(dir, "t.sh")})
		var wrong *Error
		switch {
		case want == "" && err != nil, want != "" && (!errors.As(err, &wrong) || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: %v; want %q", line, err, want)
		case want != "" && wrong.Hint == "":
			t.Errorf("%s: nothing to do about it", line)
		}
	}
}

// TestAdd checks what a program becomes: its place, its environment, its user.
func TestAdd(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"a/t.sh": "#!/bin/sh\n", "b/t.sh": "#!/bin/sh\n", "a/x.c": "int main;\n"})
	compiled := ""
	b := Builder{System: system(t), Suite: "debian:test", Compile: func(_ context.Context, source string) (string, error) {
		compiled = source
		return "/built/x", nil
	}}
	first, err := b.Add(t.Context(), Wanted{
		Program: dir + "/a/t.sh", Args: []string{"1"}, Env: []string{"A=b=c", "HOME=/x"}, User: "daemon",
	})
	if err != nil {
		t.Fatal(err)
	}
	second, err := b.Add(t.Context(), Wanted{Program: dir + "/b/t.sh", User: "1000"})
	if err != nil {
		t.Fatal(err)
	}
	third, err := b.Add(t.Context(), Wanted{Program: dir + "/a/x.c", User: "root"})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(first.Argv, []string{"/lab/t.sh", "1"}) || first.UID != 1 || first.GID != 2 ||
		first.User != "daemon" {
		t.Errorf("first %+v", first)
	}
	if !slices.Contains(first.Env, "A=b=c") || !slices.Contains(first.Env, "HOME=/x") ||
		slices.Contains(first.Env, "HOME=/") {
		t.Errorf("environment %q", first.Env)
	}
	if second.Name != "t.sh-2" || second.UID != 1000 || second.Argv[0] != "/lab/t.sh-2" {
		t.Errorf("second %+v", second)
	}
	if third.Name != "x" || third.User != "" || compiled != dir+"/a/x.c" || third.Argv[0] != "/lab/x" {
		t.Errorf("third %+v of %s", third, compiled)
	}
	files := b.Files()
	if len(files) != 3 || files[2].Host != "/built/x" || string(files[0].Data) != "#!/bin/sh\n" || files[0].Mode != 0o755 {
		t.Errorf("files %+v", files)
	}
}

// TestAddRefuses has what cannot run, each with what to do.
func TestAddRefuses(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"t.sh": "#!/bin/sh\n", "text": "hello\n", "sub/x": "", "secret": "#!/bin/sh\n",
		"in/link": "-> ../secret", "in/t.sh": "#!/bin/sh\n"})
	if err := unix.Mkfifo(filepath.Join(dir, "fifo"), 0o644); err != nil {
		t.Fatal(err)
	}
	b := Builder{System: system(t), Suite: "debian:test"}
	for name, c := range map[string]struct {
		w    Wanted
		want string
	}{
		"missing":  {Wanted{Program: dir + "/none"}, "is not there"},
		"text":     {Wanted{Program: dir + "/text"}, "is text without #!"},
		"folder":   {Wanted{Program: dir + "/sub"}, "is not a file"},
		"FIFO":     {Wanted{Program: dir + "/fifo"}, "is not a file"},
		"user":     {Wanted{Program: dir + "/t.sh", User: "gremlin"}, `has no user "gremlin"`},
		"no user":  {Wanted{Program: dir + "/t.sh", User: "4294967295"}, "has no user"},
		"variable": {Wanted{Program: dir + "/t.sh", Env: []string{"A"}}, "is no variable"},
		"NUL":      {Wanted{Program: dir + "/t.sh", Env: []string{"A=\x00"}}, "is no variable"},
		"link out": {Wanted{Program: "link", Within: dir + "/in"}, "cannot be read"},
		"name out": {Wanted{Program: "../secret", Within: dir + "/in"}, "cannot be read"},
	} {
		_, err := b.Add(t.Context(), c.w)
		var wrong *Error
		if !errors.As(err, &wrong) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v; want %q", name, err, c.want)
		}
	}
	if _, err := b.Add(t.Context(), Wanted{Program: "t.sh", Within: dir + "/in"}); err != nil {
		t.Errorf("a program within the folder: %v", err)
	}
}

// TestCopy checks files and folders, and that nothing leads out of a folder that nobody trusts.
func TestCopy(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"data": "d", "tree/a": "a", "tree/sub/b": "b", "tree/link": "-> a",
		"in/x/a": "a", "in/x/out": "-> ../../data", "in/one": "1"})
	os.Chmod(filepath.Join(dir, "data"), 0o600)
	for name, c := range map[string]struct {
		copy Copy
		want string
	}{
		"file":      {Copy{Host: dir + "/data"}, "/lab/data"},
		"elsewhere": {Copy{Host: dir + "/data", Guest: "/etc/x"}, "/etc/x"},
		"below":     {Copy{Host: dir + "/data", Guest: "a/b"}, "/lab/a/b"},
		"folder":    {Copy{Host: dir + "/tree"}, "/lab/tree/a /lab/tree/link->a /lab/tree/sub/b"},
		"within":    {Copy{Host: "x", Within: dir + "/in"}, "/lab/x/a"},
		"one":       {Copy{Host: "one", Within: dir + "/in", Guest: "/one"}, "/one"},
	} {
		var b Builder
		if err := b.Copy(t.Context(), c.copy); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var got []string
		for _, f := range b.Files() {
			word := f.Guest
			if f.Link != "" {
				word += "->" + f.Link
			} else if f.Mode&fs.ModePerm == 0 {
				t.Errorf("%s: nobody may read %s", name, f.Guest)
			}
			got = append(got, word)
		}
		if slices.Sort(got); strings.Join(got, " ") != c.want {
			t.Errorf("%s: %q; want %q", name, got, c.want)
		}
	}
	for _, c := range []Copy{
		{Host: dir + "/none"}, {Host: "../data", Within: dir + "/in"}, {Host: "none", Within: dir + "/in"},
	} {
		var wrong *Error
		if err := new(Builder).Copy(t.Context(), c); !errors.As(err, &wrong) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// TestCopyBound checks that a huge tree is refused, and quickly.
func TestCopyBound(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "big")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(file, maxBytes+1); err != nil {
		t.Fatal(err)
	}
	for _, c := range []Copy{{Host: file}, {Host: dir}, {Host: "big", Within: dir}} {
		if err := new(Builder).Copy(t.Context(), c); err == nil {
			t.Errorf("%+v: a file of %d bytes is copied", c, int64(maxBytes)+1)
		}
	}
}

// TestAddAll checks a folder of tests: each is a program of its own, in the folder.
func TestAddAll(t *testing.T) {
	dir, built := t.TempDir(), t.TempDir()
	write(t, dir, map[string]string{"tests/Makefile": "all:", "t.sh": "#!/bin/sh\n", "out": "-> /"})
	write(t, built, map[string]string{
		"a.sh": "#!/bin/sh\n", "sub/b.sh": "#!/bin/sh\n", "data": "d", "c.sh": "#!/bin/ruby\n",
	})
	tests := []string{"a.sh", "sub/b.sh"}
	b := Builder{System: system(t), Suite: "debian:test", CompileTree: func(context.Context, string) (Tree, error) {
		return Tree{Dir: built, Tests: tests}, nil
	}}
	for _, w := range []Wanted{{Program: dir + "/tests", Args: []string{"-v"}}, {Program: "tests", Within: dir}} {
		list, err := b.AddAll(t.Context(), w)
		if err != nil || len(list) != 2 {
			t.Fatalf("%+v: %+v, %v", w, list, err)
		}
	}
	list, err := b.AddAll(t.Context(), Wanted{Program: dir + "/tests"})
	if err != nil || list[1].Name != "tests-3/sub/b.sh" || list[1].Argv[0] != "/lab/tests-3/sub/b.sh" ||
		list[1].Dir != "/lab/tests-3" {
		t.Errorf("%+v, %v", list, err)
	}
	if n := len(b.Files()); n != 3*4 {
		t.Errorf("%d files", n)
	}
	if list, err := b.AddAll(t.Context(), Wanted{Program: dir + "/t.sh"}); err != nil || len(list) != 1 {
		t.Errorf("a file: %+v, %v", list, err)
	}
	if list, err := b.AddAll(t.Context(), Wanted{Program: "out", Within: dir}); err == nil {
		t.Errorf("a link out: %+v", list)
	}
	tests = []string{"c.sh"}
	_, err = b.AddAll(t.Context(), Wanted{Program: dir + "/tests"})
	if err == nil || !strings.Contains(err.Error(), "needs /bin/ruby") {
		t.Errorf("a test without its interpreter: %v", err)
	}
}
