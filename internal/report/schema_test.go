// SPDX-License-Identifier: MIT

package report

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/kmodlab/kmodlab/result"
)

const schemaFile = "../../docs/result.schema.json"

// object keeps the order of its members in JSON, so that people can read it.
type object []member

type member struct {
	name  string
	value any
}

func (o object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		name, _ := json.Marshal(m.name)
		value, err := json.Marshal(m.value)
		if err != nil {
			return nil, err
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// schema makes the JSON Schema of the contract from the types of package result and the comments of their fields.
type schema struct {
	t        *testing.T
	comments map[string]string // by Type.Field
	enums    map[string][]string
	defs     object
	seen     map[reflect.Type]bool
}

func newSchema(t *testing.T) *schema {
	s := &schema{t: t, comments: make(map[string]string), enums: make(map[string][]string),
		seen: make(map[reflect.Type]bool)}
	files, err := filepath.Glob("../../result/*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("no sources of package result: %v", err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		tree, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(tree, s.collect)
	}
	return s
}

func (s *schema) collect(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.TypeSpec:
		if st, ok := n.Type.(*ast.StructType); ok {
			for _, f := range st.Fields.List {
				text := strings.Join(strings.Fields(f.Doc.Text()+" "+f.Comment.Text()), " ")
				for _, name := range f.Names {
					s.comments[n.Name.Name+"."+name.Name] = text
				}
			}
		}
	case *ast.GenDecl:
		for _, spec := range n.Specs {
			v, ok := spec.(*ast.ValueSpec)
			if !ok || n.Tok != token.CONST || len(v.Values) != 1 {
				continue
			}
			kind, named := v.Type.(*ast.Ident)
			value, literal := v.Values[0].(*ast.BasicLit)
			if named && literal {
				text, err := strconv.Unquote(value.Value)
				if err != nil {
					s.t.Fatal(err)
				}
				s.enums[kind.Name] = append(s.enums[kind.Name], text)
			}
		}
	}
	return true
}

func (s *schema) document() object {
	root := s.reference(reflect.TypeFor[result.Result]())
	return append(object{
		{"$schema", "https://json-schema.org/draft/2020-12/schema"},
		{"title", "What kmodlab writes with --json and -o FILE.json"},
		{"description",
			"Made by go test ./internal/report -update from the types of package result. Fields may be added under the same schema name; a reader should pass over those that it does not know."},
	}, append(root, member{"$defs", s.defs})...)
}

// reference puts a struct into the definitions and points to it.
func (s *schema) reference(t reflect.Type) object {
	if !s.seen[t] {
		s.seen[t] = true
		at := len(s.defs)
		s.defs = append(s.defs, member{t.Name(), nil})
		s.defs[at].value = s.structure(t)
	}
	return object{{"$ref", "#/$defs/" + t.Name()}}
}

func (s *schema) structure(t reflect.Type) object {
	var properties object
	required := []string{}
	for i := range t.NumField() {
		f := t.Field(i)
		name, option, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" || name == "-" {
			s.t.Errorf("%s.%s has no name in JSON", t.Name(), f.Name)
			continue
		}
		optional := option == "omitempty"
		if !optional {
			required = append(required, name)
		}
		value := s.value(f.Type, !optional)
		if text := s.comments[t.Name()+"."+f.Name]; text != "" {
			value = append(value, member{"description", text})
		}
		if name == "schema" {
			value = append(value, member{"const", result.Schema})
		}
		properties = append(properties, member{name, value})
	}
	return object{{"type", "object"}, {"additionalProperties", false}, {"required", required}, {"properties", properties}}
}

// value is the schema of a type. A pointer may be null if its field is always present; a list never is.
func (s *schema) value(t reflect.Type, null bool) object {
	switch t.Kind() {
	case reflect.Pointer:
		inner := s.value(t.Elem(), false)
		switch {
		case !null:
			return inner
		case inner[0].name == "$ref":
			return object{{"anyOf", []any{inner, object{{"type", "null"}}}}}
		}
		inner[0].value = []any{inner[0].value, "null"}
		return inner
	case reflect.Struct:
		return s.reference(t)
	case reflect.Slice:
		return object{{"type", "array"}, {"items", s.value(t.Elem(), false)}}
	case reflect.Map:
		return object{{"type", "object"}, {"additionalProperties", s.value(t.Elem(), false)}}
	case reflect.String:
		if list := s.enums[t.Name()]; list != nil {
			return object{{"type", "string"}, {"enum", list}}
		}
		return object{{"type", "string"}}
	case reflect.Bool:
		return object{{"type", "boolean"}}
	case reflect.Float64:
		return object{{"type", "number"}}
	case reflect.Int, reflect.Int64:
		return object{{"type", "integer"}}
	case reflect.Uint64:
		return object{{"type", "integer"}, {"minimum", 0}}
	}
	s.t.Fatalf("no schema for %s", t)
	return nil
}

// TestSchemaFile compares docs/result.schema.json with the code.
func TestSchemaFile(t *testing.T) {
	var want bytes.Buffer
	enc := json.NewEncoder(&want)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(newSchema(t).document()); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(schemaFile, want.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(got), want.String()); diff != "" {
		t.Errorf("the file is not what the code says (-file +code); go test ./internal/report -run Schema -update:\n%s", diff)
	}
}

func validator(t *testing.T) *jsonschema.Schema {
	t.Helper()
	sch, err := jsonschema.NewCompiler().Compile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	return sch
}

func validate(t *testing.T, sch *jsonschema.Schema, data []byte) error {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return sch.Validate(v)
}

// TestSchemaAccepts lets a foreign validator judge results of all kinds, including real runs (testdata/*.json, also in
// subfolders).
func TestSchemaAccepts(t *testing.T) {
	sch := validator(t)
	full := blindResult(fullEvents())
	full.Verdict.Class = result.Leak
	results := map[string][]byte{
		"empty":   written(t, JSON, &result.Result{Verdict: result.Verdict{Class: result.Pass}}),
		"full":    written(t, JSON, full),
		"trouble": written(t, JSON, resultOf(troubleEvents(), done)),
	}
	// Hostile texts are not valid outcomes and classes; everything else in such a result counts.
	for _, turn := range turns {
		r := hostileResult(turn)
		for i := range r.Signals {
			r.Signals[i].Outcome = result.Unknown
		}
		results["hostile "+strconv.Itoa(turn)] = written(t, JSON, r)
	}
	files, err := filepath.Glob("testdata/*.json")
	more, err2 := filepath.Glob("testdata/*/*.json")
	if files = append(files, more...); err != nil || err2 != nil || len(files) < 2 {
		t.Fatalf("%d results in testdata: %v %v", len(files), err, err2)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		results[file] = data
	}
	for name, data := range results {
		if err := validate(t, sch, data); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestSchemaRefuses: the schema rejects what the contract does not have.
func TestSchemaRefuses(t *testing.T) {
	sch := validator(t)
	good := string(written(t, JSON, resultOf(demoEvents(), done)))
	for name, change := range map[string][2]string{
		"unknown field":       {`"schema":`, `"later": 1, "schema":`},
		"field below":         {`"pid": 89`, `"pid": 89, "later": 1`},
		"null list":           {`"crashes": []`, `"crashes": null`},
		"other schema":        {result.Schema, "kmodlab.result/2"},
		"unknown class":       {`"class": "pass"`, `"class": "fine"`},
		"unknown outcome":     {`"outcome": "consumed"`, `"outcome": "eaten"`},
		"text for a number":   {`"pid": 89`, `"pid": "89"`},
		"missing":             {`"console":`, `"screen":`},
		"null where no null":  {`"name": "K1"`, `"name": null`},
		"fraction of a count": {`"total": 0`, `"total": 0.5`},
	} {
		bad := strings.Replace(good, change[0], change[1], 1)
		if bad == good {
			t.Errorf("%s: nothing to change", name)
		} else if validate(t, sch, []byte(bad)) == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}
