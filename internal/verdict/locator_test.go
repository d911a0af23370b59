// SPDX-License-Identifier: MIT

package verdict

import (
	"strings"
	"testing"

	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/result"
	"github.com/kmodlab/kmodlab/tracer/symbols"
)

// TestLocateWithoutDebugInfo: a frame keeps its name, and the report says why it has
// no line; a file that is not a module does no harm.
func TestLocateWithoutDebugInfo(t *testing.T) {
	e := &evidence.Evidence{
		Files: map[string]evidence.File{"crasher": {Name: "crasher.ko", Data: []byte("no ELF at all")}},
	}
	l := newLocator(e, symbols.New(nil, nil, nil))
	c := &result.Crash{Frames: []result.Frame{
		{Function: "work", Offset: 4, Module: "crasher"}, {Function: "kthread", Offset: 1},
		{Function: "other", Module: "virtio"}, {Address: 0xffffffffc0000000},
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

// TestNameBareAddress: the recorded place of a module names an address that the kernel
// could not name. An instruction may be the first of its function; a return address
// there belongs to the function before it.
func TestNameBareAddress(t *testing.T) {
	const base = 0xffffffffc0257000
	k, err := symbols.ReadRunning(
		strings.NewReader("ffffffff81000000 T _stext\nffffffffc0257000 t inc_func\t[signal_handling]\n"),
	)
	if err != nil {
		t.Fatal(err)
	}
	l := newLocator(new(evidence.Evidence), symbols.New(k, nil, nil))
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
	if newLocator(new(evidence.Evidence), symbols.New(nil, nil, nil)).name(&bare); bare.Place() != "0x1000" {
		t.Errorf("without a trace: %s", bare.Place())
	}
}

func TestAround(t *testing.T) {
	lines := strings.Split("1 2 3 4 5 6 7", " ")
	e := &evidence.Evidence{Sources: map[string]evidence.Source{"/build/src/a.c": {Name: "a.c", Lines: lines}}}
	for _, tt := range []struct {
		file       string
		line       int
		rel, lines string
	}{
		{"/build/src/a.c", 4, "a.c", "2 3 4 5 6"},
		{"/build/src/a.c", 1, "a.c", "1 2 3"},
		{"/build/src/a.c", 7, "a.c", "5 6 7"},
		{"/build/src/a.c", 8, "a.c", ""},
		{"/build/src/a.c", 0, "a.c", "1 2"},
		{"/build/src/gone.c", 2, "gone.c", ""},
		{"/build/src/../secret.c", 1, "/build/secret.c", ""},
		{"/usr/src/linux-headers-6.1.0-56-common/include/linux/list.h", 72, "include/linux/list.h", ""},
		{"", 1, "", ""},
	} {
		l := newLocator(e, symbols.New(nil, nil, nil))
		rel, around := l.around(tt.file, tt.line)
		var texts []string
		for _, line := range around {
			texts = append(texts, line.Text)
		}
		if got := strings.Join(texts, " "); rel != tt.rel || got != tt.lines {
			t.Errorf("%s:%d: %s %q, want %s %q", tt.file, tt.line, rel, got, tt.rel, tt.lines)
		}
		if shown := l.shown[tt.file]; len(shown) != len(texts) {
			t.Errorf("%s:%d: a recording would keep %v of it", tt.file, tt.line, shown)
		}
	}
}
