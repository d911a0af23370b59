// SPDX-License-Identifier: MIT

package expect

import (
	"fmt"
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"cel.dev/cel-go/common/types"

	"github.com/kmodlab/kmodlab/internal/testlab"
	"github.com/kmodlab/kmodlab/result"
)

const (
	pageFile  = "../../docs/expectations.md"
	pageWrite = "KMODLAB_UPDATE=1 go test ./internal/expect -run TestPage"
)

// TestPage compares the tables of the page with the code, and with KMODLAB_UPDATE writes them.
func TestPage(t *testing.T) {
	l, err := theLanguage()
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []struct{ name, text string }{
		{"helpers", helpersTable(l.helpers)}, {"fields", fieldsTables(t, l.types)},
	} {
		begin := fmt.Sprintf("<!-- The %s: %s writes them, from internal/expect. -->\n", part.name, pageWrite)
		end := fmt.Sprintf("<!-- The end of the %s. -->\n", part.name)
		testlab.Generated(t, pageFile, begin, end, part.text, pageWrite)
	}
}

func helpersTable(helpers []helper) string {
	var b strings.Builder
	b.WriteString("| helper | what it does | example |\n|---|---|---|\n")
	for _, h := range helpers {
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", h.signature, cell(h.does), "`"+cell(h.example)+"`")
	}
	return b.String()
}

func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }

// fieldsTables are the fields of each type, with the first sentence of their comments in package result.
func fieldsTables(t *testing.T, table *typeTable) string {
	comments := fieldComments(t)
	var b strings.Builder
	for i, s := range table.structures() {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "### %s\n\n| field | type | |\n|---|---|---|\n", s.name)
		for _, f := range s.fields {
			comment := comments[s.name+"."+table.goName(s, f)]
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", f.name, typeCell(f), cell(comment))
		}
	}
	return b.String()
}

func (t *typeTable) goName(s *structure, f *field) string {
	for g, is := range t.byType {
		if is == s {
			return g.Field(f.index).Name
		}
	}
	return ""
}

func typeCell(f *field) string {
	s := typeWord(f.cel)
	if f.pointer {
		s += ", or null"
	}
	return s
}

func typeWord(t *types.Type) string {
	switch t.Kind() {
	case types.ListKind:
		return "list of " + typeWord(t.Parameters()[0])
	case types.MapKind:
		return "map of " + typeWord(t.Parameters()[1])
	case types.StructKind:
		return fmt.Sprintf("[%s](#%s)", t.TypeName(), strings.ToLower(t.TypeName()))
	}
	return t.TypeName()
}

// fieldComments are the first sentences of the comments of all fields of package result, by Type.Field.
func fieldComments(t *testing.T) map[string]string {
	files, err := filepath.Glob("../../result/*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("no sources of package result: %v", err)
	}
	comments := make(map[string]string)
	for _, file := range files {
		tree, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			if st, ok := spec.Type.(*ast.StructType); ok {
				for _, f := range st.Fields.List {
					for _, name := range f.Names {
						comments[spec.Name.Name+"."+name.Name] = firstSentence(f)
					}
				}
			}
			return false
		})
	}
	return comments
}

var null = regexp.MustCompile(`\bnil\b`)

func firstSentence(f *ast.Field) string {
	text := f.Doc.Text()
	if text == "" {
		text = f.Comment.Text()
	}
	return null.ReplaceAllString(new(doc.Package).Synopsis(text), "null")
}

// TestExamples wants the page's examples to be expectations: those of the helpers, and those in its text.
func TestExamples(t *testing.T) {
	l, err := theLanguage()
	if err != nil {
		t.Fatal(err)
	}
	examples := make(map[string]string)
	for _, h := range l.helpers {
		examples[h.name] = h.example
		if !strings.Contains(h.example, h.name+"(") {
			t.Errorf("the example of %s does not use it: %s", h.name, h.example)
		}
	}
	page, err := os.ReadFile(pageFile)
	if err != nil {
		t.Fatal(err)
	}
	fenced := false
	for line := range strings.Lines(string(page)) {
		fenced = fenced != strings.HasPrefix(line, "```")
		if text, ok := strings.CutPrefix(line, "    "); ok && !fenced {
			examples[line] = text
		}
	}
	if len(examples) < len(l.helpers)+30 {
		t.Errorf("only %d examples", len(examples))
	}
	for name, text := range examples {
		e, err := Compile(text)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if f := e.Check(new(result.Result)); !f.Holds && f.Unknown == "" && len(f.Found) == 0 {
			t.Errorf("%s: nothing is said of a run that is not as expected", name)
		}
	}
}
