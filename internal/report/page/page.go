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
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"strings"

	"github.com/kmodlab/kmodlab/internal/report/lanes"
	"github.com/kmodlab/kmodlab/internal/report/svg"
	"github.com/kmodlab/kmodlab/result"
)

//go:embed assets
var assets embed.FS

// scripts are the page's code: the files share one scope, in this order.
var scripts = []string{"words.js", "scale.js", "model.js", "paint.js", "timeline.js", "list.js", "detail.js",
	"sections.js", "main.js"}

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
		"{{policy}}", policy(style, script),
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
	b.WriteString(":root {\n")
	for _, c := range svg.Palette {
		fmt.Fprintf(&b, "\t--%s: light-dark(%s, %s);\n", c.Name, c.Light, c.Dark)
	}
	b.WriteString("}\n")
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

// policy lets the browser run this script and apply this style, and nothing else.
func policy(style, script string) string {
	return "default-src 'none'; script-src '" + hash(script) + "'; style-src '" + hash(style) +
		"'; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
}

func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
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
