// SPDX-License-Identifier: MIT

package cli

import (
	"path/filepath"
	"slices"
	"testing"
)

func TestTellApart(t *testing.T) {
	for _, c := range []struct{ dirs, names, files []string }{
		{[]string{"a/hello", "b/other/"}, []string{"hello", "other"}, []string{"hello", "other"}},
		{[]string{"a/hello", "b/hello", "c"}, []string{"a/hello", "b/hello", "c"}, []string{"a-hello", "b-hello", "c"}},
		{[]string{"./hello", "../x/hello"}, []string{"hello", "../x/hello"}, []string{"hello", "x-hello"}},
		{[]string{"a/b", "b", "a-b"}, []string{"a/b", "b", "a-b"}, []string{"a-b", "b", "a-b-2"}},
		{[]string{"/one/m", "/two/m"}, []string{"/one/m", "/two/m"}, []string{"one-m", "two-m"}},
	} {
		var paths []string
		for _, d := range c.dirs {
			path, err := filepath.Abs(d)
			if err != nil {
				t.Fatal(err)
			}
			paths = append(paths, path)
		}
		names := tellApart(c.dirs, paths)
		if !slices.Equal(names, c.names) || !slices.Equal(fileNames(names), c.files) {
			t.Errorf("%q are %q and files %q, want %q and %q", c.dirs, names, fileNames(names), c.names, c.files)
		}
	}
}

func TestAreFolders(t *testing.T) {
	for _, c := range []struct {
		args []string
		want bool
	}{{[]string{"a"}, false}, {[]string{"a", "b"}, true}, {[]string{"a.ko", "b.ko.xz"}, false},
		{[]string{"a", "b.ko"}, false}} {
		if areFolders(c.args) != c.want {
			t.Errorf("%q: want %t", c.args, c.want)
		}
	}
}
