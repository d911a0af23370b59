// SPDX-License-Identifier: MIT

package svg

import (
	"bufio"
	"encoding/xml"
	"fmt"
	"strings"
)

// canvas writes SVG elements. Each colour is written as an attribute with the light value and as a class, through which
// the style sheet finds the dark value.
type canvas struct{ w *bufio.Writer }

// Weights of text.
const (
	regular = 400
	bold    = 600
)

var light = func() map[string]string {
	m := map[string]string{}
	for _, c := range Palette {
		m[c.Name] = c.Light
	}
	return m
}()

func (c canvas) open(width, height float64, title, words string) {
	fmt.Fprintf(c.w,
		`<svg xmlns="http://www.w3.org/2000/svg" width="%.0f" height="%.0f" viewBox="0 0 %.0f %.0f" role="img" aria-labelledby="title words"`,
		width, height, width, height)
	fmt.Fprintf(c.w, ` font-family="system-ui, 'Segoe UI', Roboto, 'Helvetica Neue', 'DejaVu Sans', sans-serif">`+"\n")
	fmt.Fprintf(c.w, "<title id=\"title\">%s</title>\n<desc id=\"words\">%s</desc>\n", escape(title), escape(words))
	c.w.WriteString("<style>\ntext { unicode-bidi: isolate; white-space: pre }\n@media (prefers-color-scheme: dark) {\n")
	for _, p := range Palette {
		fmt.Fprintf(c.w, ".f-%s { fill: %s } .s-%[1]s { stroke: %[2]s }\n", p.Name, p.Dark)
	}
	c.w.WriteString("}\n</style>\n")
}

func (c canvas) close() { c.w.WriteString("</svg>\n") }

// fill returns the attributes of a shape filled with a colour.
func fill(colour string) string {
	return fmt.Sprintf(`class="f-%s" fill="%s"`, colour, light[colour])
}

func stroke(colour string) string {
	return fmt.Sprintf(`class="s-%s" stroke="%s"`, colour, light[colour])
}

func (c canvas) rect(colour string, x, y, width, height, radius float64) {
	fmt.Fprintf(c.w, `<rect %s x="%.1f" y="%.1f" width="%.1f" height="%.1f"`, fill(colour), x, y, width, height)
	if radius > 0 {
		fmt.Fprintf(c.w, ` rx="%.1f"`, radius)
	}
	c.w.WriteString("/>\n")
}

func (c canvas) line(colour string, x1, y1, x2, y2, width float64) {
	if x1 == x2 && y1 == y2 {
		return
	}
	fmt.Fprintf(c.w, `<line %s x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke-width="%.1f"/>`+"\n", stroke(colour), x1,
		y1, x2, y2, width)
}

func (c canvas) circle(colour string, x, y, radius float64) {
	fmt.Fprintf(c.w,
		`<circle class="f-%s s-ground" fill="%s" stroke="%s" cx="%.1f" cy="%.1f" r="%.1f" stroke-width="1.5"/>`+"\n",
		colour, light[colour], light["ground"], x, y, radius)
}

func (c canvas) text(colour string, x, y float64, size, weight int, text string) {
	if text != "" {
		fmt.Fprintf(c.w, `<text %s x="%.1f" y="%.1f" font-size="%d" font-weight="%d">%s</text>`+"\n", fill(colour), x, y,
			size, weight, escape(text))
	}
}

// titled gives what draw draws a title, which viewers show when the pointer is on it.
func (c canvas) titled(title string, draw func()) {
	c.w.WriteString("<g>")
	draw()
	fmt.Fprintf(c.w, "<title>%s</title></g>\n", escape(title))
}

// curve is an arrow with a head at its end.
func (c canvas) curve(colour string, f flight, bend, tip float64, dashed bool, strength float64) {
	dash := ""
	if dashed {
		dash = ` stroke-dasharray="4 3"`
	}
	fmt.Fprintf(c.w,
		`<g opacity="%.2f"><path %s fill="none" stroke-width="1.5"%s d="M%.1f %.1fC%.1f %.1f %.1f %.1f %.1f %.1f"/>`,
		strength, stroke(colour), dash, f.x1, f.y1, f.x1, f.y1+bend, f.x2, f.y2+tip-bend, f.x2, f.y2+tip)
	fmt.Fprintf(c.w, `<path %s d="M%.1f %.1fl-3.8 %.1fh7.6z"/></g>`+"\n", fill(colour), f.x2, f.y2, tip*1.15)
}

func escape(s string) string {
	var b strings.Builder
	xml.EscapeText(&b, []byte(s)) //nolint:errcheck // a Builder accepts everything
	return b.String()
}

// measure estimates how wide a text is, by the widest of the usual fonts: what fits by this estimate fits in all of
// them.
func measure(s string, size int) float64 {
	em := 0.0
	for _, r := range s {
		switch {
		case strings.ContainsRune("iljI|!.,:;'`[]()/\\ ft", r):
			em += 0.38
		case strings.ContainsRune("mwMW@%&…", r):
			em += 0.95
		case r >= 'A' && r <= 'Z' || r == '_':
			em += 0.69
		case r < 0x2e80:
			em += 0.62
		default: // ideographs
			em += 1.05
		}
	}
	return em * float64(size)
}

func measureBold(s string, size int) float64 { return measure(s, size) * 1.1 }

// fit shortens a text to a width. No letter is narrower than three pixels.
func fit(s string, size int, width float64) string {
	if measure(s, size) <= width {
		return s
	}
	runes := []rune(s)
	for n := min(len(runes)-1, int(width)/3); n > 0; n-- {
		if short := strings.TrimRight(string(runes[:n]), " ") + "…"; measure(short, size) <= width {
			return short
		}
	}
	return ""
}
