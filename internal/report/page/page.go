// SPDX-License-Identifier: MIT

// Package page writes a result.Result as one HTML file that needs nothing else: a timeline of lanes to zoom and search,
// the list of events beside it, the verdict, crash reports and logs.
//
// Whatever a module or its author wrote travels as JSON in an element that no browser executes, and the page's code
// only ever inserts it as text. A Content-Security-Policy names the hashes of that code and style and forbids
// everything else, the network included; in browsers with Trusted Types no text can become markup at all.
package page

import (
	"bytes"
	"cmp"
	"embed"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"strings"

	"github.com/kmodlab/kmodlab/internal/csp"
	"github.com/kmodlab/kmodlab/internal/report/lanes"
	"github.com/kmodlab/kmodlab/internal/report/svg"
	"github.com/kmodlab/kmodlab/result"
)

//go:embed assets
var assets embed.FS

// scripts are the page's code: the files share one scope, in this order.
var scripts = []string{"words.js", "scale.js", "model.js", "paint.js", "timeline.js", "list.js", "detail.js",
	"tests.js", "sections.js", "main.js"}

// HTML writes the page of r.
func HTML(w io.Writer, r *result.Result) error {
	if err := write(w, r); err != nil {
		return fmt.Errorf("write HTML report: %w", err)
	}
	return nil
}

func write(w io.Writer, r *result.Result) error {
	style, script := style(), script()
	title := "kmodlab: " + string(r.Verdict.Class)
	if name := cmp.Or(r.Title, studied(r)); name != "" {
		title = name + ": " + string(r.Verdict.Class) + " (kmodlab)"
	}
	before, after, _ := strings.Cut(asset("page.html"), "{{data}}")
	head := strings.NewReplacer(
		"{{policy}}", csp.Policy(csp.File{Style: style, Script: script}),
		"{{title}}", html.EscapeString(lanes.Short(title)),
		"{{style}}", style,
	)
	if _, err := head.WriteString(w, before); err != nil {
		return err
	}
	// The encoder escapes <, > and &, so no text can end the element.
	if err := json.NewEncoder(w).Encode(newDocument(r)); err != nil {
		return err
	}
	_, err := io.WriteString(w, strings.Replace(after, "{{script}}", script, 1))
	return err
}

func asset(name string) string {
	b, err := assets.ReadFile("assets/" + name)
	if err != nil {
		panic(err) // it was embedded when this was compiled
	}
	return string(b)
}

// style is the page's style, after the colours of all pictures.
func style() string {
	var b strings.Builder
	b.WriteString(svg.Variables())
	b.WriteString(asset("style.css"))
	for _, c := range svg.Palette { // the samples of the legend
		switch {
		case strings.HasPrefix(c.Name, "stage-"):
			fmt.Fprintf(&b, ".swatch.%s { background: var(--%[1]s); }\n", c.Name)
		case strings.HasPrefix(c.Name, "link-"):
			fmt.Fprintf(&b, ".stroke.%s { color: var(--%[1]s); }\n", c.Name)
		}
	}
	return b.String()
}

func script() string {
	var b bytes.Buffer
	for _, name := range scripts {
		b.WriteString(asset(name))
	}
	return b.String()
}

func studied(r *result.Result) string {
	var names []string
	for i := range r.Modules {
		if !r.Modules[i].Background {
			names = append(names, r.Modules[i].Name)
		}
	}
	return strings.Join(names, ", ")
}
