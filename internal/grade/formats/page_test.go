// SPDX-License-Identifier: MIT

package formats

import (
	"fmt"
	"strings"
	"testing"

	"github.com/kmodlab/kmodlab/internal/testlab"
)

// The lines of docs/grading-formats.md between which the targets stand.
const (
	pageFile  = "../../../docs/grading-formats.md"
	pageWrite = "KMODLAB_UPDATE=1 go test ./internal/grade/formats -run TestPage"
	pageBegin = "<!-- The formats: " + pageWrite + " writes them. -->\n"
	pageEnd   = "<!-- The end of the formats. -->\n"
)

// TestPage compares the page with the table of targets, and with KMODLAB_UPDATE writes it.
func TestPage(t *testing.T) {
	var b strings.Builder
	b.WriteString("| name | file | of |\n|---|---|---|\n")
	for _, target := range Targets() {
		file, of := "standard output", "one submission"
		if target.File != "" {
			file = target.File
		}
		if target.OfClass() && target.OfGrade() {
			of += ", a class"
		} else if target.OfClass() {
			of = "a class"
		}
		fmt.Fprintf(&b, "| [%s](#%s) | %s | %s |\n", target.Name, target.Name, file, of)
	}
	for _, target := range Targets() {
		fmt.Fprintf(&b, "\n### %s\n\n%s.\n\n", target.Name, wrapped(target.For, ""))
		item := func(name, text string) { fmt.Fprintf(&b, "- %s\n", wrapped("**"+name+":** "+text, "  ")) }
		if target.Needs != nil {
			item("Needs", strings.Join(target.Needs, ", ")+".")
		}
		if target.Uses != nil {
			item("Uses, if set", strings.Join(target.Uses, ", ")+".")
		}
		item("Hidden and after-due checks", target.Hidden)
		item("Points", target.Points)
		item("Sources that do not build", target.Unbuilt)
		item("What could not be graded", target.Fault)
		item("Checked in the tests by", target.Checked+".")
	}
	testlab.Generated(t, pageFile, pageBegin, pageEnd, strings.TrimSuffix(b.String(), "\n"), pageWrite)
}

// wrapped breaks a text into lines of at most 118 characters; indent begins all but the first.
func wrapped(text, indent string) string {
	var b strings.Builder
	column := 0
	for i, word := range strings.Fields(text) {
		n := len([]rune(word))
		switch {
		case i == 0:
		case column+1+n > 118:
			b.WriteString("\n" + indent)
			column = len(indent)
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += n
	}
	return b.String()
}
