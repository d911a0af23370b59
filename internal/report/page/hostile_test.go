// SPDX-License-Identifier: MIT

package page

import (
	"bytes"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/kmodlab/kmodlab/internal/testlab/foreign"
	"github.com/kmodlab/kmodlab/result"
)

// payloads are what a module or its author may write. Each would set pwned, open a dialog, use the network, or reverse
// the text around it.
var payloads = []string{
	`<img src=x onerror="pwned=1;alert(1)">`,
	`</script><script>pwned=1</script>`,
	`<!--<script>`, `]]><svg/onload=pwned=1>`, `{{data}}{{script}}{{style}}{{policy}}`,
	`"><iframe src="http://example.invalid/"></iframe>`,
	`<style>*{display:none}</style>`, `javascript:pwned=1`, `${pwned=1}`, "`+pwned+`", `%s%n%x`, `__proto__`,
	`constructor`,
	"\xff\xfe\x80 not UTF-8", "a\x00b\x1b[31mred\x07\u0085", "\u202egnp.exe\u2066\u200f\u061c", "שלום עולם",
	"\u2028\u2029\ufeff\ud7ff\U0010ffff",
	strings.Repeat("long", 2000), "line\nline\r\nline",
}

// poison puts the payloads into every text of v, in turn.
func poison(v reflect.Value, n *int) {
	switch v.Kind() {
	case reflect.String:
		if v.Type() != reflect.TypeFor[result.Outcome]() || *n%2 == 0 {
			v.SetString(payloads[*n%len(payloads)])
		}
		*n++
	case reflect.Pointer:
		if !v.IsNil() {
			poison(v.Elem(), n)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			poison(v.Field(i), n)
		}
	case reflect.Slice:
		for i := range v.Len() {
			poison(v.Index(i), n)
		}
	case reflect.Map:
		fresh := reflect.MakeMap(v.Type())
		for _, key := range v.MapKeys() {
			k, e := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			k.Set(key)
			e.Set(v.MapIndex(key))
			poison(k, n)
			poison(e, n)
			fresh.SetMapIndex(k, e)
		}
		v.Set(fresh)
	}
}

// hostile is a run with parts of several real ones, with every text poisoned.
func hostile(t *testing.T) *result.Result {
	r := golden(t, "demo")
	for _, name := range []string{"null_thread", "sigcases", "no_should_stop"} {
		more := golden(t, name)
		r.Crashes = append(r.Crashes, more.Crashes...)
		r.Signals = append(r.Signals, more.Signals...)
		r.Threads = append(r.Threads, more.Threads...)
	}
	foreign.AddTests(r)
	foreign.AddExpectations(r)
	r.Leaks = []result.Leftover{{Kind: "k", What: "w", Site: "s"}}
	r.Stuck = []result.Stuck{{Comm: "c", PID: 1, State: "s", Site: "s", Wait: "w", Stack: []string{"a", "b"}}}
	r.Unknown = map[string]string{"kind": "why"}
	r.Dropped = result.Dropped{Total: 3, ByKind: map[string]uint64{"kind": 3}}
	r.Verdict.Also = []result.Verdict{{Class: "leak", Message: "m", Hint: "h"}}
	r.Verdict.Evidence = []string{"e"}
	r.Sources = map[string]result.Source{"f": {File: "f", Line: 1, Source: []result.Line{{Number: 1, Text: "t"}}}}
	n := 0
	poison(reflect.ValueOf(r).Elem(), &n)
	// Every payload has its turn as a thread's name and as the verdict.
	for i := range r.Threads {
		r.Threads[i].Name = payloads[i%len(payloads)]
	}
	r.Verdict.Message = payloads[0] + strings.Repeat("five megabytes ", 5<<20/15)
	for i := range r.Tests { // one of them has an outcome of its own invention
		r.Tests[i].Outcome = result.TestOutcome([]string{"fail", "skip", payloads[0], "not-run"}[i])
		r.Tests[i].Output = strings.Join(payloads, "\n") + strings.Repeat("\x1b[2J<b>output</b>\r\n", 1<<16)
	}
	r.Console = strings.Join(payloads, "\n") + strings.Repeat("\x1b[2J<b>console</b>\r\n", 5<<20/20)
	r.Commands[0].Output = r.Console
	r.Signals[0].SentNS, r.Signals[1].SentNS = math.MaxInt64, math.MinInt64
	huge := int64(math.MaxInt64)
	r.Threads[0].Stages.Freed, r.Threads[1].Stages.Requested = &huge, new(int64)
	return r
}

func TestHostile(t *testing.T) {
	r := hostile(t)
	for _, width := range []int64{wide, phoneW} {
		t.Run(fmt.Sprint(width), func(t *testing.T) {
			tb := open(t, r, width, phoneH)
			tb.Do(chromedp.Click(chromedp.CSS("#scale-time")), chromedp.Click(chromedp.CSS("#zoom-in")),
				chromedp.Click(chromedp.CSS("#scale-steps")))
			eval[bool](tb, "(document.querySelectorAll('details').forEach(d => d.open = true), true)")
			// Every event is shown, in every way of showing.
			eval[bool](tb, `(async () => {
				for (const e of kmodlab.model.story.events) {
					kmodlab.on.select(e.index);
					kmodlab.on.hover(e.index, 100, 100);
				}
				kmodlab.on.hover(-1, 0, 0);
				return true;
			})()`)
			tb.Do(chromedp.SetValue(chromedp.CSS("#search"), "<img"), chromedp.KeyEvent(" "))
			tb.Settle()
			want(tb, "globalThis.pwned === undefined", true)
			want(tb, "document.querySelectorAll('img, iframe, object, embed, svg, b, link, base, form, video, audio').length", 0)
			want(tb, "document.querySelectorAll('script').length", 2)
			want(tb, "document.querySelectorAll('style').length", 1)
			want(tb, "document.querySelectorAll('a').length", 1)
			want(tb, "document.body.textContent.includes('<img src=x onerror=')", true)
			want(tb, "document.querySelectorAll('.tests tbody > tr:not(.more)').length", len(r.Tests))
			want(tb, "document.querySelectorAll('.subtests li').length > 10", true)
			// Nothing invisible that changes the direction of text, no control character.
			want(tb, `/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufffd]/.test(document.documentElement.textContent)`, false)
			want(tb, "document.documentElement.scrollWidth", int(width))
			want(tb, "document.getElementById('verdict').getBoundingClientRect().height < 900", true)
		})
	}
}

// TestHostileBytes checks the file itself: the data cannot end its element, whoever reads it, and the file is valid
// UTF-8 of bounded size.
func TestHostileBytes(t *testing.T) {
	var b bytes.Buffer
	if err := HTML(&b, hostile(t)); err != nil {
		t.Fatal(err)
	}
	file := b.Bytes()
	if !utf8.Valid(file) {
		t.Error("the file is not valid UTF-8")
	}
	if b.Len() > 4<<20 {
		t.Errorf("the file has %d bytes", b.Len())
	}
	_, data, _ := bytes.Cut(file, []byte(`id="data">`))
	data, _, _ = bytes.Cut(data, []byte("</script>"))
	if i := bytes.IndexAny(data, "<>&"); i >= 0 {
		t.Errorf("the data holds %q", data[i:min(i+40, len(data))])
	}
	if !bytes.HasSuffix(bytes.TrimSpace(data), []byte("}")) {
		t.Error("the data does not end as JSON ends")
	}
	if n := bytes.Count(file, []byte("</script")); n != 2 {
		t.Errorf("%d ends of scripts", n)
	}
}

// TestLong: texts of 5 MB are cut in the file, and the page shows the rest.
func TestLong(t *testing.T) {
	r := golden(t, "demo")
	threads, signals := len(r.Threads), len(r.Signals)
	foreign.AddTests(r)
	foreign.AddExpectations(r)
	foreign.Lengthen(r)
	var b bytes.Buffer
	if err := HTML(&b, r); err != nil {
		t.Fatal(err)
	}
	if b.Len() > 4<<20 {
		t.Errorf("the file has %d bytes", b.Len())
	}
	tb := open(t, r, wide, tall)
	want(tb, "kmodlab.model.story.subjects.filter(s => s.kind === 'thread').length", threads)
	want(tb, "kmodlab.model.story.subjects.filter(s => s.kind === 'signal').length", signals)
	want(tb, "document.body.textContent.includes('long long long')", true)
	want(tb, "document.getElementById('verdict').getBoundingClientRect().height < 900", true)
	want(tb, "document.documentElement.scrollWidth", wide)
}

// obey makes an evaluation obey the page's policy, from which a debugger is exempt.
func obey(p *runtime.EvaluateParams) {
	no := false
	p.AllowUnsafeEvalBlockedByCSP = &no
}

// TestPolicy: the browser itself forbids what the page's code never tries.
func TestPolicy(t *testing.T) {
	r := golden(t, "demo")
	for expression, name := range map[string]string{
		`document.body.innerHTML = "<p>"`:                     "TypeError",
		`document.createElement("script").text = "pwned = 1"`: "TypeError",
		`eval("pwned = 1")`:                                   "EvalError",
		`new Function("pwned = 1")`:                           "EvalError",
		`await fetch("data:,x")`:                              "TypeError",
		`await new Promise((_, no) => { const i = new Image(); i.onerror = () => no(new RangeError()); i.src = "data:image/gif;base64,R0lGODlhAQABAAAAACw="; document.body.append(i); })`: "RangeError",
		`await new Promise((_, no) => { document.body.append(Object.assign(document.createElement("script"), {onerror: () => no(new RangeError()), src: "data:,pwned=1"})); })`:           "TypeError",
		`(() => { document.body.setAttribute("onclick", "pwned = 1"); document.body.click(); if (globalThis.pwned === undefined) throw new RangeError(); })()`:                            "",
	} {
		tb := open(t, r, wide, tall)
		got := get(tb,
			chromedp.Evaluate[string]("(async () => { try { "+expression+"; return 'allowed'; } catch (e) { return e.name; } })()",
				chromedp.EvalAwaitPromise, obey))
		if name != "" && got != name || got == "allowed" {
			t.Errorf("%s: %s; want %s", expression, got, name)
		}
		want(tb, "globalThis.pwned === undefined", true)
		tb.Forgive() // the browser says what it refused
	}
}
