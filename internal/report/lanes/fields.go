// SPDX-License-Identifier: MIT

package lanes

import (
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"

	"github.com/kmodlab/kmodlab/internal/plain"
	"github.com/kmodlab/kmodlab/result"
	"github.com/kmodlab/kmodlab/tracer/timeline"
)

// maxItems is how many members of a list are described one by one.
const maxItems = 64

// describe puts every fact of v into s, in the order and under the names of the contract, so that a field added there
// shows up here. Empty and unseen fields are left out.
func (b *builder) describe(s *Subject, v any) {
	b.walk(s, "", reflect.ValueOf(v))
}

// dull are fields that tell a person nothing: the same is said in words, or it is so of nearly everything.
var dull = map[string]bool{"ending": true, "background": true}

func (b *builder) walk(s *Subject, path string, v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			b.walk(s, path, v.Elem())
		}
	case reflect.Struct:
		if t, ok := v.Interface().(result.Task); ok {
			s.add(path, task(t))
			return
		}
		for i := range v.NumField() {
			name, options, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
			if strings.Contains(options, "omitempty") && v.Field(i).IsZero() {
				continue
			}
			if path == "" && dull[name] && (v.Field(i).IsZero() || name == "ending") {
				continue
			}
			if s.Kind == "process" && name == "test" { // an index; the lane says it
				continue
			}
			b.walk(s, dotted(path, name), v.Field(i))
		}
	case reflect.Slice:
		b.list(s, path, v)
	case reflect.Map:
		// Only a crash has one, its registers, which the report shows.
	case reflect.Int64:
		if isTime(path) {
			s.add(path, plain.Moment(v.Int()))
			return
		}
		s.add(path, strconv.FormatInt(v.Int(), 10))
	case reflect.Float64: // the only ones are durations
		s.add(path, plain.Moment(int64(min(max(0, v.Float()*1e6), math.MaxInt64/4))))
	case reflect.Bool:
		s.add(path, map[bool]string{true: "yes", false: "no"}[v.Bool()])
	default:
		s.add(path, fmt.Sprint(v.Interface()))
	}
}

// list describes stacks as stacks, words in one field, and structs one by one.
func (b *builder) list(s *Subject, path string, v reflect.Value) {
	if words, ok := v.Interface().([]string); ok {
		if strings.HasSuffix(path, "stack") {
			b.stack(s, path, words)
			return
		}
		sep := ", "
		if strings.HasSuffix(path, "argv") || strings.HasSuffix(path, "env") {
			sep = " "
		}
		s.add(path, strings.Join(words, sep))
		return
	}
	for i := range min(v.Len(), maxItems) {
		b.walk(s, fmt.Sprintf("%s[%d]", path, i), v.Index(i))
	}
	if n := v.Len() - maxItems; n > 0 {
		s.add(path, fmt.Sprintf("and %d more", n))
	}
}

func (b *builder) stack(s *Subject, path string, places []string) {
	if len(places) == 0 {
		return
	}
	st := Stack{Name: stackWords(s.Kind, path)}
	for _, p := range places {
		st.Places = append(st.Places, b.place(p))
	}
	s.Stacks = append(s.Stacks, st)
}

func (s *Subject) add(name, value string) {
	if value != "" {
		s.Fields = append(s.Fields, Field{Name: name, Words: fieldWords(s.Kind, name), Value: Plain(value)})
	}
}

func dotted(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// isTime tells times and durations from other numbers by their names in the contract.
func isTime(path string) bool {
	return strings.HasSuffix(path, "_ns") || strings.Contains(path, "_ns.")
}

func task(t result.Task) string {
	switch {
	case t.PID == 0 && t.Comm == "":
		return ""
	case t.Site != "":
		return fmt.Sprintf("%s[%d] in %s", t.Comm, t.PID, t.Site)
	}
	return fmt.Sprintf("%s[%d]", t.Comm, t.PID)
}

// gap is the time from one moment to another, "" if one was not seen.
func gap(from, to *int64) string {
	if from == nil || to == nil {
		return ""
	}
	return timeline.Span(max(0, *to-*from))
}
