// SPDX-License-Identifier: MIT

package kmod

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kmodlab/kmodlab/kmod/kmodtest"
)

func TestCheckParams(t *testing.T) {
	m := &Module{Name: "m"}
	for _, s := range []string{"b:byte", "i:int", "u:uint", "l:long", "s:short", "f:bool", "name:charp",
		"list:array of int", "own:strange", "dash_name:int"} {
		m.Info = append(m.Info, Field{"parmtype", s})
	}
	m.Info = append(m.Info, Field{"parm", "untyped:no type"})
	for _, tc := range []struct{ params, want string }{
		{"i=1 i=-2147483648 i=0x7f u=010 b=255 s=-32768 l=-9223372036854775808 f f=y f=on f=0 name=x name= list=1,2,3 own=abc untyped=1 dash-name=1 dyndbg=+p async_probe", ""},
		{`name="a b" i=3`, ""},
		{"i=abc", `parameter i of m does not take "abc": not a number of type int`},
		{"i=2147483648", "out of range for its type int"},
		{"u=-1", "not a number of type uint"}, {"b=256", "out of range"}, {"i=", "not a number"}, {"i", "not a number"},
		{"i=1_000", "not a number"}, {"i=-0o7", "not a number"}, {"i=0b1", "not a number"},
		{"f=maybe", "not a bool"}, {"name", "needs a value"}, {"name=" + strings.Repeat("x", 1025), "longer than 1024"},
		{"list=1,x", "not a number"},
		{"nope=1", "m has no parameter nope, which the kernel would ignore; it has b, i, u,"},
	} {
		err := errors.Join(m.CheckParams(tc.params)...)
		if tc.want == "" && err != nil || tc.want != "" &&
			(err == nil || !strings.Contains(err.Error(), tc.want) || !errors.Is(err, ErrParameter)) {
			t.Errorf("%s: got %v, want %q", tc.params, err, tc.want)
		}
	}
	if err := (&Module{Name: "m"}).CheckParams("x=1")[0]; !strings.HasSuffix(err.Error(), "it has none") {
		t.Errorf("got %v", err)
	}
}

func TestPreflight(t *testing.T) {
	tree := planTree(t, true)
	gpl := []string{"license=GPL", "vermagic=" + kmodtest.Kernel, "parmtype=count:int"}
	other := []string{"license=Proprietary",
		"vermagic=" + strings.Replace(kmodtest.Kernel, kmodtest.Release, "6.1.0-other", 1)}
	dir := writeFiles(t, map[string][]byte{
		"good.ko":      kmodtest.Module{Info: gpl, Needs: []need{{Name: "side_sym"}}}.Bytes(),
		"side.ko":      kmodtest.Module{Info: gpl, Exports: []kmodtest.Export{{Name: "side_sym"}}}.Bytes(),
		"closed.ko":    kmodtest.Module{Info: other, Needs: []need{{Name: "gpl_only", CRC: 7}}}.Bytes(),
		"forgotten.ko": kmodtest.Module{Info: gpl, Needs: []need{{Name: "nobody_has"}}}.Bytes(),
		"broken.ko":    []byte("text\n"), "depends.ko": kmodtest.Module{Info: append(gpl, "depends=broken")}.Bytes(),
	})
	symvers := filepath.Join(tree.Root, "usr/src/headers/Module.symvers")
	data, err := os.ReadFile(symvers)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(symvers, append(data, "0x00000007\tgpl_only\tvmlinux\tEXPORT_SYMBOL_GPL\t\n"...),
		0o644); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		file, params    string
		refused, passed error
		modules         string
	}{
		{"good.ko", "count=3", nil, nil, "side good"},
		{"good.ko", "count=x", ErrParameter, nil, "side good"},
		{"good.ko", "nope=1", nil, ErrParameter, "side good"},
		{"closed.ko", "", ErrLicense, ErrVermagic, "closed"},
		{"forgotten.ko", "", ErrUnknownSymbol, nil, "forgotten"},
	} {
		pre, err := tree.Preflight(filepath.Join(dir, tc.file), LoadOptions{Params: tc.params})
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, m := range pre.Modules {
			names = append(names, m.Name)
		}
		passed := errors.Join(pre.Passed...)
		if !errors.Is(pre.Err(), tc.refused) || !errors.Is(passed, tc.passed) ||
			strings.Join(names, " ") != tc.modules {
			t.Errorf("%s %s: refused %v, passed %v, modules %v; want %v, %v, %s", tc.file, tc.params, pre.Err(), passed,
				names, tc.refused, tc.passed, tc.modules)
		}
	}
	for _, file := range []string{"broken.ko", "depends.ko"} {
		if _, err := tree.Preflight(filepath.Join(dir, file), LoadOptions{}); !errors.Is(err, ErrInvalidModule) ||
			!strings.Contains(err.Error(), "broken.ko") {
			t.Errorf("%s: %v", file, err)
		}
	}
	if _, err := tree.Preflight("nosuch", LoadOptions{}); !errors.Is(err, ErrNotFound) {
		t.Errorf("no such module: %v", err)
	}
}

// Without any index the modules beside a file are all that is known.
func TestPlanFileWithoutIndex(t *testing.T) {
	dir := writeFiles(t, map[string][]byte{"top.ko": kmodtest.Exporting("top", "mid"),
		"mid-dle.ko": kmodtest.Exporting("mid", "low"), "low.ko": kmodtest.Exporting("low"),
		"other.ko": kmodtest.Exporting("other")})
	plan, err := PlanFile(&Tree{Root: dir, Release: "none"}, filepath.Join(dir, "top.ko"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, m := range plan.Modules {
		names = append(names, m.Name)
	}
	if got := strings.Join(names, " "); got != "low mid_dle top" {
		t.Errorf("got %s", got)
	}
}
