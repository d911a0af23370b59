// SPDX-License-Identifier: MIT

package strictyaml

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"github.com/kmodlab/kmodlab/internal/hints"
)

// field is a field of a struct as its tag has it.
type field struct {
	name   string
	index  []int
	kind   reflect.Kind
	option option
}

type fields []field

func fieldsOf(t reflect.Type) fields {
	var list fields
	for i := range t.NumField() {
		f := t.Field(i)
		name, rest, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if name == "" || name == "-" {
			continue
		}
		list = append(list, field{name, f.Index, f.Type.Kind(), option{one: rest == "one", named: rest == "named"}})
	}
	return list
}

func (l fields) find(name string) (field, bool) {
	for _, f := range l {
		if f.name == name {
			return f, true
		}
	}
	return field{}, false
}

// suggest says which field may be meant.
func (l fields) suggest(name string) string {
	var names []string
	for _, f := range l {
		names = append(names, f.name)
	}
	if near := hints.Nearest(name, names); near != "" {
		return fmt.Sprintf(": did you mean %s?", near)
	}
	return ": known here are " + strings.Join(names, ", ")
}

// scalar is the text of a node that is a single value.
func (d *Document) scalar(n ast.Node, path string) (string, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return n.GetToken().Value, true
	case *ast.NullNode:
		d.problem(n, "%s has no value", label(path))
		return "", false
	}
	d.problem(n, "%s: a text is needed here, not %s", label(path), what(n))
	return "", false
}

func (d *Document) number(n ast.Node, v reflect.Value, path string) {
	if integer, ok := n.(*ast.IntegerNode); ok {
		if i, err := strconv.ParseInt(integer.GetToken().Value, 10, 32); err == nil {
			v.SetInt(i)
			return
		}
		d.problem(n, "%s: %s is no number that can stand here", label(path), integer.GetToken().Value)
		return
	}
	d.problem(n, "%s: a whole number is needed here, not %s", label(path), what(n))
}

// what says in words what a node is.
func what(n ast.Node) string {
	switch n := n.(type) {
	case *ast.SequenceNode:
		return "a list"
	case *ast.MappingNode, *ast.MappingValueNode:
		return "fields"
	case *ast.NullNode:
		return "nothing"
	case *ast.StringNode:
		return strconv.Quote(short(n.Value))
	case *ast.LiteralNode:
		return strconv.Quote(short(n.Value.Value))
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return short(n.GetToken().Value)
	}
	return "this"
}

func short(s string) string {
	const most = 40
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}

// quoted makes a text a YAML scalar in double quotes.
func quoted(text string) string { return strconv.Quote(text) }

// label is a path as a person reads it: the last name on it.
func label(path string) string {
	names := strings.Split(path, ".")
	for i := len(names) - 1; i >= 0; i-- {
		if _, err := strconv.Atoi(names[i]); err != nil && names[i] != "" {
			return names[i]
		}
	}
	return "the file"
}
