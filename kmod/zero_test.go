// SPDX-License-Identifier: MIT

package kmod_test

import (
	"errors"
	"fmt"
	"go/ast"
	"go/build"
	"go/doc"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"github.com/kmodlab/kmodlab/kmod"
	"github.com/kmodlab/kmodlab/kmod/depmod"
)

// What follows holds a promise: no nil and no empty value makes an exported function or
// method panic or do harm. Whoever adds one adds it here, or the test fails.

// zeroCall calls a function with nothing but zero values. want is the error, nil for a
// sensible answer, and errAny where it depends on the machine.
type zeroCall struct {
	do   func() error
	want error
}

var errAny = errors.New("any error")

func is(ok bool, got any) error {
	if ok {
		return nil
	}
	return fmt.Errorf("got %v", got)
}

var zeroCalls = map[string]zeroCall{
	"kmod.CanonicalName": {func() error { s := kmod.CanonicalName(""); return is(s == "", s) }, nil},
	"kmod.CheckVermagic": {func() error { _, err := kmod.CheckVermagic(nil, ""); return err }, errAny},
	"kmod.Closure": {func() error { m, err := kmod.Closure(nil, nil); return is(m == nil && err == nil, err) },
		nil},
	"kmod.CompressionOf": {func() error { c := kmod.CompressionOf(nil); return is(c == kmod.None, c) }, nil},
	"kmod.Decompress": {func() error { b, err := kmod.Decompress(nil); return is(b == nil && err == nil, err) },
		nil},
	"kmod.Dependencies": {func() error { _, err := kmod.Dependencies(""); return err }, errAny},
	"kmod.Diagnose":     {func() error { d := kmod.Diagnose(""); return is(d.Kind == kmod.ErrNotLoaded, d) }, nil},
	"kmod.ErrnoName":    {func() error { s := kmod.ErrnoName(0); return is(s == "0", s) }, nil},
	"kmod.Init":         {func() error { return kmod.Init(nil, "") }, os.ErrInvalid},
	"kmod.Kind":         {func() error { k := kmod.Kind(nil); return is(k == nil, k) }, nil},
	"kmod.List":         {func() error { m, err := kmod.List(); return is(err == nil || m == nil, m) }, nil},
	"kmod.Load":         {func() error { return kmod.Load("", "") }, errAny},
	"kmod.MachineName":  {func() error { s := kmod.MachineName(0); return is(s == "ELF machine 0", s) }, nil},
	"kmod.ModInfo":      {func() error { _, err := kmod.ModInfo(nil); return err }, os.ErrInvalid},
	"kmod.Name":         {func() error { _, err := kmod.Name(nil); return err }, os.ErrInvalid},
	"kmod.NewPlan":      {func() error { _, err := kmod.NewPlan(nil, nil, nil); return err }, kmod.ErrNoIndex},
	"kmod.NewTrie": {func() error { x, err := kmod.NewTrie("", nil, 0); return is(x != nil && err == nil, err) },
		nil},
	"kmod.OpenModule":   {func() error { _, err := kmod.OpenModule(""); return err }, os.ErrNotExist},
	"kmod.OpenTrie":     {func() error { _, err := kmod.OpenTrie(""); return err }, os.ErrNotExist},
	"kmod.ParseModule":  {func() error { _, err := kmod.ParseModule(nil); return err }, kmod.ErrInvalidModule},
	"kmod.ParseSoftdep": {func() error { d := kmod.ParseSoftdep(""); return is(len(d.Pre)+len(d.Post) == 0, d) }, nil},
	"kmod.ParseSymvers": {func() error { m := kmod.ParseSymvers(nil); return is(len(m) == 0, m) }, nil},
	"kmod.PlanFile":     {func() error { _, err := kmod.PlanFile(nil, ""); return err }, kmod.ErrNoIndex},
	"kmod.ReadExports":  {func() error { _, err := kmod.ReadExports(nil); return err }, kmod.ErrInvalidModule},
	"kmod.ReadModule":   {func() error { _, err := kmod.ReadModule(""); return err }, os.ErrNotExist},
	"kmod.ReadFile":     {func() error { _, err := kmod.ReadFile(""); return err }, os.ErrNotExist},
	"kmod.ReadVersions": {func() error { _, err := kmod.ReadVersions(nil); return err }, kmod.ErrInvalidModule},
	"kmod.Remove":       {func() error { return kmod.Remove("") }, kmod.ErrNotLoaded},
	"kmod.ResolveName":  {func() error { _, err := kmod.ResolveName(""); return err }, errAny},
	"kmod.Running": {func() error { t, err := kmod.Running(); return is(err == nil && t.Release != "", err) },
		nil},
	"kmod.StateOf": {func() error { s := kmod.StateOf(""); return is(s == kmod.StateNone, s) }, nil},

	"depmod.DefaultConfig": {func() error { c := depmod.DefaultConfig(); return is(len(c) > 0, c) }, nil},
	"depmod.Index": {func() error {
		r, err := depmod.Index(depmod.Options{})
		return errors.Join(err, is(r != nil && r.Files == nil, r))
	}, kmod.ErrRelease},
	"depmod.Merge":      {func() error { _, err := depmod.Merge("", ""); return err }, errAny},
	"depmod.WriteIndex": {func() error { return depmod.WriteIndex("", "") }, kmod.ErrRelease},
}

// zeroTypes are a nil pointer of every exported type.
var zeroTypes = map[string]any{
	"kmod.Alias":            (*kmod.Alias)(nil),
	"kmod.Compression":      (*kmod.Compression)(nil),
	"kmod.Config":           (*kmod.Config)(nil),
	"kmod.ConfigError":      (*kmod.ConfigError)(nil),
	"kmod.CycleError":       (*kmod.CycleError)(nil),
	"kmod.Diagnosis":        (*kmod.Diagnosis)(nil),
	"kmod.DuplicateError":   (*kmod.DuplicateError)(nil),
	"kmod.Export":           (*kmod.Export)(nil),
	"kmod.Exported":         (*kmod.Exported)(nil),
	"kmod.Field":            (*kmod.Field)(nil),
	"kmod.FileError":        (*kmod.FileError)(nil),
	"kmod.ForbiddenError":   (*kmod.ForbiddenError)(nil),
	"kmod.Info":             (*kmod.Info)(nil),
	"kmod.LicenseError":     (*kmod.LicenseError)(nil),
	"kmod.LoadError":        (*kmod.LoadError)(nil),
	"kmod.LoadOptions":      (*kmod.LoadOptions)(nil),
	"kmod.Loaded":           (*kmod.Loaded)(nil),
	"kmod.LoadedModule":     (*kmod.LoadedModule)(nil),
	"kmod.MachineError":     (*kmod.MachineError)(nil),
	"kmod.Module":           (*kmod.Module)(nil),
	"kmod.NoExitError":      (*kmod.NoExitError)(nil),
	"kmod.NotFoundError":    (*kmod.NotFoundError)(nil),
	"kmod.Param":            (*kmod.Param)(nil),
	"kmod.ParamError":       (*kmod.ParamError)(nil),
	"kmod.Plan":             (*kmod.Plan)(nil),
	"kmod.PlannedModule":    (*kmod.PlannedModule)(nil),
	"kmod.Preflight":        (*kmod.Preflight)(nil),
	"kmod.RemoveOptions":    (*kmod.RemoveOptions)(nil),
	"kmod.Rule":             (*kmod.Rule)(nil),
	"kmod.Softdep":          (*kmod.Softdep)(nil),
	"kmod.State":            (*kmod.State)(nil),
	"kmod.Step":             (*kmod.Step)(nil),
	"kmod.Symbol":           (*kmod.Symbol)(nil),
	"kmod.SymbolError":      (*kmod.SymbolError)(nil),
	"kmod.Tree":             (*kmod.Tree)(nil),
	"kmod.TreeModule":       (*kmod.TreeModule)(nil),
	"kmod.Trie":             (*kmod.Trie)(nil),
	"kmod.TrieValue":        (*kmod.TrieValue)(nil),
	"kmod.UnsupportedError": (*kmod.UnsupportedError)(nil),
	"kmod.User":             (*kmod.User)(nil),
	"kmod.VermagicError":    (*kmod.VermagicError)(nil),
	"depmod.Options":        (*depmod.Options)(nil),
	"depmod.Problem":        (*depmod.Problem)(nil),
	"depmod.Result":         (*depmod.Result)(nil),
}

func TestZeroCalls(t *testing.T) {
	funcs, _ := exported(t)
	sameNames(t, "functions", funcs, slices.Sorted(maps.Keys(zeroCalls)))
	for _, name := range funcs {
		call, ok := zeroCalls[name]
		if !ok {
			continue
		}
		t.Run(name, func(t *testing.T) {
			err := call.do()
			ok := errors.Is(err, call.want)
			if call.want == errAny {
				ok = err != nil && err.Error() != ""
			}
			if !ok {
				t.Errorf("got %v, want %v", err, call.want)
			}
		})
	}
}

func TestZeroReceivers(t *testing.T) {
	_, types := exported(t)
	sameNames(t, "types", types, slices.Sorted(maps.Keys(zeroTypes)))
	for name, null := range zeroTypes {
		typ := reflect.TypeOf(null)
		callMethods(t, name+"{}", reflect.New(typ.Elem()))
		if _, isError := null.(error); isError {
			continue // as with *os.PathError, a nil pointer is no error value
		}
		callMethods(t, name+"(nil)", reflect.ValueOf(null))
	}
}

// callMethods calls each method of recv with zero arguments. An error must have words.
func callMethods(t *testing.T, what string, recv reflect.Value) {
	for i := range recv.NumMethod() {
		m := recv.Type().Method(i)
		if _, byValue := recv.Type().Elem().MethodByName(m.Name); byValue && recv.IsNil() {
			continue // Go itself cannot copy what is not there
		}
		t.Run(what+"."+m.Name, func(t *testing.T) {
			args := []reflect.Value{}
			for in := 1; in < m.Type.NumIn(); in++ {
				args = append(args, reflect.Zero(m.Type.In(in)))
			}
			for _, out := range recv.Method(i).Call(args) {
				if err, ok := out.Interface().(error); ok && err.Error() == "" {
					t.Error("an error without words")
				}
			}
		})
	}
}

// exported are the exported functions and types of both packages, as this system has them.
func exported(t *testing.T) (funcs, types []string) {
	t.Helper()
	for _, dir := range []string{".", "depmod"} {
		pkg, err := build.ImportDir(dir, 0)
		if err != nil {
			t.Fatal(err)
		}
		set := token.NewFileSet()
		var files []*ast.File
		for _, name := range pkg.GoFiles {
			f, err := parser.ParseFile(set, filepath.Join(dir, name), nil, parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, f)
		}
		d, err := doc.NewFromFiles(set, files, pkg.Name)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range d.Funcs {
			funcs = append(funcs, pkg.Name+"."+f.Name)
		}
		for _, typ := range d.Types {
			types = append(types, pkg.Name+"."+typ.Name)
			for _, f := range typ.Funcs {
				funcs = append(funcs, pkg.Name+"."+f.Name)
			}
		}
	}
	slices.Sort(funcs)
	slices.Sort(types)
	return funcs, types
}

func sameNames(t *testing.T, what string, want, got []string) {
	t.Helper()
	for _, name := range want {
		if !slices.Contains(got, name) {
			t.Errorf("%s of the packages: %s is not in this test's table", what, name)
		}
	}
	for _, name := range got {
		if !slices.Contains(want, name) {
			t.Errorf("%s of this test's table: the packages have no %s", what, name)
		}
	}
}
