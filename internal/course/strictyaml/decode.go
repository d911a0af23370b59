// SPDX-License-Identifier: MIT

// Package strictyaml reads YAML into plain values and says all that is wrong with it at once, each with its place. The
// values stay free of places: a Document has them. It is pure.
//
// Fields have the tag yaml:"name". With yaml:"name,one", a list may be written as its only member. With
// yaml:"name,named", a list of structs is written as a mapping whose keys are the members' Name.
//
// Anchors, aliases, tags and merge keys are refused: a file says what it means where it says it, and cannot be a bomb.
package strictyaml

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/kmodlab/kmodlab/internal/labfile"
	"github.com/kmodlab/kmodlab/internal/yamlplace"
)

// Problem is something wrong in a text.
type Problem struct {
	Line, Column int // from 1
	Text         string
}

// Document says where in a text the values are.
type Document struct {
	lines    []string
	places   map[string]ast.Node
	problems []Problem
}

// Decode reads text into a struct. The Document is never nil.
func Decode(text []byte, into any) (*Document, []Problem) {
	text = []byte(strings.ReplaceAll(string(text), "\r\n", "\n"))
	d := &Document{lines: strings.Split(string(text), "\n"), places: map[string]ast.Node{}}
	if len(text) > labfile.MaxSize {
		return d, []Problem{{1, 1, fmt.Sprintf("the file is larger than %d KiB", labfile.MaxSize>>10)}}
	}
	if err := labfile.Shallow(text); err != nil {
		return d, []Problem{{1, 1, err.Error()}}
	}
	file, err := parser.ParseBytes(text, 0)
	var e yaml.Error
	switch {
	case errors.As(err, &e):
		at := e.GetToken().Position
		return d, []Problem{{max(at.Line, 1), max(at.Column, 1), e.GetMessage()}}
	case err != nil:
		return d, []Problem{{1, 1, strings.TrimSpace(err.Error())}}
	case len(file.Docs) > 1 && file.Docs[1].Start != nil:
		at := file.Docs[1].Start.Position
		return d, []Problem{{at.Line, at.Column, "a second document begins here: the file has one"}}
	case len(file.Docs) > 0:
		if body := file.Docs[0].Body; body != nil {
			d.value(body, reflect.ValueOf(into).Elem(), "", option{})
		}
	}
	return d, d.problems
}

func (d *Document) problem(n ast.Node, format string, args ...any) {
	line, column := yamlplace.Of(n)
	d.problems = append(d.problems, Problem{line, column, fmt.Sprintf(format, args...)})
}

// option is what a field's tag says besides its name.
type option struct{ one, named bool }

type unmarshaler interface{ UnmarshalYAML([]byte) error }

// value reads a node. path is that of the value, "" for the whole.
func (d *Document) value(n ast.Node, v reflect.Value, path string, o option) {
	if _, known := d.places[path]; !known {
		d.places[path] = n
	}
	if d.fancy(n) {
		return
	}
	if u, ok := v.Addr().Interface().(unmarshaler); ok {
		if text, ok := d.scalar(n, path); ok {
			if err := u.UnmarshalYAML([]byte(quoted(text))); err != nil {
				d.problem(n, "%s: %v", label(path), err)
			}
		}
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		d.structure(n, v, path)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		d.value(n, v.Elem(), path, option{})
	case reflect.Slice:
		d.list(n, v, path, o)
	case reflect.Map:
		d.mapping(n, v, path)
	case reflect.String:
		if text, ok := d.scalar(n, path); ok {
			v.SetString(text)
		}
	case reflect.Bool:
		b, ok := n.(*ast.BoolNode)
		if !ok {
			d.problem(n, "%s: write true or false, not %s", label(path), what(n))
			return
		}
		v.SetBool(b.Value)
	default:
		d.number(n, v, path)
	}
}

// fancy refuses what no file of ours needs.
func (d *Document) fancy(n ast.Node) bool {
	switch n.(type) {
	case *ast.AnchorNode:
		d.problem(n, "an anchor (&) is not read here: write the value out")
	case *ast.AliasNode:
		d.problem(n, "an alias (*) is not read here: write the value out, or put it in quotes")
	case *ast.TagNode:
		d.problem(n, "a tag (!) is not read here: put a text that begins with ! in quotes")
	default:
		return false
	}
	return true
}

func (d *Document) structure(n ast.Node, v reflect.Value, path string) {
	fields := fieldsOf(v.Type())
	for _, m := range d.entries(n, path) {
		key := m.Key.GetToken().Value
		f, known := fields.find(key)
		if !known {
			d.problem(m.Key, "unknown field %q%s", key, fields.suggest(key))
			continue
		}
		at := join(path, key)
		d.places[at] = m.Key
		if _, null := m.Value.(*ast.NullNode); null && f.kind == reflect.String {
			d.problem(m.Key, "%s has no value", key)
			continue
		}
		d.value(m.Value, v.FieldByIndex(f.index), at, f.option)
		d.places[at+valueMark] = m.Value
	}
}

// entries are the members of a mapping, none if it is empty.
func (d *Document) entries(n ast.Node, path string) []*ast.MappingValueNode {
	var values []*ast.MappingValueNode
	switch n := n.(type) {
	case *ast.NullNode:
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{n}
	case *ast.MappingNode:
		values = n.Values
	default:
		d.problem(n, "%s: fields with a name each are needed here (name: value), not %s", label(path), what(n))
	}
	kept := values[:0:0]
	seen := map[string]bool{}
	for _, m := range values {
		switch m.Key.(type) {
		case *ast.StringNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.NullNode:
		default:
			d.problem(m.Key, "a name must be a plain word here")
			continue
		}
		key := m.Key.GetToken().Value
		if seen[key] {
			d.problem(m.Key, "%q is here twice", key)
			continue
		}
		seen[key] = true
		kept = append(kept, m)
	}
	return kept
}

func (d *Document) list(n ast.Node, v reflect.Value, path string, o option) {
	if o.named {
		for i, m := range d.entries(n, path) {
			v.Set(reflect.Append(v, reflect.Zero(v.Type().Elem())))
			member := v.Index(i)
			at := join(path, i)
			d.places[at] = m.Key
			d.value(m.Value, member, at, option{})
			member.FieldByName("Name").SetString(m.Key.GetToken().Value)
		}
		return
	}
	var values []ast.Node
	switch s := n.(type) {
	case *ast.NullNode:
	case *ast.SequenceNode:
		values = s.Values
	default:
		if !o.one {
			d.problem(n, "%s: a list is needed here ([a, b], or lines that begin with -), not %s", label(path), what(n))
			return
		}
		values = []ast.Node{n}
	}
	for i, member := range values {
		v.Set(reflect.Append(v, reflect.Zero(v.Type().Elem())))
		d.value(member, v.Index(i), join(path, i), option{})
	}
}

func (d *Document) mapping(n ast.Node, v reflect.Value, path string) {
	entries := d.entries(n, path)
	if len(entries) == 0 {
		return
	}
	v.Set(reflect.MakeMapWithSize(v.Type(), len(entries)))
	for _, m := range entries {
		key := m.Key.GetToken().Value
		at := join(path, key)
		d.places[at] = m.Key
		member := reflect.New(v.Type().Elem()).Elem()
		d.value(m.Value, member, at, option{})
		d.places[at+valueMark] = m.Value
		v.SetMapIndex(reflect.ValueOf(key), member)
	}
}
