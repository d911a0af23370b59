// SPDX-License-Identifier: MIT

package report

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/kmodlab/kmodlab/result"
)

func printedAt(ms int64, level, module, text string) result.Message {
	ns := ms * 1e6
	return result.Message{AtNS: &ns, Level: level, Module: module, Text: text}
}

func textOf(t *testing.T, r *result.Result, opt TextOptions) string {
	t.Helper()
	var b bytes.Buffer
	if err := Text(&b, r, opt); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// wantInOrder wants parts in a text, one after the other.
func wantInOrder(t *testing.T, text string, parts ...string) {
	t.Helper()
	rest := text
	for _, part := range parts {
		_, after, ok := strings.Cut(rest, part)
		if !ok {
			t.Errorf("%q is not in its place in\n%s", part, text)
			return
		}
		rest = after
	}
}

func TestMessagesInStory(t *testing.T) {
	loaded, freed := int64(0), int64(9e6)
	by := &result.Task{Comm: "modprobe", PID: 104}
	r := &result.Result{
		Machine: result.Machine{Kernel: "6.1.0"},
		Modules: []result.Module{
			{Name: "hello", Loaded: true, LoadedNS: &loaded, FreedNS: &freed, By: by, FreedBy: by},
		},
		Messages: []result.Message{
			printedAt(1, result.LevelInfo, "hello", "hello: one\x1b[31m"), printedAt(2, result.LevelErr, "hello", "broken"),
			printedAt(3, result.LevelDefault, "hello", "plain"), printedAt(4, result.LevelWarning, "other", "look"),
			{Level: result.LevelInfo, Module: "hello", Text: "some time"},
		},
	}
	r.Messages[0].Task, r.Messages[1].Task = by, by
	text := textOf(t, r, TextOptions{})
	wantInOrder(t, text,
		"0.0 ms  modprobe[104]  finit_module hello",
		`1.0 ms  modprobe[104]  prints "hello: one\x1b[31m"`,
		`2.0 ms  modprobe[104]  hello prints an error: "broken"`,
		`3.0 ms  hello          prints "plain"`,
		`4.0 ms  other          prints a warning: "look"`,
		"9.0 ms  modprobe[104]  delete_module hello",
		"When these lines were printed is not known:", `hello          prints "some time"`,
	)
	coloured := textOf(t, r, TextOptions{Color: true})
	if !strings.Contains(coloured, "\x1b["+string(red)+"mhello prints an error") {
		t.Errorf("an error has no colour:\n%q", coloured)
	}
}

// A module that prints without end does not fill the story; what is left out is counted.
func TestMessageFlood(t *testing.T) {
	r := &result.Result{Machine: result.Machine{Kernel: "6.1.0"}, LogLost: 12}
	for i := range 200 {
		r.Messages = append(r.Messages, printedAt(int64(i), result.LevelInfo, "flood", fmt.Sprintf("line %d", i)))
	}
	r.Messages[99].Omitted = 1000
	r.Messages = append(r.Messages, printedAt(300, result.LevelInfo, "calm", "still heard"))
	text := textOf(t, r, TextOptions{})
	wantInOrder(t, text, `"line 39"`, "… 1140 more lines of flood", `"line 180"`, `"line 199"`, "still heard",
		"12 lines of the kernel's log not read")
	if n := strings.Count(text, "prints"); n != firstLines+lastOnes+1 {
		t.Errorf("the story has %d lines of the modules", n)
	}
	wantInOrder(t, textOf(t, r, TextOptions{Verbose: true}),
		`"line 99"`, "… 1000 lines of flood are not kept", `"line 100"`)
}

func TestMessagesAlike(t *testing.T) {
	r := &result.Result{Machine: result.Machine{Kernel: "6.1.0"}}
	for i := range 32 {
		r.Messages = append(r.Messages, printedAt(int64(i), result.LevelInfo, "m", "tick"))
	}
	r.Messages = append(r.Messages,
		printedAt(40, result.LevelInfo, "m", "tock"), printedAt(41, result.LevelErr, "m", "tock"))
	text := textOf(t, r, TextOptions{})
	wantInOrder(t, text, `prints "tick"`, "… 31 more like it, within 31 ms", `prints "tock"`, `prints an error: "tock"`)
	if n := strings.Count(text, "tick"); n != 1 {
		t.Errorf("tick is told %d times", n)
	}
}

func TestMessagesInFormats(t *testing.T) {
	r := &result.Result{
		Machine: result.Machine{Kernel: "6.1.0", Name: "debian:bookworm"}, Verdict: result.Verdict{Class: result.Pass},
		Messages: []result.Message{printedAt(1, result.LevelInfo, "m", "ok 1 - I passed | <b>")},
	}
	for name, c := range map[string]struct {
		write func(*bytes.Buffer) error
		want  string
	}{
		"JUnit":    {func(b *bytes.Buffer) error { return JUnit(b, r) }, "prints &#34;ok 1 - I passed | &lt;b&gt;"},
		"KTAP":     {func(b *bytes.Buffer) error { return KTAP(b, r) }, "#   1.0 ms: m prints \"ok 1 - I passed | <b>\"\n"},
		"Markdown": {func(b *bytes.Buffer) error { return Markdown(b, r) }, "| `prints \"ok 1 - I passed \\| <b>\"` |"},
		"many": {func(b *bytes.Buffer) error { return KTAPAll(b, []Named{{Name: "a", Result: r}}) },
			"#   1.0 ms: m prints \"ok 1 - I passed | <b>\"\n"},
	} {
		var b bytes.Buffer
		if err := c.write(&b); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(b.String(), c.want) {
			t.Errorf("%s lacks %q:\n%s", name, c.want, b.String())
		}
	}
}
