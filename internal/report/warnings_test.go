// SPDX-License-Identifier: MIT

package report

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/kmodlab/kmodlab/result"
)

// TestWarnings: a build that succeeded may have something to say, which is shown, shortened, and cleaned as all text of
// the guest's is.
func TestWarnings(t *testing.T) {
	r := &result.Result{Verdict: result.Verdict{Class: result.Pass, Message: "1 module loaded"}}
	r.Warnings = append(r.Warnings, result.Warning{File: "a.c", Line: 3, Column: 7, Text: "unused variable 'x'\x1b[2J"})
	for i := range 9 {
		r.Warnings = append(r.Warnings, result.Warning{Text: fmt.Sprintf("number %d", i)})
	}
	var text, markdown bytes.Buffer
	if err := Text(&text, r, TextOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := Markdown(&markdown, r); err != nil {
		t.Fatal(err)
	}
	for format, got := range map[string]string{"text": text.String(), "Markdown": markdown.String()} {
		for _, want := range []string{"a.c:3:7: unused variable 'x'", "number 6", "… 2 "} {
			if !strings.Contains(got, want) {
				t.Errorf("%s lacks %q:\n%s", format, want, got)
			}
		}
		if strings.Contains(got, "number 7") || strings.Contains(got, "\x1b[2J") {
			t.Errorf("%s has too much:\n%s", format, got)
		}
	}
	r.Warnings = nil
	text.Reset()
	if err := Text(&text, r, TextOptions{}); err != nil || strings.Contains(text.String(), "Warnings") {
		t.Errorf("%v: a title without warnings:\n%s", err, text.String())
	}
}
