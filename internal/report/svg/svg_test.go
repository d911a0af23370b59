// SPDX-License-Identifier: MIT

package svg

import (
	"bufio"
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/kmodlab/kmodlab/internal/report/lanes"
	"github.com/kmodlab/kmodlab/result"
)

// real are the results of runs in VMs (internal/report/testdata/real).
var real = []string{"demo", "requests", "sigcases", "kthreads", "null_thread", "no_should_stop"}

func golden(t testing.TB, name string) *result.Result {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "testdata", "real", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	r := &result.Result{}
	if err := json.Unmarshal(b, r); err != nil {
		t.Fatal(err)
	}
	return r
}

func paint(t testing.TB, r *result.Result) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := SVG(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// element is one of a picture's, with the text in it.
type element struct {
	name  string
	attrs map[string]string
	text  string
}

func (e element) number(t *testing.T, name string) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(e.attrs[name], 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		t.Fatalf("<%s %s=%q>", e.name, name, e.attrs[name])
	}
	return v
}

// elements reads a picture as any XML reader does; it fails if the picture is not well-formed.
func elements(t *testing.T, svg []byte) []element {
	t.Helper()
	if !utf8.Valid(svg) {
		t.Fatal("not valid UTF-8")
	}
	var all []element
	var open []int
	for d := xml.NewDecoder(bytes.NewReader(svg)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			e := element{name: token.Name.Local, attrs: map[string]string{}}
			for _, a := range token.Attr {
				e.attrs[a.Name.Local] = a.Value
			}
			all = append(all, e)
			open = append(open, len(all)-1)
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			if len(open) > 0 {
				all[open[len(open)-1]].text += string(token)
			}
		}
	}
}

// allowed are the elements that a picture is made of: none that executes, loads or links.
var allowed = map[string]bool{"svg": true, "title": true, "desc": true, "style": true, "g": true, "rect": true,
	"line": true, "path": true, "circle": true, "text": true}

// inside checks what must hold for every picture: only known elements, all within the picture, and no text beyond its
// right edge.
func inside(t *testing.T, svg []byte) []element {
	t.Helper()
	all := elements(t, svg)
	width, height := all[0].number(t, "width"), all[0].number(t, "height")
	for _, e := range all {
		if !allowed[e.name] {
			t.Fatalf("<%s>", e.name)
		}
		for name := range e.attrs {
			if strings.HasPrefix(name, "on") || name == "href" || name == "style" {
				t.Fatalf("<%s %s=…>", e.name, name)
			}
		}
		if e.name == "rect" || e.name == "text" {
			x, y := e.number(t, "x"), e.number(t, "y")
			w := 0.0
			if e.name == "rect" {
				w = e.number(t, "width")
			} else {
				w = measure(e.text, int(e.number(t, "font-size")))
			}
			if x < -0.1 || x+w > width+1 || y < 0 || y > height {
				t.Errorf("<%s> %q at %.0f,%.0f, %.0f wide, in a picture of %.0f×%.0f", e.name, e.text, x, y, w, width, height)
			}
		}
	}
	return all
}

func TestRealRuns(t *testing.T) {
	for _, name := range real {
		t.Run(name, func(t *testing.T) {
			r := golden(t, name)
			shown := map[string]bool{}
			for _, e := range inside(t, paint(t, r)) {
				shown[e.text] = true
			}
			n := 0
			story := lanes.Build(r)
			for i := range story.Lanes {
				if l := &story.Lanes[i]; !l.Background {
					if n++; n <= maxLanes && !shown[fit(l.Name, 13, gutter-60)] {
						t.Errorf("the lane %s is not there", l.Title())
					}
				}
			}
		})
	}
}

// TestTextsKeepApart: in the demo no texts overlap.
func TestTextsKeepApart(t *testing.T) {
	type box struct {
		text         string
		x, y, x2, y2 float64
	}
	var boxes []box
	for _, e := range inside(t, paint(t, golden(t, "demo"))) {
		if e.name != "text" || e.attrs["aria-hidden"] != "" {
			continue
		}
		size := e.number(t, "font-size")
		x, y := e.number(t, "x"), e.number(t, "y")
		b := box{e.text, x, y - size*0.75, x + measure(e.text, int(size)), y + size*0.2}
		for _, other := range boxes {
			if b.x < other.x2 && other.x < b.x2 && b.y < other.y2 && other.y < b.y2 {
				t.Errorf("%q lies on %q", b.text, other.text)
			}
		}
		boxes = append(boxes, b)
	}
	if len(boxes) < 40 {
		t.Errorf("only %d texts", len(boxes))
	}
}

func TestHostile(t *testing.T) {
	nasty := []string{`<script>alert(1)</script>`, `"/><image href="http://example.invalid/x"/>`, "]]>&amp;<!--",
		"\xff\x00\x1b\u202e\ufffe", strings.Repeat("x", 5<<20), "שלום"}
	r := golden(t, "demo")
	huge, least := int64(math.MaxInt64), int64(math.MinInt64)
	for i, s := range nasty {
		at, end := int64(i)*1000, int64(i)*5000
		r.Threads = append(r.Threads, result.Thread{Name: s, PID: 500 + i, Function: s, Ended: s,
			Requester: result.Task{Comm: s, PID: 900 + i},
			Stages:    result.ThreadStages{Requested: &at, Function: &end}})
		r.Signals = append(r.Signals, result.Signal{Name: s, Outcome: result.Outcome(s), Reason: s,
			From: result.Task{Comm: s, PID: 900 + i}, To: result.Task{Comm: s, PID: 500 + i}, SentNS: end})
		r.Modules = append(r.Modules, result.Module{Name: s, LoadedNS: &at, FreedNS: &end})
	}
	r.Threads[0].Stages.Freed, r.Threads[1].Stages.Requested = &huge, &least
	r.Verdict.Message, r.Verdict.Class, r.Machine.Kernel = nasty[4], "<b>", nasty[3]
	svg := paint(t, r)
	inside(t, svg)
	if len(svg) > 1<<20 {
		t.Errorf("%d bytes", len(svg))
	}
	if bytes.ContainsAny(svg, "\u202e\ufffe") {
		t.Error("a mark that turns text around is in the picture")
	}
}

func TestEmptyAndMany(t *testing.T) {
	inside(t, paint(t, &result.Result{}))
	r := &result.Result{}
	for i := range 3000 {
		at := int64(i) * 1000
		r.Signals = append(r.Signals, result.Signal{Name: "SIGUSR1", SentNS: at,
			From: result.Task{Comm: "a", PID: 1000 + i%200}, To: result.Task{Comm: "b", PID: 2000 + i%200}})
	}
	svg := paint(t, r)
	inside(t, svg)
	if want := fmt.Sprintf("the HTML report has %d more lanes", 400-maxLanes); !bytes.Contains(svg, []byte(want)) {
		t.Errorf("the picture does not say %q", want)
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

func TestWriteError(t *testing.T) {
	err := SVG(full{}, golden(t, "demo"))
	if err == nil || err.Error() != "write SVG picture: no space left on device" {
		t.Errorf("%v", err)
	}
}

func TestWords(t *testing.T) {
	for _, test := range []struct{ got, want string }{
		{tick(0), "0 µs"}, {tick(122_521), "122.52 µs"}, {tick(73_011_062), "73.011 ms"}, {tick(405_638_000), "405.64 ms"},
		{tick(2_286_095_197), "2.286 s"}, {tick(-1500), "-1.5 µs"}, {span(1_880_457_000), "1.88 s"}, {span(999_900), "1 ms"},
		{span(67_700_000), "67.7 ms"},
		{fit("abc", 12, 1), ""}, {fit("abcdefghij", 10, 40), "abcd…"}, {fit("abc", 10, 40), "abc"},
	} {
		if test.got != test.want {
			t.Errorf("got %q; want %q", test.got, test.want)
		}
	}
}

// TestContrast: ink is readable on every stage, and arrows and tones are visible on both backgrounds.
func TestContrast(t *testing.T) {
	byName := map[string]Colour{}
	for _, c := range Palette {
		byName[c.Name] = c
	}
	ground, ink := byName["ground"], byName["ink"]
	for _, c := range Palette {
		least := 0.0
		a, b := ground, c
		switch {
		case strings.HasPrefix(c.Name, "stage-"), c.Name == "band", c.Name == "card":
			a, least = ink, 4.5
		case strings.HasPrefix(c.Name, "link-"):
			least = 3
		case c.Name == "good", c.Name == "warn", c.Name == "bad", c.Name == "accent", c.Name == "soft", c.Name == "ink":
			least = 4.5
		}
		for _, pair := range [][3]string{{"light", a.Light, b.Light}, {"dark", a.Dark, b.Dark}} {
			if got := contrast(t, pair[1], pair[2]); got < least {
				t.Errorf("%s, %s: contrast %.2f; want %.1f", c.Name, pair[0], got, least)
			}
		}
	}
}

// contrast of two colours, as WCAG 2 defines it.
func contrast(t *testing.T, a, b string) float64 {
	t.Helper()
	luminance := func(s string) float64 {
		var rgb [3]float64
		for i := range rgb {
			v, err := strconv.ParseUint(s[1+2*i:3+2*i], 16, 8)
			if err != nil {
				t.Fatal(err)
			}
			c := float64(v) / 255
			if rgb[i] = c / 12.92; c > 0.04045 {
				rgb[i] = math.Pow((c+0.055)/1.055, 2.4)
			}
		}
		return 0.2126*rgb[0] + 0.7152*rgb[1] + 0.0722*rgb[2]
	}
	x, y := luminance(a), luminance(b)
	return (math.Max(x, y) + 0.05) / (math.Min(x, y) + 0.05)
}

// TestReadableAt800: a README shows its pictures some 800 pixels wide; even there no letter is smaller than ten pixels.
func TestReadableAt800(t *testing.T) {
	for _, g := range gallery {
		r := golden(t, g.run)
		g.part(r)
		all := elements(t, paint(t, r))
		width := all[0].number(t, "width")
		texts := 0
		for _, e := range all {
			if e.name != "text" {
				continue
			}
			texts++
			if size := e.number(t, "font-size") * 800 / max(800, width); size < 10 {
				t.Errorf("%s: %q has %.1f pixels", g.name, e.text, size)
			}
		}
		if texts < 10 {
			t.Errorf("%s has only %d texts", g.name, texts)
		}
	}
}

// TestNamesNotStruck: no arrow goes through a name of an arrow.
func TestNamesNotStruck(t *testing.T) {
	names := 0
	for _, name := range real {
		p := newPicture(bufio.NewWriter(io.Discard), lanes.Build(golden(t, name)))
		var flights []flight
		for i := range p.story.Arrows {
			if f, ok := p.flight(&p.story.Arrows[i]); ok {
				flights = append(flights, f)
			}
		}
		for _, e := range inside(t, paint(t, golden(t, name))) {
			class, _, _ := strings.Cut(strings.TrimPrefix(e.attrs["class"], "f-"), " ")
			if e.name != "text" || !strings.HasPrefix(class, "link-") && class != "good" && class != "warn" && class != "bad" ||
				e.number(t, "font-size") != smallText || e.number(t, "x") < gutter || e.number(t, "y") < p.top {
				continue
			}
			names++
			x, y := e.number(t, "x"), e.number(t, "y")
			letters := box{x, y - 8, x + measure(e.text, smallText), y}
			for _, f := range flights {
				if f.crosses(letters) {
					t.Errorf("%s: an arrow goes through %q", name, e.text)
				}
			}
		}
	}
	if names < 4 {
		t.Errorf("only %d arrows have names", names)
	}
}

// TestCrosses: an arrow goes through what lies on its way, and not through what lies beside it.
func TestCrosses(t *testing.T) {
	down, up := flight{100, 50, 300, 250}, flight{300, 250, 100, 50}
	for _, c := range []struct {
		b    box
		want bool
	}{
		{box{190, 140, 210, 160}, true}, {box{95, 60, 130, 72}, true}, {box{280, 230, 320, 240}, true},
		{box{110, 52, 150, 60}, false}, {box{200, 60, 300, 90}, false}, {box{100, 200, 180, 240}, false},
		{box{0, 0, 90, 300}, false}, {box{100, 260, 300, 300}, false},
	} {
		for _, f := range []flight{down, up} {
			if f.crosses(c.b) != c.want {
				t.Errorf("%+v through %+v: %v", f, c.b, !c.want)
			}
		}
	}
}

// TestCrashOnItsBar: the mark lies on the bar of the thread that crashed, and its lane says so.
func TestCrashOnItsBar(t *testing.T) {
	var mark *element
	texts := map[string]int{}
	for _, e := range inside(t, paint(t, golden(t, "null_thread"))) {
		if e.name == "circle" && e.number(t, "r") == 8 {
			mark = &e
		}
		texts[e.text]++
	}
	if mark == nil || !strings.Contains(mark.attrs["class"], "f-bad") || texts["✕ crashed"] != 1 {
		t.Fatalf("mark %+v, %d words", mark, texts["✕ crashed"])
	}
	p := newPicture(bufio.NewWriter(io.Discard), lanes.Build(golden(t, "null_thread")))
	for i := range p.shown {
		if l := &p.shown[i]; l.Mark != "" {
			if y := mark.number(t, "cy"); y != p.rowTop(l, 0)+row/2 {
				t.Errorf("the mark is at %.0f, the bar at %.0f", y, p.rowTop(l, 0))
			}
		}
	}
}
