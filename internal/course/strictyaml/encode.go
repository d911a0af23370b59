// SPDX-License-Identifier: MIT

package strictyaml

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/goccy/go-yaml"

	"github.com/kmodlab/kmodlab/internal/lazyregexp"
)

// Encode writes a struct as Decode reads it. What is zero is left out.
func Encode(v any) ([]byte, error) {
	return yaml.MarshalWithOptions(tree(reflect.ValueOf(v), option{}), yaml.UseLiteralStyleIfMultiline(true))
}

// tree makes values of a struct that the encoder writes in the struct's order.
func tree(v reflect.Value, o option) any {
	if s, ok := v.Interface().(fmt.Stringer); ok && v.Kind() != reflect.Pointer {
		return s.String()
	}
	switch v.Kind() {
	case reflect.Pointer:
		return tree(v.Elem(), option{})
	case reflect.Struct:
		members := yaml.MapSlice{}
		for _, f := range fieldsOf(v.Type()) {
			if member := v.FieldByIndex(f.index); !empty(member) {
				members = append(members, yaml.MapItem{Key: f.name, Value: tree(member, f.option)})
			}
		}
		return members
	case reflect.Slice:
		if o.named {
			members := yaml.MapSlice{}
			for i := range v.Len() {
				m := v.Index(i)
				members = append(members, yaml.MapItem{Key: m.FieldByName("Name").String(), Value: tree(m, option{})})
			}
			return members
		}
		list := make([]any, v.Len())
		for i := range list {
			list[i] = tree(v.Index(i), option{})
		}
		if o.one && len(list) == 1 {
			return list[0]
		}
		return list
	case reflect.Map:
		members := yaml.MapSlice{}
		for _, key := range slices.Sorted(maps.Keys(v.Interface().(map[string]string))) {
			members = append(members, yaml.MapItem{Key: key, Value: tree(v.MapIndex(reflect.ValueOf(key)), option{})})
		}
		return members
	}
	if v.Kind() == reflect.String && !plainly(v.String()) {
		return exact(v.String())
	}
	return v.Interface()
}

// exact is a text that is written in quotes. The encoder loses white space at the ends of others.
type exact string

func (e exact) MarshalYAML() ([]byte, error) { return []byte(quoted(string(e))), nil }

// simple is a line that means itself. The encoder quotes numbers and words like true.
var simple = lazyregexp.New(`^[A-Za-z0-9_./(][A-Za-z0-9_./(),;'+=<>&|! -]*$`)

// plainly reports whether the encoder can be left to choose how it writes a text.
func plainly(s string) bool {
	if !strings.Contains(s, "\n") {
		return simple.MatchString(s)
	}
	s = strings.TrimSuffix(s, "\n")
	if s == "" || s != strings.TrimSpace(s) || !utf8.ValidString(s) {
		return false
	}
	for line := range strings.SplitSeq(s, "\n") {
		if line != strings.TrimRightFunc(line, unicode.IsSpace) ||
			strings.ContainsFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }) {
			return false
		}
	}
	return true
}

func empty(v reflect.Value) bool {
	if v.Kind() == reflect.Slice || v.Kind() == reflect.Map {
		return v.Len() == 0
	}
	return v.IsZero()
}
