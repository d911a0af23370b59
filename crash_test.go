// SPDX-License-Identifier: MIT

package kmodlab

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kmodlab/kmodlab/kmod"
	"github.com/kmodlab/kmodlab/result"
	"github.com/kmodlab/kmodlab/tracer/symbols"
)

func sources(t *testing.T, files map[string]string) *sourceTree {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "lab"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		path := filepath.Join(dir, "lab", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "secret.c"), []byte("password\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../secret.c", filepath.Join(dir, "lab/link.c")); err != nil {
		t.Fatal(err)
	}
	r := &run{spec: Spec{Dir: filepath.Join(dir, "lab")}}
	tree := r.openSources()
	t.Cleanup(tree.close)
	return tree
}

func TestSourceLines(t *testing.T) {
	tree := sources(t, map[string]string{
		"a.c": "1\n2\n3\n4\n5\n6\n7\n", "sub/b.c": "b1\nb2\r\n", "wide.c": strings.Repeat("x", 5000) + "\n\xff\xfe\n",
	})
	tests := []struct {
		file       string
		line       int
		rel, lines string
	}{
		{"/build/src/a.c", 4, "a.c", "2 3 4 5 6"},
		{"/build/src/a.c", 1, "a.c", "1 2 3"},
		{"/build/src/a.c", 7, "a.c", "5 6 7"},
		{"/build/src/a.c", 8, "a.c", ""},
		{"/build/src/a.c", 0, "a.c", "1 2"},
		{"a.c", 2, "a.c", "1 2 3 4"},
		{"/home/somebody/work/sub/b.c", 2, "sub/b.c", "b1 b2"},
		{"/build/src/gone.c", 2, "gone.c", ""},
		{"/usr/src/linux-headers-6.1.0-56-common/include/linux/list.h", 72, "include/linux/list.h", ""},
		{"/etc/passwd", 1, "/etc/passwd", ""},
		{"/build/src/../secret.c", 1, "/build/secret.c", ""},
		{"../secret.c", 1, "../secret.c", ""},
		{"/build/src/link.c", 1, "link.c", ""},
		{"/build/src/sub", 1, "sub", ""},
		{"", 1, "", ""},
	}
	for _, tt := range tests {
		rel, lines := tree.around(tt.file, tt.line)
		var texts []string
		for _, l := range lines {
			texts = append(texts, l.Text)
		}
		if got := strings.Join(texts, " "); rel != tt.rel || got != tt.lines {
			t.Errorf("%s:%d: %s %q, want %s %q", tt.file, tt.line, rel, got, tt.rel, tt.lines)
		}
	}
	if _, lines := tree.around("wide.c", 1); len(lines) != 2 || len(lines[0].Text) > maxSourceRow+4 || lines[1].Text != "\ufffd" {
		t.Errorf("a wide line and bytes that are no text: %+v", lines)
	}
}

// TestLocateWithoutDebugInfo: a frame keeps its name and the report says why it
// has no line; a file that is no module does no harm.
func TestLocateWithoutDebugInfo(t *testing.T) {
	ko := filepath.Join(t.TempDir(), "crasher.ko")
	if err := os.WriteFile(ko, []byte("no ELF at all"), 0o644); err != nil {
		t.Fatal(err)
	}
	r := &run{fresh: []kmod.PlannedModule{{Name: "crasher", Path: ko}}}
	l := &locator{read: r.readModule, path: r.moduleFile, modules: make(map[string]*debugInfo), sources: sources(t, nil)}
	c := &result.Crash{Frames: []result.Frame{
		{Function: "work", Offset: 4, Module: "crasher"}, {Function: "kthread", Offset: 1}, {Function: "other", Module: "virtio"}, {Address: 0xffffffffc0000000},
	}}
	before := append([]result.Frame(nil), c.Frames...)
	l.locate(c)
	if len(c.Frames) != len(before) || c.Frames[0].Function != "work" || c.Frames[0].File != "" {
		t.Errorf("frames %+v, want them as they were", c.Frames)
	}
	if !strings.Contains(c.Note, "crasher.ko") {
		t.Errorf("note %q does not name the file", c.Note)
	}
}

// TestNameBareAddress: what is known of a module's place names an address that
// the kernel could not. An instruction may be the first of its function; a return
// address there belongs to what stands before it.
func TestNameBareAddress(t *testing.T) {
	const base = 0xffffffffc0257000
	k, err := symbols.ReadRunning(strings.NewReader("ffffffff81000000 T _stext\nffffffffc0257000 t inc_func\t[signal_handling]\n"))
	if err != nil {
		t.Fatal(err)
	}
	l := &locator{table: symbols.New(k, nil, nil)}
	tests := []struct {
		frame result.Frame
		want  string
	}{
		{result.Frame{Address: base + 0x20, Exact: true}, "inc_func+0x20 [signal_handling]"},
		{result.Frame{Address: base + 0x20}, "inc_func+0x20 [signal_handling]"},
		{result.Frame{Address: base, Exact: true}, "inc_func+0x0 [signal_handling]"},
		{result.Frame{Address: 0x1000, Exact: true}, "0x1000"},
		{result.Frame{Function: "kthread", Offset: 3}, "kthread+0x3"},
	}
	for _, tt := range tests {
		got := tt.frame
		if l.name(&got); got.Place() != tt.want {
			t.Errorf("%+v: %s, want %s", tt.frame, got.Place(), tt.want)
		}
	}
	bare := result.Frame{Address: 0x1000}
	if (&locator{}).name(&bare); bare.Place() != "0x1000" {
		t.Errorf("without a trace: %s", bare.Place())
	}
}

func TestTitleWithLine(t *testing.T) {
	guilty := 0
	crash := func(title string, f result.Frame) *result.Crash {
		return &result.Crash{Class: result.Oops, Title: title, Frames: []result.Frame{f}, Guilty: &guilty}
	}
	own := result.Frame{Function: "read_box", Offset: 0x14, Module: "crasher", File: "crasher.c", Line: 41}
	inlined := result.Frame{Function: "peek", Module: "crasher", Inlined: true, File: "crasher.c", Line: 32}
	tests := []struct {
		crash *result.Crash
		want  string
	}{
		{crash("BUG: NULL in read_box+0x14 [crasher]", own), "BUG: NULL in read_box+0x14 [crasher] (crasher.c:41)"},
		{crash("BUG: NULL in read_box+0x14 [crasher]", inlined), "BUG: NULL in read_box+0x14 [crasher] (crasher.c:32)"},
		{crash("kernel BUG at lib/list_debug.c:65 in __list_del+0x23", own), "kernel BUG at lib/list_debug.c:65 in __list_del+0x23, called from read_box+0x14 [crasher] (crasher.c:41)"},
		{crash("WARNING at crasher.c:41 in read_box+0x14 [crasher]", own), "WARNING at crasher.c:41 in read_box+0x14 [crasher]"},
		{crash("BUG: x in f+0x1 [crasher]", result.Frame{Function: "f", Offset: 1, Module: "crasher"}), "BUG: x in f+0x1 [crasher]"},
		{&result.Crash{Class: result.Oops, Title: "INFO: task modprobe hung"}, "INFO: task modprobe hung"},
	}
	for _, tt := range tests {
		if got := titleWithLine(tt.crash); got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
}

func TestStamped(t *testing.T) {
	for record, want := range map[string]string{
		"4,615,13526850,-;WARNING: it is":                   "[   13.526850] WARNING: it is",
		"4,615,13526850,-,caller=T89;WARNING: it is":        "[   13.526850][T89] WARNING: it is",
		"6,1,0,c; text\n SUBSYSTEM=acpi\n DEVICE=+acpi:LNX": "[    0.000000]  text",
		"6,1,123456789012345,-;late":                        "[123456789.012345] late",
		"6,1,-5,-;odd":                                      "odd",
		"6;odd":                                             "odd",
		"":                                                  "",
	} {
		if got := stamped(record); got != want {
			t.Errorf("%q: %q, want %q", record, got, want)
		}
	}
}

// TestNameHog: whoever asks for the last page is seldom who took all others.
func TestNameHog(t *testing.T) {
	zero := 0
	asked := func(module string) result.Crash {
		c := result.Crash{Class: result.Oops, Type: "oom-kill", Title: "Out of memory: someone asked for more"}
		if module != "" {
			c.Frames = []result.Frame{{Function: "take", Offset: 0x14, Module: module, File: "hog.c", Line: 27}}
			c.Guilty = &zero
		}
		return c
	}
	panicked := func(title string) result.Crash { return result.Crash{Class: result.Panic, Type: "panic", Title: title} }
	const deadlocked = "Kernel panic: System is deadlocked on memory"
	for name, tt := range map[string]struct {
		crashes []result.Crash
		want    string
	}{
		"a module before": {[]result.Crash{asked(""), asked("hog"), asked(""), panicked(deadlocked)}, deadlocked + ", asked for before by take+0x14 [hog] (hog.c:27)"},
		"no module":       {[]result.Crash{asked(""), panicked(deadlocked)}, deadlocked},
		"a module behind": {[]result.Crash{panicked(deadlocked), asked("hog")}, deadlocked},
		"another panic":   {[]result.Crash{asked("hog"), panicked("Kernel panic: out of ideas")}, "Kernel panic: out of ideas"},
	} {
		nameHog(tt.crashes)
		for _, c := range tt.crashes {
			if c.Class == result.Panic && c.Title != tt.want {
				t.Errorf("%s: %q, want %q", name, c.Title, tt.want)
			}
		}
	}
}
