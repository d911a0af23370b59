// SPDX-License-Identifier: MIT

package expect

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"github.com/kmodlab/kmodlab/result"
)

// object is a struct of a result in an expression.
type object struct {
	table *typeTable
	of    *structure
	v     reflect.Value // the struct, addressable
	// member is the nearest thing with a name of its own in the story that this belongs to: a thread, a signal, …; the
	// object itself, or nil for what belongs to none. path leads from it, or from the result, to here.
	member *object
	path   string
}

func (t *typeTable) object(v reflect.Value, member *object, path string) *object {
	o := &object{table: t, of: t.byType[v.Type()], v: v, member: member, path: path}
	if o.of.member {
		o.member, o.path = o, ""
	}
	return o
}

// whole is a result as an object.
func (t *typeTable) whole(r *result.Result) *object {
	return t.object(reflect.ValueOf(r).Elem(), nil, "")
}

// fieldOf is a field of what stands before the dot.
func fieldOf(target any, f *field) (any, error) {
	switch target := target.(type) {
	case *object:
		if target.of == f.of {
			return target.get(f)
		}
	case *absent:
		return nil, target.unseen()
	}
	return nil, fmt.Errorf("%s is no field of this", f.name)
}

// get is the value of a field. The error is an *unseen if nothing on this kernel records it.
func (o *object) get(f *field) (ref.Val, error) {
	if r, ok := o.v.Addr().Interface().(*result.Result); ok {
		if missing := unrecordedList(r, f.name); missing != nil {
			return nil, missing
		}
	}
	v := o.v.Field(f.index)
	path := joinPath(o.path, f.name)
	if o.hides(path, v) {
		return nil, o.notRecorded(path)
	}
	if f.pointer {
		if v.IsNil() {
			return o.nothing(f, path)
		}
		v = v.Elem()
	}
	return o.table.value(v, o.member, path), nil
}

// crashed is the ending of a thread that the kernel ended because of a fault.
const crashed = "crashed"

// notRecorded is the error of a fact that is not known. A thread that crashed has no result, and that is its own fault
// and not the kernel's.
func (o *object) notRecorded(path string) *unseen {
	u := &unseen{path: path, member: o.member, unrecorded: true}
	t, ok := o.v.Addr().Interface().(*result.Thread)
	if ok && path == "result" && t.Ending == crashed {
		u.unrecorded, u.why = false, o.String()+" crashed, and has no result"
	}
	return u
}

// nothing is the value of a pointer that is nil.
func (o *object) nothing(f *field, path string) (ref.Val, error) {
	a := &absent{path: path, member: o.member, object: f.goType.Elem().Kind() == reflect.Struct}
	if o.member != nil && o.member.unrecordedIn(path) {
		return nil, &unseen{path: path, member: o.member, unrecorded: true}
	}
	return a, nil
}

// has reports whether a field has a value: not null, not empty, not zero.
func (o *object) has(f *field) bool { return !o.v.Field(f.index).IsZero() }

// value makes a value of an expression out of one of a result.
func (t *typeTable) value(v reflect.Value, member *object, path string) ref.Val {
	switch v.Kind() {
	case reflect.Struct:
		if !v.CanAddr() { // a map's
			addressable := reflect.New(v.Type()).Elem()
			addressable.Set(v)
			v = addressable
		}
		return t.object(v, member, path)
	case reflect.Slice:
		list := make([]ref.Val, v.Len())
		for i := range list {
			list[i] = t.value(v.Index(i), member, path+"["+strconv.Itoa(i)+"]")
		}
		return types.NewRefValList(t, list)
	case reflect.Map:
		entries := make(map[ref.Val]ref.Val, v.Len())
		for _, key := range v.MapKeys() {
			entries[types.String(key.String())] = t.value(v.MapIndex(key), member, path+"["+quoted(key.String())+"]")
		}
		return types.NewRefValMap(t, entries)
	case reflect.Bool:
		return types.Bool(v.Bool())
	case reflect.String:
		return types.String(v.String())
	case reflect.Uint64:
		return types.Int(int64(min(v.Uint(), math.MaxInt64)))
	case reflect.Float64:
		return types.Double(v.Float())
	}
	return types.Int(v.Int())
}

func joinPath(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// ConvertToNative implements ref.Val.
func (o *object) ConvertToNative(t reflect.Type) (any, error) {
	if o.v.Type().AssignableTo(t) {
		return o.v.Interface(), nil
	}
	return nil, fmt.Errorf("a %s is no %s", o.of.name, t)
}

// ConvertToType implements ref.Val.
func (o *object) ConvertToType(t ref.Type) ref.Val {
	switch t {
	case types.TypeType:
		return o.of.cel
	case types.StringType:
		return types.String(o.String())
	}
	return types.NewErr("a %s is no %s", o.of.name, t.TypeName())
}

// Equal implements ref.Val.
func (o *object) Equal(other ref.Val) ref.Val {
	p, ok := other.(*object)
	return types.Bool(ok && o.of == p.of && reflect.DeepEqual(o.v.Interface(), p.v.Interface()))
}

// Type implements ref.Val.
func (o *object) Type() ref.Type { return o.of.cel }

// Value implements ref.Val. It is the object itself, which knows what it belongs to.
func (o *object) Value() any { return o }

// IsSet implements traits.FieldTester.
func (o *object) IsSet(name ref.Val) ref.Val {
	if f := o.fieldNamed(name); f != nil {
		return types.Bool(o.has(f))
	}
	return types.NewErr("a %s has no field %v", o.of.name, name.Value())
}

// Get implements traits.Indexer.
func (o *object) Get(name ref.Val) ref.Val {
	f := o.fieldNamed(name)
	if f == nil {
		return types.NewErr("a %s has no field %v", o.of.name, name.Value())
	}
	v, err := o.get(f)
	if err != nil {
		return types.WrapErr(err)
	}
	return v
}

func (o *object) fieldNamed(name ref.Val) *field {
	s, _ := name.(types.String)
	return o.of.field(string(s))
}

// String names an object in a sentence.
func (o *object) String() string {
	if name, ok := o.named(); ok {
		return name
	}
	if o.path == "" {
		return "the result"
	}
	return o.path
}

// absent is a null of a result. It is CEL's null, and knows what was not seen.
type absent struct {
	path   string
	member *object
	object bool // a thing, not a number
}

func (a *absent) unseen() *unseen { return &unseen{path: a.path, member: a.member, object: a.object} }

// ConvertToNative implements ref.Val.
func (a *absent) ConvertToNative(t reflect.Type) (any, error) {
	return types.NullValue.ConvertToNative(t)
}

// ConvertToType implements ref.Val.
func (a *absent) ConvertToType(t ref.Type) ref.Val { return types.NullValue.ConvertToType(t) }

// Equal implements ref.Val. Comparisons in an expression do not come here: see strict.
func (a *absent) Equal(other ref.Val) ref.Val { return types.Bool(other.Type() == types.NullType) }

// Type implements ref.Val.
func (a *absent) Type() ref.Type { return types.NullType }

// Value implements ref.Val.
func (a *absent) Value() any { return a }

// unseen is the error of an expression that needs what was not seen.
type unseen struct {
	path   string
	member *object
	object bool // a thing, not a number
	// unrecorded says that nothing on this kernel records it, so that it is nobody's fault; why is the reason, if there is
	// more to say.
	unrecorded bool
	why        string
}

func (u *unseen) Error() string { return u.text(nil) }

// text is a sentence without a stop. Of a member that the reader knows already it does not give the name.
func (u *unseen) text(known *object) string {
	of := ""
	if u.member != nil && (known == nil || known.member != u.member) {
		of = u.member.String()
	}
	switch {
	case u.why != "":
		return u.why
	case u.object && of != "":
		return of + " has no " + u.path
	case u.object:
		return "there is no " + u.path
	}
	end := " was not seen"
	if u.unrecorded {
		end = " is not recorded on this kernel"
	}
	if of != "" {
		return u.path + " of " + of + end
	}
	return u.path + end
}

// missing is the error of a look-up that finds nothing, or too much. What it looked for is not there, which is a
// finding, not a doubt.
type missing struct{ text string }

func (m *missing) Error() string { return m.text }

// version is a kernel's version: 6, 1.
type version [2]int

// ConvertToNative implements ref.Val.
func (v version) ConvertToNative(t reflect.Type) (any, error) {
	return nil, fmt.Errorf("a version is no %s", t)
}

// ConvertToType implements ref.Val.
func (v version) ConvertToType(t ref.Type) ref.Val {
	switch t {
	case types.TypeType:
		return versionType
	case types.StringType:
		return types.String(v.String())
	}
	return types.NewErr("a version is no %s", t.TypeName())
}

// Equal implements ref.Val.
func (v version) Equal(other ref.Val) ref.Val {
	o, ok := other.(version)
	return types.Bool(ok && v == o)
}

// Compare implements traits.Comparer.
func (v version) Compare(other ref.Val) ref.Val {
	o, ok := other.(version)
	if !ok {
		return types.MaybeNoSuchOverloadErr(other)
	}
	return types.Int(slices.Compare(v[:], o[:]))
}

// Type implements ref.Val.
func (v version) Type() ref.Type { return versionType }

// Value implements ref.Val.
func (v version) Value() any { return v }

func (v version) String() string { return fmt.Sprintf("%d.%d", v[0], v[1]) }
