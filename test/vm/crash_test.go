// SPDX-License-Identifier: MIT

package vm

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/kmodlab/kmodlab"
	"github.com/kmodlab/kmodlab/result"
)

// markedLines returns where the comments "line: name" of a source are: file:line, by name.
func markedLines(t *testing.T, dir, file string) map[string]string {
	t.Helper()
	source, err := os.ReadFile(dir + "/" + file)
	if err != nil {
		t.Fatal(err)
	}
	marks := make(map[string]string)
	for i, line := range strings.Split(string(source), "\n") {
		if _, mark, ok := strings.Cut(line, "/* line: "); ok {
			marks[strings.TrimSuffix(mark, " */")] = fmt.Sprintf("%s:%d", file, i+1)
		}
	}
	return marks
}

// oneCrash returns the first report. The verdict must be an oops, and the report must have the type kind.
func oneCrash(t *testing.T, res *result.Result, kind string) *result.Crash {
	t.Helper()
	if res.Verdict.Class != result.Oops || len(res.Crashes) == 0 || res.Crashes[0].Type != kind {
		t.Fatalf("verdict %+v, %d crashes, want an oops, first a %s\n%s", res.Verdict, len(res.Crashes), kind, res.Console)
	}
	return &res.Crashes[0]
}

// checkSource checks that the frame has five source lines with its own in the middle. Near the ends of a file, a frame
// has fewer.
func checkSource(t *testing.T, f *result.Frame, text string) {
	t.Helper()
	if len(f.Source) != 5 || f.Source[2].Number != f.Line || !strings.Contains(f.Source[2].Text, text) {
		t.Errorf("%s: source %+v, want five lines around one with %q", f.Place(), f.Source, text)
	}
}

// TestCrashLines checks that a NULL dereference in a thread is reported with its file and line, and with the function
// that the compiler inlined.
func TestCrashLines(t *testing.T) {
	const dir = "testdata/crash"
	res := runVM(t, kmodlab.Spec{Dir: dir, Load: []string{"oopser"}})
	c := oneCrash(t, res, "null-dereference")
	if c.Task == nil || c.Task.Comm != "oopser" || c.Task.PID == 0 || c.CPU == nil ||
		c.Registers["CR2"] != "0000000000000040" || len(c.Taint) == 0 || c.Truncated || c.Mixed || c.Note != "" {
		t.Errorf("task %+v, CPU %v, registers %v, taint %v, truncated %t, mixed %t, note %q",
			c.Task, c.CPU, c.Registers, c.Taint, c.Truncated, c.Mixed, c.Note)
	}
	line := markedLines(t, dir, "oopser.c")
	if c.Guilty == nil || *c.Guilty != 0 || !strings.Contains(res.Verdict.Message, line["peek"]) {
		t.Errorf("guilty %v, verdict %q: want the first frame, and %s in the verdict", c.Guilty, res.Verdict.Message, line["peek"])
	}
	want := []struct {
		function       string
		inlined, exact bool
	}{{"peek", true, true}, {"read_box", false, true}, {"work", false, false}}
	var reliable []result.Frame
	for _, f := range c.Frames {
		if f.Reliable {
			reliable = append(reliable, f)
		}
	}
	if len(reliable) < len(want) {
		t.Fatalf("frames %+v", c.Frames)
	}
	for i, w := range want {
		f := &reliable[i]
		if f.Function != w.function || f.Module != "oopser" || f.Inlined != w.inlined || f.Exact != w.exact ||
			f.Position() != line[w.function] {
			t.Errorf("frame %d: %+v, want %+v at %s", i, f, w, line[w.function])
		}
		checkSource(t, f, "line: "+w.function)
	}
}

// TestCrashAfterUnload checks a crash in code that is gone. The kernel knows only an address; the trace knows where the
// module was.
func TestCrashAfterUnload(t *testing.T) {
	const dir = "testdata/crash"
	res := runVM(t, kmodlab.Spec{Dir: dir, Script: []kmodlab.Step{
		{Argv: []string{"depmod", "-a"}},
		{Argv: []string{"modprobe", "forgetful"}, Role: kmodlab.RoleLoad, Wait: 500 * time.Millisecond},
		{Argv: []string{"modprobe", "-r", "forgetful"}, Role: kmodlab.RoleUnload, Wait: 8 * time.Second},
	}})
	c := oneCrash(t, res, "page-fault")
	guilty := c.GuiltyFrame()
	if guilty == nil || guilty.Function != "nap" || guilty.Module != "forgetful" || guilty.Address == 0 || !guilty.Exact {
		t.Fatalf("guilty %+v of %+v, want nap [forgetful] from a bare address", guilty, c.Frames)
	}
	// The thread returns to the instruction after the call.
	nap := markedLines(t, dir, "forgetful.c")["nap"]
	file, line, _ := strings.Cut(nap, ":")
	if guilty.File != file || fmt.Sprint(guilty.Line) != line && fmt.Sprint(guilty.Line-2) != line {
		t.Errorf("%s, want the end of %s, whose call stands at %s", guilty.Position(), "nap", nap)
	}
	if len(guilty.Source) == 0 {
		t.Error("no source lines")
	}
}
