// SPDX-License-Identifier: MIT

package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/internal/oops"
	"github.com/kmodlab/kmodlab/result"
	"github.com/kmodlab/kmodlab/tracer/event"
)

var update = flag.Bool("update", false, "write the golden files anew")

var done = inputs{Finished: true, Unloaded: true}

// golden compares got with a file of testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (go test ./internal/report -update writes it)", err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

func text(t *testing.T, r *result.Result, opt TextOptions) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Text(&b, r, opt); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestTextGolden(t *testing.T) {
	crashed := inputs{Crashes: oops.Parse([]byte(oopsLog)), Finished: true}
	tests := []struct {
		name   string
		events []event.Event
		in     inputs
		opt    TextOptions
	}{
		{"demo.txt", demoEvents(), done, TextOptions{}},
		{"demo_color.txt", demoEvents(), done, TextOptions{Color: true}},
		{"demo_narrow.txt", demoEvents(), done, TextOptions{Width: 60}},
		{"demo_verbose.txt", demoEvents(), done, TextOptions{Verbose: true}},
		{"dropped.txt", withoutKinds(demoEvents(), event.TaskExited, event.SignalGenerated, event.ThreadPickedUp),
			inputs{Finished: true, Unloaded: true,
				Dropped: result.Dropped{Total: 9, ByKind: map[string]uint64{"task_exited": 5, "signal_generated": 4}}},
			TextOptions{}},
		{"hostile.txt", hostileEvents(), done, TextOptions{}},
		{"trouble.txt", troubleEvents(), done, TextOptions{}},
		{"crash.txt", demoEvents()[:60], crashed, TextOptions{}},
		{"timeout.txt", demoEvents()[:36], inputs{Failures: []evidence.Failure{{Kind: evidence.Timeout,
			Message: "the guest did not answer for 30 s while loading signal_handling"}}}, TextOptions{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := text(t, resultOf(tt.events, tt.in), tt.opt)
			golden(t, tt.name, got)
			checkLines(t, got, tt.opt)
		})
	}
}

// checkLines checks what every report promises.
func checkLines(t *testing.T, got []byte, opt TextOptions) {
	t.Helper()
	width := opt.Width
	if width == 0 {
		width = defaultWidth
	}
	plain := string(got)
	if opt.Color {
		plain = ansi.Replace(plain)
	}
	for line := range strings.SplitSeq(strings.TrimSuffix(plain, "\n"), "\n") {
		if cells(line) > max(width, minWidth) {
			t.Errorf("line has %d columns: %q", cells(line), line)
		}
		if clean(line) != line {
			t.Errorf("line would act on the terminal: %q", line)
		}
		if strings.HasSuffix(line, " ") {
			t.Errorf("line ends in a space: %q", line)
		}
	}
}

var ansi = strings.NewReplacer("\x1b[0m", "", "\x1b[1m", "", "\x1b[1;31m", "", "\x1b[1;32m", "", "\x1b[33m", "")

func TestColorChangesNothingElse(t *testing.T) {
	r := resultOf(demoEvents(), done)
	plain, colored := text(t, r, TextOptions{}), text(t, r, TextOptions{Color: true})
	if diff := cmp.Diff(string(plain), ansi.Replace(string(colored))); diff != "" {
		t.Errorf("plain and coloured report differ in more than colour:\n%s", diff)
	}
}

func TestEveryWidth(t *testing.T) {
	for _, events := range [][]event.Event{demoEvents(), hostileEvents(), troubleEvents()} {
		r := resultOf(events, done)
		for width := 1; width <= 200; width += 3 {
			opt := TextOptions{Width: width, Verbose: width%2 == 0}
			checkLines(t, text(t, r, opt), opt)
		}
	}
}

func TestOneScreen(t *testing.T) {
	got := text(t, resultOf(demoEvents(), done), TextOptions{})
	if n := bytes.Count(got, []byte("\n")); n > 32 {
		t.Errorf("the demo's report has %d lines, more than a screen", n)
	}
	if !bytes.Contains(got, []byte("\npass: ")) {
		t.Errorf("no verdict line:\n%s", got)
	}
}

func TestJSONGolden(t *testing.T) {
	r := resultOf(demoEvents(), done)
	var b bytes.Buffer
	if err := JSON(&b, r); err != nil {
		t.Fatal(err)
	}
	golden(t, "demo.json", b.Bytes())
	back, err := ReadJSON(&b)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(r, back); diff != "" {
		t.Errorf("JSON there and back (-want +got):\n%s", diff)
	}
}

// TestJSONNoNullList checks the emptiest result: every list is [].
func TestJSONNoNullList(t *testing.T) {
	r := &result.Result{Modules: []result.Module{{}}, Requests: []result.Request{{Helper: &result.Helper{}}},
		Crashes: []result.Crash{{}}, Commands: []result.Command{{}}}
	for _, r := range []*result.Result{{}, r} {
		var b bytes.Buffer
		if err := JSON(&b, r); err != nil {
			t.Fatal(err)
		}
		for _, list := range []string{"phases", "modules", "threads", "requests", "signals", "hooks", "crashes", "commands",
			"depends", "argv", "log"} {
			if strings.Contains(b.String(), `"`+list+`": null`) {
				t.Errorf("%s is null", list)
			}
		}
		var back result.Result
		if err := json.Unmarshal(b.Bytes(), &back); err != nil {
			t.Error(err)
		}
		for _, q := range back.Requests { // a stage is called loaded too, and may be null
			if q.Loaded == nil {
				t.Error("requests.loaded is null")
			}
		}
	}
}

func TestReadJSONErrors(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"empty", "", "EOF"},
		{"cut", `{"schema": "kmodlab.result/1", "thre`, "unexpected EOF"},
		{"other schema", `{"schema": "kmodlab.result/9"}`, `"kmodlab.result/9"`},
		{"no schema", `{}`, `schema is ""`},
		{"wrong type", `{"schema": "kmodlab.result/1", "threads": 3}`, "threads"},
		{"no class", `{"schema": "kmodlab.result/1"}`, `class ""`},
		{"an escape as class", `{"schema": "kmodlab.result/1", "verdict": {"class": "\u001b[2J"}}`, `class "\x1b[2J"`},
		{
			"a crash of no class",
			`{"schema": "kmodlab.result/1", "verdict": {"class": "pass"}, "crashes": [{"class": "x"}]}`, `class "x"`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ReadJSON(strings.NewReader(tt.in))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want an error with %s", err, tt.want)
			}
		})
	}
}

type brokenWriter struct{}

var errBroken = errors.New("no space left on device")

func (brokenWriter) Write([]byte) (int, error) { return 0, errBroken }

func TestWriteErrors(t *testing.T) {
	r := resultOf(demoEvents(), done)
	if err := Text(brokenWriter{}, r, TextOptions{}); !errors.Is(err, errBroken) {
		t.Errorf("Text: %v", err)
	}
	if err := JSON(brokenWriter{}, r); !errors.Is(err, errBroken) {
		t.Errorf("JSON: %v", err)
	}
}

func TestClean(t *testing.T) {
	tests := []struct{ in, want string }{
		{"K1", "K1"},
		{"\x1b[31mK1\a", `\x1b[31mK1\x07`},
		{"Zähler-ß", "Zähler-ß"},
		{"計数", "計数"},
		{"a\xffb", `a\xffb`},
		{"a\u202eb", `a\u202eb`},
		{"a\u0085b", `a\x85b`},
		{"a\tb", "a    b"},
		{"a\nb", `a\x0ab`},
	}
	for _, tt := range tests {
		if got := clean(tt.in); got != tt.want {
			t.Errorf("clean(%q) = %q, want %q", tt.in, got, tt.want)
		}
	}
}

func TestWrap(t *testing.T) {
	tests := []struct {
		in    string
		width int
		want  []string
	}{
		{"", 5, []string{""}},
		{"one two three", 7, []string{"one two", "three"}},
		{"one two three", 8, []string{"one two", "three"}},
		{"abcdefghij", 4, []string{"abcd", "efgh", "ij"}},
		{"計数計数", 5, []string{"計数", "計数"}},
		{"計", 1, []string{"計"}},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, wrap(tt.in, tt.width)); diff != "" {
			t.Errorf("wrap(%q, %d):\n%s", tt.in, tt.width, diff)
		}
	}
}

func FuzzWrap(f *testing.F) {
	f.Add("one two 計数 \x1b[0m\u0301\u202e", 7)
	f.Fuzz(func(t *testing.T, s string, width int) {
		width = 2 + (width&0xff)%100
		for _, line := range wrap(clean(s), width) {
			if cells(line) > width {
				t.Fatalf("%q has %d columns, want at most %d", line, cells(line), width)
			}
		}
	})
}
