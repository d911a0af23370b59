// SPDX-License-Identifier: MIT

package svg

import (
	"fmt"
	"strings"
)

// Colour is one colour of the pictures, on a light and on a dark background.
type Colour struct{ Name, Light, Dark string }

// Palette holds the colours of every picture, those of the page included. Text on a stage uses ink; each such pair has
// a contrast of at least 4.5 to 1, and each arrow at least 3 to 1 against the background (TestContrast).
var Palette = []Colour{
	{"ground", "#fbfbf8", "#15181b"},
	{"card", "#ffffff", "#1c2024"},
	{"ink", "#1b2025", "#e9ebec"},
	{"soft", "#59636c", "#a0aab3"},
	{"line", "#e3e3dc", "#2d3339"},
	{"band", "#f5f5f0", "#191d20"},

	{"stage-requested", "#f6e7bd", "#57481f"},
	{"stage-creating", "#f1ca8a", "#70521b"},
	{"stage-created", "#dcd5f0", "#443c69"},
	{"stage-woken", "#bfe2f1", "#1f4c60"},
	{"stage-function", "#9fd4c7", "#1f5f53"},
	{"stage-stopping", "#f2b7a6", "#793b2c"},
	{"stage-ended", "#deded8", "#373d42"},
	{"stage-parked", "#cdd7e2", "#36424f"},
	{"stage-work", "#bbdd9f", "#3d5d25"},
	{"stage-starting", "#d7def2", "#343e5e"},
	{"stage-running", "#adc0f1", "#304485"},
	{"stage-passed", "#cfe9d2", "#234d2e"},
	{"stage-failed", "#f6cdc8", "#6e2b27"},
	{"stage-skipped", "#ece5c9", "#4b4630"},
	{"stage-call", "#a8cbe8", "#28506f"},
	{"stage-refused", "#f5b887", "#7a441c"},
	{"stage-create", "#f8ecd2", "#4a3b1f"},
	{"stage-stop", "#f8ddd4", "#56342a"},
	{"stage-park", "#e2e8ee", "#2f3943"},
	{"stage-request", "#e8c6e1", "#602f58"},
	{"stage-load", "#d3e8bd", "#36512b"},
	{"stage-init", "#bddc9f", "#40602f"},
	{"stage-live", "#e8f1de", "#273420"},

	{"link-ask", "#9a6a14", "#d9a94e"},
	{"link-fork", "#9a6a14", "#d9a94e"},
	{"link-answer", "#707a83", "#8b959e"},
	{"link-wake", "#1f7f9e", "#5bbbdb"},
	{"link-signal", "#59636c", "#a0aab3"},
	{"link-stop", "#b9482f", "#f08b70"},
	{"link-park", "#5b6f85", "#93a9c0"},
	{"link-work", "#4d7d22", "#8fc45c"},

	{"good", "#24793f", "#62c483"},
	{"warn", "#9c6200", "#e2ac4b"},
	{"bad", "#bb2d20", "#ff8a7a"},
	{"accent", "#2157b8", "#8ab4ff"},
}

// Variables are the colours as a style sheet: var(--ink) is ink, on the background that the reader has.
func Variables() string {
	var b strings.Builder
	b.WriteString(":root {\n")
	for _, c := range Palette {
		fmt.Fprintf(&b, "\t--%s: light-dark(%s, %s);\n", c.Name, c.Light, c.Dark)
	}
	b.WriteString("}\n")
	return b.String()
}
