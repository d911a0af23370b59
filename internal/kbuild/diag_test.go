// SPDX-License-Identifier: MIT

package kbuild

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The logs in testdata were printed by real builds against Debian headers.
func TestDiagnoseRealLogs(t *testing.T) {
	for _, c := range []struct {
		log   string
		own   []string
		first string
		hint  string // a part of it
	}{
		{"err", []string{"a.c"}, "a.c:5:23: 'undeclared' undeclared (first use in this function)", ""},
		{"fatal", []string{"a.c"}, "a.c:1:10: x.h: No such file or directory", ""},
		{"undef", []string{"a.c"}, `a.ko: modpost: "nosuch" undefined!`, "EXPORT_SYMBOL(nosuch)"},
		{"undef-7.3", []string{"a.c"}, `a.ko: modpost: "nosuch" undefined!`, "EXPORT_SYMBOL(nosuch)"},
		{"undef-5.10", []string{"a.c"}, `a.ko: modpost: "nosuch" undefined!`, "EXPORT_SYMBOL(nosuch)"},
		{"err-7.3", []string{"a.c"}, "a.c:5:23: 'undeclared' undeclared (first use in this function)", ""},
		{"macro", []string{"a.c"},
			"a.c:9:9: 'struct s' has no member named 'nolist' (at /usr/src/linux-headers-6.1.0-56-common/include/linux/container_of.h:19)", ""},
		{"brk", []string{"a.c"},
			"a.c:3:29: call to '__compiletime_assert_195' declared with attribute error: BUILD_BUG_ON failed: 1 (at /usr/src/linux-headers-6.1.0-56-common/include/linux/compiler_types.h:387)", ""},
		{"nosep", []string{"a.c", "Makefile"}, "Makefile:3: missing separator (did you mean TAB instead of 8 spaces?).",
			"tab"},
		{"norule", []string{"Makefile"}, "make: No rule to make target 'nothere.o'", "there is no nothere.c"},
		{"asm", []string{"a.c", "b.S"}, "b.S:2: no such instruction: `nosuchinsn %rax'", ""},
		{"multi", []string{"a.c", "b.c"}, "b.c:1: ld: multiple definition of `x'; a.o:a.c:3: first defined here", ""},
		{"hdr", []string{"a.c", "my.h"}, "my.h:2:1: expected ';', identifier or '(' before 'int'", ""},
		{"warn", []string{"a.c"}, "a.c:6:28: implicit declaration of function 'foo' [-Werror=implicit-function-declaration]",
			""},
		{"nolic", []string{"a.c"}, "modpost: missing MODULE_LICENSE() in a.o", "MODULE_LICENSE"},
	} {
		t.Run(c.log, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join("testdata", c.log+".log"))
			if err != nil {
				t.Fatal(err)
			}
			own := map[string]bool{}
			for _, f := range c.own {
				own[f] = true
			}
			d := first(diagnose(string(text), SourceDir, own), own)
			if d == nil {
				t.Fatalf("first(diagnose(%s)) = nil", c.log)
			}
			if got := d.String(); got != c.first {
				t.Errorf("first(diagnose(%s))\n = %s\nwant %s", c.log, got, c.first)
			}
			got := newAdviser(nil, &sourceFolder{}, "").hint(*d)
			if (c.hint == "") != (got == "") || !strings.Contains(got, c.hint) {
				t.Errorf("hint(%s) = %q, want %q in it", c.log, got, c.hint)
			}
		})
	}
}

func TestDiagnoseKeepsWarnings(t *testing.T) {
	text, err := os.ReadFile("testdata/warn.log")
	if err != nil {
		t.Fatal(err)
	}
	got := diagnose(string(text), SourceDir, map[string]bool{"a.c": true})
	want := []string{"error 6", "warning 3", "warning 5"}
	var have []string
	for _, d := range got {
		have = append(have, d.Severity+" "+strings.Split(d.String(), ":")[1])
	}
	if strings.Join(have, ",") != strings.Join(want, ",") {
		t.Errorf("diagnose(warn) = %v; want %v", have, want)
	}
}

func TestDiagnoseLines(t *testing.T) {
	own := map[string]bool{"a.c": true, "sub/b.c": true, "größe.c": true}
	for _, c := range []struct{ line, want string }{
		{"a.c:3:4: error: x", "a.c:3:4: x"},                         // 6.13 and later build inside the folder
		{"/build/src/sub/b.c:3: error: x", "sub/b.c:3: x"},          // no column
		{"/build/src/größe.c:3:1: error: x", "größe.c:3:1: x"},      //
		{"\x1b[01m\x1b[Ka.c:3:4:\x1b[m \x1b[31merror: \x1b[mx", ""}, // torn codes still parse or vanish, see below
		{"ERROR: modpost: \"s\" [a.ko] undefined!", `a.ko: modpost: "s" undefined!`},
		{"ERROR: modpost: module a uses symbol s from namespace N, but does not import it.",
			"modpost: module a uses symbol s from namespace N, but does not import it."},
		{"make[1]: *** No rule to make target '/build/src/a.h', needed by '/build/src/a.o'.  Stop.",
			"make: No rule to make target 'a.h'"},
		{"make[2]: *** [scripts/Makefile.build:250: a.o] Error 1", ""},
		{"make: *** [Makefile:10: all] Killed", ""},
		{"make: *** Waiting for unfinished jobs....", ""},
		{"make[2]: *** Deleting file '/build/src/Module.symvers'", ""},
		{"cc1: fatal error: can't open 'x' for writing: No space left on device",
			"can't open 'x' for writing: No space left on device"},
		{"x86_64-linux-gnu-ld: a.o: in function `f': undefined", "ld: a.o: in function `f': undefined"},
		{"note to self: error: this is no place", ""},
	} {
		list := diagnose(c.line, SourceDir, own)
		got := ""
		if d := first(list, own); d != nil {
			got = d.String()
		}
		if strings.Contains(c.line, "\x1b") {
			c.want = "a.c:3:4: x"
		}
		if got != c.want {
			t.Errorf("first(diagnose(%q)) = %q; want %q", c.line, got, c.want)
		}
	}
}

func TestFirstPrefersOwnFiles(t *testing.T) {
	own := map[string]bool{"a.c": true}
	list := []Diagnostic{
		{File: "a.c", Line: 1, Severity: "warning", Text: "w"},
		{File: "/usr/include/x.h", Line: 2, Severity: "error", Text: "far"},
		{File: "a.c", Line: 3, Severity: "error", Text: "near"},
	}
	if d := first(list, own); d == nil || d.Text != "near" {
		t.Errorf("first = %v; want near", d)
	}
	if d := first(list[:2], own); d == nil || d.Text != "far" {
		t.Errorf("first = %v; want far", d)
	}
	if d := first(list[:1], own); d != nil {
		t.Errorf("first = %v; want nil", d)
	}
}

func TestClean(t *testing.T) {
	raw := "  CC [M]  /build/src/a.o\n" +
		"Skipping BTF generation for /build/src/a.ko due to unavailability of vmlinux\n" +
		"  INSTALL /build/out/lib/modules/6.1/extra/a.ko\n" +
		"  SIGN    /build/out/lib/modules/6.1/extra/a.ko\n" +
		"At main.c:160:\n- SSL error:FFFFFFFF80000002:system library::No such file or directory: ../crypto/bio/bss_file.c:67\n" +
		"sign-file: /build/out/lib/modules/6.1/extra/a.ko: No such file or directory\n" +
		"  DEPMOD  /build/out/lib/modules/6.1\n" +
		"Warning: modules_install: missing 'System.map' file. Skipping depmod.\n" +
		"\x1b]0;title\x07\x1b[2J\x1b[1;31mred\x1b[0m \x07bell\tumläut \xff end"
	want := "  CC [M]  /build/src/a.o\n" +
		"  INSTALL /lib/modules/6.1/extra/a.ko\n" +
		"red bell\tumläut � end\n"
	if got := clean(raw, GuestWork); got != want {
		t.Errorf("clean = %q\nwant    %q", got, want)
	}
}

func TestCleanWriter(t *testing.T) {
	var b strings.Builder
	w := &cleanWriter{w: &b, work: GuestWork}
	for _, part := range []string{"  CC a", ".o\n  DEP", "MOD  x\nlast"} {
		w.Write([]byte(part))
	}
	w.flush()
	if got, want := b.String(), "  CC a.o\nlast\n"; got != want {
		t.Errorf("cleanWriter wrote %q; want %q", got, want)
	}
	b.Reset()
	w.Write([]byte(strings.Repeat("x", 3*maxLine)))
	if len(w.buf) > maxLine {
		t.Errorf("cleanWriter holds %d bytes of a line without end", len(w.buf))
	}
	for range 2 * MaxLog / maxLine {
		w.Write([]byte(strings.Repeat("x", maxLine)))
	}
	if got := b.Len(); got > MaxLog+1000 || !strings.HasSuffix(b.String(), "[the rest of the output is not shown]\n") {
		t.Errorf("cleanWriter passed %d bytes on", got)
	}
}

func FuzzDiagnose(f *testing.F) {
	logs, _ := filepath.Glob("testdata/*.log")
	for _, l := range logs {
		if text, err := os.ReadFile(l); err == nil {
			f.Add(string(text))
		}
	}
	f.Fuzz(func(t *testing.T, log string) {
		own := map[string]bool{"a.c": true}
		list := diagnose(log, SourceDir, own)
		if len(list) > maxDiagnostics+1 {
			t.Errorf("%d diagnostics", len(list))
		}
		first(list, own)
		for _, l := range lines(clean(log, GuestWork)) {
			if strings.ContainsAny(l, "\x1b\x07\r") {
				t.Errorf("clean let a control character through: %q", l)
			}
		}
	})
}

func TestLogBuffer(t *testing.T) {
	var l logBuffer
	l.Write([]byte("begin "))
	if got := l.String(); got != "begin " {
		t.Errorf("String = %q", got)
	}
	chunk := []byte(strings.Repeat("y", 100_000))
	for range 1000 {
		l.Write(chunk)
	}
	l.Write([]byte(" end"))
	got := l.String()
	if len(got) > MaxLog+100 || len(l.tail) > 3*logTail || !strings.HasPrefix(got, "begin ") ||
		!strings.HasSuffix(got, " end") {
		t.Errorf("logBuffer kept %d bytes, %q … %q", len(got), got[:10], got[len(got)-10:])
	}
	if want := "bytes not shown]"; !strings.Contains(got, want) {
		t.Errorf("logBuffer does not say what is missing")
	}
}
