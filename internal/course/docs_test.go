// SPDX-License-Identifier: MIT

package course

import (
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/kmodlab/kmodlab/internal/testlab"
)

const (
	page       = "../../docs/labs.md"
	tableBegin = "<!-- The fields of lab.yaml: " + tableWrite + " writes them. -->\n"
	tableEnd   = "\n<!-- The end of the fields. -->"
	tableWrite = "KMODLAB_UPDATE=1 go test ./internal/course -run TestFields"
)

// TestFields compares the table of fields with what lab.yaml has, and the page with the table.
func TestFields(t *testing.T) {
	var want, got []string
	paths(reflect.TypeFor[Lab](), "", &want)
	var table strings.Builder
	table.WriteString("| field | what it says |\n|---|---|\n")
	for _, f := range Fields() {
		got = append(got, f.Path)
		fmt.Fprintf(&table, "| `%s` | %s |\n", f.Path, f.Text)
	}
	for _, path := range want {
		if !slices.ContainsFunc(got, func(g string) bool { return g == path || strings.HasPrefix(g, path+".") }) {
			t.Errorf("nothing is said of %s", path)
		}
	}
	for _, path := range got {
		if !slices.Contains(want, path) {
			t.Errorf("lab.yaml has no %s", path)
		}
	}
	testlab.Generated(t, page, tableBegin, tableEnd, table.String(), tableWrite)
}

// paths gathers the fields of a type, by their tags.
func paths(typ reflect.Type, at string, into *[]string) {
	switch typ.Kind() {
	case reflect.Pointer:
		paths(typ.Elem(), at, into)
	case reflect.Struct:
		for i := range typ.NumField() {
			field := typ.Field(i)
			name, option, _ := strings.Cut(field.Tag.Get("yaml"), ",")
			if name == "-" || name == "" {
				continue
			}
			path := strings.TrimPrefix(at+"."+name, ".")
			elem := field.Type
			if elem.Kind() == reflect.Slice && elem.Elem().Kind() == reflect.Struct {
				elem = elem.Elem()
				if option == "named" {
					path += ".NAME"
				} else {
					path += "[]"
				}
			}
			if name == "fails" {
				path += ".ID"
			}
			*into = append(*into, path)
			paths(elem, path, into)
		}
	}
}

var exampleFile = regexp.MustCompile("(?m)^`(labs/first/[^`]+)`:\n\n((?:    .*\n|\t.*\n|\n)+)")

// TestExample loads the example of docs/labs.md, as it stands there.
func TestExample(t *testing.T) {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	fsys := fstest.MapFS{}
	for _, m := range exampleFile.FindAllStringSubmatch(string(text), -1) {
		var data strings.Builder
		for line := range strings.Lines(strings.TrimRight(m[2], "\n") + "\n") {
			data.WriteString(strings.TrimPrefix(line, "    "))
		}
		fsys[strings.TrimPrefix(m[1], "labs/first/")] = &fstest.MapFile{Data: []byte(data.String()), Mode: 0o644}
	}
	if len(fsys) != 5 {
		t.Errorf("the page has %d files, want 5", len(fsys))
	}
	files, err := Fresh("first")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(fsys, fileSystem(files)); diff != "" {
		t.Errorf("the page and what lab new makes are not the same (-page +made):\n%s", diff)
	}
	lab, problems := Load(fsys, options("labs/first"))
	for _, p := range problems {
		t.Error(p)
	}
	if lab == nil {
		return
	}
	checkVariants(t, lab)
	checkHand(t, lab, 1)
	starter, err := lab.Starter(1)
	if err != nil {
		t.Fatal(err)
	}
	// The page shows what becomes of the source.
	for _, line := range strings.Split(strings.TrimSpace(string(starter["first.c"].Data)), "\n") {
		if !strings.Contains(string(text), "    "+line+"\n") {
			t.Errorf("the page does not show the starter's line %q", line)
		}
	}
}
