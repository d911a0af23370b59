// SPDX-License-Identifier: MIT

package failable

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestTable: a name and a function belong to one call, each call has what it needs, and nothing contradicts itself.
func TestTable(t *testing.T) {
	seen := make(map[string]string)
	for _, c := range Calls() {
		if len(c.Names) == 0 || len(c.Symbols) == 0 || c.Group == "" {
			t.Errorf("%v lacks something", c)
			continue
		}
		if !slices.IsSorted(c.Symbols) {
			t.Errorf("the functions of %s are not sorted", c.Names[0])
		}
		own := slices.Concat(c.Names, c.Symbols)
		slices.Sort(own)
		for _, name := range slices.Compact(own) {
			if !isName(name) || base(name) != name {
				t.Errorf("%q is no name of a function, or has an ending", name)
			}
			if other := seen[name]; other != "" {
				t.Errorf("%s belongs to %s and to %s", name, other, c.Names[0])
			}
			seen[name] = c.Names[0]
		}
		if errs := c.Fails == Errno || c.Fails == ErrPtr; errs != (c.Errno > 0) || errs != (c.Value() < 0) {
			t.Errorf("%s fails by %s with error %d", c.Names[0], c.Returns(), c.Errno)
		}
		if c.Clears && c.Fails != Rest || c.Wait && c.Errno != eRESTARTSYS {
			t.Errorf("%s cannot fail like that", c.Names[0])
		}
	}
}

// imports61 and imports73 are the imports of a module that calls kzalloc, kthread_run and copy_from_user.
var (
	imports61 = []string{"__fentry__", "kthread_create_on_node", "kmalloc_trace", "_copy_from_user", "__kmalloc", "kfree"}
	imports73 = []string{"kthread_create_on_node", "__kmalloc_cache_noprof", "_copy_from_user", "__kmalloc_noprof"}
)

func TestChoose(t *testing.T) {
	for _, test := range []struct {
		call    string
		imports []string
		found   []string
		returns string
		value   int64
	}{
		{"kzalloc", imports61, []string{"__kmalloc", "kmalloc_trace"}, "NULL", 0},
		{"kmalloc", imports73, []string{"__kmalloc_cache_noprof", "__kmalloc_noprof"}, "NULL", 0},
		{"__kmalloc", imports61, []string{"__kmalloc"}, "NULL", 0},
		{"__kmalloc", imports73, []string{"__kmalloc_noprof"}, "NULL", 0},
		{"__kmalloc_noprof", imports73, []string{"__kmalloc_noprof"}, "NULL", 0},
		{"kthread_run", imports73, []string{"kthread_create_on_node"}, "ERR_PTR(-ENOMEM)", -12},
		{"copy_from_user", imports61, []string{"_copy_from_user"}, "the number of bytes", 0},
		{"misc_register", []string{"misc_register"}, []string{"misc_register"}, "-EBUSY", -16},
		{"try_module_get", []string{"try_module_get"}, []string{"try_module_get"}, "false", 0},
	} {
		c, err := Choose("life", test.call, test.imports)
		if err != nil {
			t.Errorf("%s: %v", test.call, err)
			continue
		}
		if diff := cmp.Diff(test.found, c.Found); diff != "" || c.Returns() != test.returns || c.Value() != test.value {
			t.Errorf("%s returns %s, %d (-want +got):\n%s", test.call, c.Returns(), c.Value(), diff)
		}
	}
}

func TestUnfit(t *testing.T) {
	for _, test := range []struct{ call, message, hint string }{
		{
			"kthread_run_worker",
			"life calls no kthread_run_worker, which is kthread_create_worker or kthread_create_worker_on_cpu or " +
				"kthread_create_worker_on_node in a module",
			"life calls kmalloc, kthread_run, copy_from_user; docs/failing-calls.md lists all that can be made to fail",
		},
		{"misc_register", "life calls no misc_register", "life calls kmalloc, "},
		{"kmem_cache_alloc_node", "life calls no kmem_cache_alloc_node", "life calls kmalloc, "},
		{"kmaloc", "kmaloc is no call that can be made to fail: did you mean kmalloc?", "life calls kmalloc, "},
		{"printf", "printf is no call that can be made to fail", "life calls kmalloc, "},
		{"kfree", "what kfree returns when it fails is not known, so it cannot be made to fail", "life calls kmalloc, "},
	} {
		_, err := Choose("life", test.call, imports61)
		var unfit *Unfit
		if !errors.As(err, &unfit) {
			t.Errorf("%s: %v", test.call, err)
			continue
		}
		if unfit.Message != test.message || !strings.HasPrefix(unfit.Hint, test.hint) {
			t.Errorf("%s: %s\n  %s", test.call, unfit.Message, unfit.Hint)
		}
	}
	_, err := Choose("life", "kmalloc", nil)
	var unfit *Unfit
	if !errors.As(err, &unfit) || !strings.HasPrefix(unfit.Hint, "life has no call that can be made to fail") {
		t.Errorf("%+v", unfit)
	}
}

func TestReturned(t *testing.T) {
	for _, test := range []struct {
		symbol string
		value  int64
		want   string
	}{
		{"__kmalloc_noprof", 0, "NULL"}, {"kthread_create_on_node", -12, "ERR_PTR(-ENOMEM)"}, {"_copy_from_user", 9, "9"},
		{"prepare_to_wait_event", -512, "-ERESTARTSYS"}, {"misc_register", 7, "7"}, {"", -3, "-3"},
	} {
		if got := Returned(test.symbol, test.value); got != test.want {
			t.Errorf("Returned(%q, %d) = %s, want %s", test.symbol, test.value, got, test.want)
		}
	}
}

func TestParseWant(t *testing.T) {
	for text, want := range map[string]Want{
		"kmalloc":                  {"kmalloc", 1, ""},
		"kmalloc#2":                {"kmalloc", 2, ""},
		"kmalloc#2@victim":         {"kmalloc", 2, "victim"},
		"__kmalloc_noprof@my-life": {"__kmalloc_noprof", 1, "my-life"},
	} {
		got, err := ParseWant(text)
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	for text, want := range map[string]string{
		"":                         "is not the name of a function",
		"#1":                       "is not the name of a function",
		"9x":                       "is not the name of a function",
		"k malloc":                 "is not the name of a function",
		"kmalloc#":                 "is not a number of a call",
		"kmalloc#0":                "is not a number of a call",
		"kmalloc#-1":               "is not a number of a call",
		"kmalloc#99999999999":      "is not a number of a call",
		"kmalloc#1@":               "has no module after @",
		"kmalloc#1@a,nth=3":        "is not the name of a module",
		"kmalloc\x1b[2J":           "is not the name of a function",
		strings.Repeat("k", 1<<16): "is not the name of a function",
	} {
		if _, err := ParseWant(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: %v, want … %s", text, err, want)
		}
	}
}

// FuzzParseWant: what is accepted can be a parameter of the helper module, and means the same when it is written again.
func FuzzParseWant(f *testing.F) {
	for _, s := range []string{"kmalloc", "kmalloc#2@victim", "a#1@b-c", "#", "@", "x#0", "x#1@y@z"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		w, err := ParseWant(s)
		if err != nil {
			return
		}
		if w.Nth < 1 || strings.ContainsAny(w.Call+w.Module, " ,=\"\n#@") || w.Call == "" {
			t.Errorf("%q is %+v", s, w)
		}
	})
}

// The helper's source has the same names and bounds.
func TestHelper(t *testing.T) {
	data, err := os.ReadFile("../../modules/failcall/failcall.c")
	if err != nil {
		t.Fatal(err)
	}
	source := string(data)
	for _, name := range Facts {
		if !strings.Contains(source, "("+name+", ") {
			t.Errorf("it has no parameter %s", name)
		}
	}
	if !strings.Contains(source, "#define MAX_TAILS 64\n") || MaxTails != 64 {
		t.Error("the bound of tails is another one")
	}
	for _, c := range Calls() {
		if len(c.Symbols) > 16 || !strings.Contains(source, "#define MAX_FUNCTIONS 16\n") {
			t.Errorf("%s has more functions than the helper takes", c.Names[0])
		}
	}
}
