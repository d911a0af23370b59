// SPDX-License-Identifier: MIT

package expect

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"

	"github.com/kmodlab/kmodlab/result"
)

// structure is one struct type of package result, as expressions see it.
type structure struct {
	name   string
	cel    *types.Type
	fields []*field // in the order of the source
	member bool     // stories name such a thing
	// unknown and background are the indexes of the fields of these names, -1 if there is none.
	unknown, background int
}

// index is that of a field of this name and type in a struct, -1 if there is none.
func index[T any](g reflect.Type, name string) int {
	if f, ok := g.FieldByName(name); ok && f.Type == reflect.TypeFor[T]() {
		return f.Index[0]
	}
	return -1
}

// field is one field of a structure, by its name in JSON.
type field struct {
	name    string
	index   int
	of      *structure
	cel     *types.Type
	goType  reflect.Type
	pointer bool
}

func (s *structure) field(name string) *field {
	for _, f := range s.fields {
		if f.name == name {
			return f
		}
	}
	return nil
}

// typeTable holds the types that are reachable from result.Result. It is not changed once it is made.
//
// It stands in place of ext.NativeTypes, which gives 0 for a pointer to a number that is nil: with it, t.stop_ret == 0
// is true of a thread that nobody stopped.
type typeTable struct {
	*types.Registry
	byName map[string]*structure
	byType map[reflect.Type]*structure
}

func newTypeTable() (*typeTable, error) {
	registry, err := types.NewRegistry()
	if err != nil {
		return nil, fmt.Errorf("make the registry of types: %w", err)
	}
	t := &typeTable{
		Registry: registry, byName: make(map[string]*structure), byType: make(map[reflect.Type]*structure),
	}
	if _, err := t.celType(reflect.TypeFor[result.Result]()); err != nil {
		return nil, err
	}
	return t, nil
}

// celType is the type of a Go type in an expression. A pointer to a number is one that may be null.
func (t *typeTable) celType(g reflect.Type) (*types.Type, error) {
	switch g.Kind() {
	case reflect.Pointer:
		elem, err := t.celType(g.Elem())
		if err != nil || g.Elem().Kind() == reflect.Struct {
			return elem, err
		}
		return types.NewNullableType(elem), nil
	case reflect.Struct:
		return t.structType(g)
	case reflect.Slice:
		elem, err := t.celType(g.Elem())
		return types.NewListType(elem), err
	case reflect.Map:
		elem, err := t.celType(g.Elem())
		return types.NewMapType(types.StringType, elem), err
	case reflect.Bool:
		return types.BoolType, nil
	case reflect.String:
		return types.StringType, nil
	case reflect.Int, reflect.Int32, reflect.Int64, reflect.Uint64:
		return types.IntType, nil
	case reflect.Float64:
		return types.DoubleType, nil
	}
	return nil, fmt.Errorf("package expect cannot show %s in an expression", g)
}

func (t *typeTable) structType(g reflect.Type) (*types.Type, error) {
	if s, ok := t.byType[g]; ok {
		return s.cel, nil
	}
	s := &structure{
		name: g.Name(), cel: types.NewObjectType(g.Name()),
		unknown: index[[]string](g, "Unknown"), background: index[bool](g, "Background"),
	}
	t.byType[g], t.byName[s.name] = s, s
	_, s.member = (&object{v: reflect.New(g).Elem()}).named()
	for i := range g.NumField() {
		f := g.Field(i)
		if f.Type == reflect.TypeFor[[]result.Expected]() {
			continue // nothing is known of other expectations yet when one is checked
		}
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" || name == "-" {
			continue
		}
		cel, err := t.celType(f.Type)
		if err != nil {
			return nil, fmt.Errorf("%s.%s: %w", g.Name(), f.Name, err)
		}
		s.fields = append(s.fields, &field{
			name: name, index: i, of: s, cel: cel, goType: f.Type, pointer: f.Type.Kind() == reflect.Pointer,
		})
	}
	return s.cel, nil
}

// root is the type of the whole result.
func (t *typeTable) root() *structure { return t.byType[reflect.TypeFor[result.Result]()] }

// FindStructType implements types.Provider.
func (t *typeTable) FindStructType(name string) (*types.Type, bool) {
	if s, ok := t.byName[name]; ok {
		return types.NewTypeTypeWithParam(s.cel), true
	}
	return t.Registry.FindStructType(name)
}

// FindStructFieldNames implements types.Provider.
func (t *typeTable) FindStructFieldNames(name string) ([]string, bool) {
	s, ok := t.byName[name]
	if !ok {
		return t.Registry.FindStructFieldNames(name)
	}
	var names []string
	for _, f := range s.fields {
		names = append(names, f.name)
	}
	return names, true
}

// FindStructFieldType implements types.Provider.
func (t *typeTable) FindStructFieldType(structName, fieldName string) (*types.FieldType, bool) {
	s, ok := t.byName[structName]
	if !ok {
		return t.Registry.FindStructFieldType(structName, fieldName)
	}
	f := s.field(fieldName)
	if f == nil {
		return nil, false
	}
	return &types.FieldType{
		Type: f.cel,
		IsSet: func(target any) bool {
			o, ok := target.(*object)
			return ok && o.has(f)
		},
		GetFrom: func(target any) (any, error) { return fieldOf(target, f) },
	}, true
}

// NewValue implements types.Provider. Compile refuses expressions that make such values.
func (t *typeTable) NewValue(name string, fields map[string]ref.Val) ref.Val {
	if _, ok := t.byName[name]; ok {
		return types.NewErr("an expectation cannot make a %s", name)
	}
	return t.Registry.NewValue(name, fields)
}

// NativeToValue implements types.Adapter. All values of a result are made by object.get.
func (t *typeTable) NativeToValue(value any) ref.Val {
	if v, ok := value.(ref.Val); ok {
		return v
	}
	return t.Registry.NativeToValue(value)
}

// structures are all types, sorted by name, the whole result first.
func (t *typeTable) structures() []*structure {
	list := []*structure{t.root()}
	for _, name := range slices.Sorted(maps.Keys(t.byName)) {
		if s := t.byName[name]; s != t.root() {
			list = append(list, s)
		}
	}
	return list
}

// versionType is a kernel's version.
var versionType = types.NewObjectType("Version", traits.ComparerType)
