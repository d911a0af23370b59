// SPDX-License-Identifier: MIT

package program

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

func TestSatisfied(t *testing.T) {
	bullseye := map[string][]string{
		"/lib64/ld-linux-x86-64.so.2": {"GLIBC_2.2.5"},
		"libc.so.6":                   {"GLIBC_2.2.5", "GLIBC_2.9", "GLIBC_2.31", "GLIBC_2.4", "GLIBC_PRIVATE"},
		"libstdc++.so.6":              {"GLIBCXX_3.4", "GLIBCXX_3.4.28", "CXXABI_1.3.12"},
		"libz.so.1":                   {},
	}
	have := func(name string) ([]string, bool) { versions, ok := bullseye[name]; return versions, ok }
	const interp = "/lib64/ld-linux-x86-64.so.2"
	libc := func(names ...string) (list []Version) {
		for _, name := range names {
			list = append(list, Version{Library: "libc.so.6", Name: name})
		}
		return list
	}
	const upTo, hint = "; debian:bullseye has up to GLIBC_2.31", ": build it there, or link it with -static"
	for name, test := range map[string]struct {
		interp   string
		needed   []string
		versions []Version
		want     string
	}{
		"nothing":  {"", nil, nil, ""},
		"all":      {interp, []string{"libc.so.6", "libz.so.1"}, libc("GLIBC_2.31", "GLIBC_2.4"), ""},
		"musl":     {"/lib/ld-musl.so", nil, nil, "needs the dynamic linker /lib/ld-musl.so, which debian:bullseye does not have"},
		"library":  {interp, []string{"libc.so.6", "libx.so.1"}, nil, "needs libx.so.1, which debian:bullseye does not have"},
		"newer":    {"", nil, libc("GLIBC_2.9", "GLIBC_2.34", "GLIBC_2.38", "GLIBC_2.4"), "needs GLIBC_2.38" + upTo},
		"unnamed":  {"", nil, libc("GLIBC_ABI_DT_RELR", "GLIBC_2.36"), "needs GLIBC_2.36" + upTo},
		"relr":     {"", nil, libc("GLIBC_ABI_DT_RELR"), "needs GLIBC_ABI_DT_RELR of libc.so.6, which debian:bullseye's does not define"},
		"weak":     {"", nil, []Version{{"libc.so.6", "GLIBC_2.38", true}}, ""},
		"no list":  {"", nil, []Version{{"libz.so.1", "ZLIB_1.2.9", false}}, ""},
		"stranger": {"", nil, []Version{{"libx.so.1", "X_1", false}}, ""},
		"two": {
			"", nil, append([]Version{{"libstdc++.so.6", "GLIBCXX_3.4.30", false}}, libc("GLIBC_2.38")...),
			"needs GLIBCXX_3.4.30; debian:bullseye has up to GLIBCXX_3.4.28",
		},
		"terminal": {"", []string{"lib\x1b[2J"}, nil, `needs lib\x1b[2J, which debian:bullseye does not have`},
	} {
		o := &Object{Interp: test.interp, Needed: test.needed, Versions: test.versions}
		err := Satisfied(o, "debian:bullseye", have)
		if (err == nil) != (test.want == "") || err != nil && err.Error() != test.want+hint {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
		if err != nil && !errors.As(err, new(*LacksError)) {
			t.Errorf("%s: %T", name, err)
		}
	}
}

// TestSatisfiedIsBounded: as many versions as are read, each newer than all before.
func TestSatisfiedIsBounded(t *testing.T) {
	var o Object
	var defined []string
	for n := range maxVersions {
		o.Versions = append(o.Versions, Version{Library: "l", Name: fmt.Sprintf("V_1.%d.%d", n+maxVersions, n)})
		defined = append(defined, fmt.Sprintf("V_1.%d.%d", n, n))
	}
	start := time.Now()
	err := Satisfied(&o, "here", func(string) ([]string, bool) { return defined, true })
	lacks, is := errors.AsType[*LacksError](err)
	if !is || lacks.Newest != defined[maxVersions-1] || lacks.Version != o.Versions[maxVersions-1].Name {
		t.Error(err)
	}
	t.Log(time.Since(start))
}
