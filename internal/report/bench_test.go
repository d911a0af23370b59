// SPDX-License-Identifier: MIT

package report

import (
	"io"
	"testing"

	"github.com/kmodlab/kmodlab/internal/testlab/foreign"
	"github.com/kmodlab/kmodlab/result"
)

// BenchmarkFormats writes 100,000 events in each format.
func BenchmarkFormats(b *testing.B) {
	long := foreign.Repeat(resultOf(demoEvents(), done), 100_000)
	for _, f := range []struct {
		name  string
		write func(io.Writer, *result.Result) error
	}{
		{"JSON", JSON}, {"Text", func(w io.Writer, r *result.Result) error { return Text(w, r, TextOptions{}) }},
		{"Markdown", Markdown}, {"Mermaid", Mermaid}, {"JUnit", JUnit}, {"KTAP", KTAP},
	} {
		b.Run(f.name, func(b *testing.B) { foreign.BenchmarkWrite(b, long, f.write) })
	}
}
