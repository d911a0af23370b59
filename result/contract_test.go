// SPDX-License-Identifier: MIT

package result

import (
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"
)

const contractFile = "testdata/contract.txt"

// TestContract holds the JSON to the names that other programs read, each a line of
// testdata/contract.txt: a list's members stand for all of it, "*" for any key.
func TestContract(t *testing.T) {
	r, n := new(Result), 0
	fill(reflect.ValueOf(r).Elem(), &n)
	r.Verdict.Also = []Verdict{{Class: Leak, Message: "m", Hint: "h", Evidence: []string{"e"}}}
	var tree any
	if err := json.Unmarshal([]byte(mustJSON(t, r)), &tree); err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	paths("", tree, got)
	text, err := os.ReadFile(contractFile)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range strings.Fields(string(text)) {
		if !got[path] {
			t.Errorf("%s is missing in the JSON; other programs read it", path)
		}
		delete(got, path)
	}
	for path := range got {
		t.Errorf("%s is new in the JSON: add it to result/%s and to the schema in docs/", path, contractFile)
	}
}

// TestNoNullLists: whoever reads the JSON need not look for null before a list.
func TestNoNullLists(t *testing.T) {
	r := new(Result)
	r.Normalize()
	var tree map[string]any
	if err := json.Unmarshal([]byte(mustJSON(t, r)), &tree); err != nil {
		t.Fatal(err)
	}
	lists := 0
	for i := range reflect.TypeFor[Result]().NumField() {
		field := reflect.TypeFor[Result]().Field(i)
		name, omitted, _ := strings.Cut(field.Tag.Get("json"), ",")
		if field.Type.Kind() != reflect.Slice || omitted == "omitempty" {
			continue
		}
		lists++
		if list, ok := tree[name].([]any); !ok || len(list) != 0 {
			t.Errorf("%s of an empty result is %v, want an empty list", name, tree[name])
		}
	}
	if lists < 8 {
		t.Errorf("a result has only %d lists", lists)
	}
}

// paths gathers the ways to the values of a tree, without those that others go
// through.
func paths(at string, v any, into map[string]bool) {
	switch v := v.(type) {
	case map[string]any:
		for name, member := range v {
			if strings.Contains(name, " ") { // no field's, but a key of a map
				name = "*"
			}
			paths(strings.TrimPrefix(at+"."+name, "."), member, into)
		}
	case []any:
		for _, member := range v {
			paths(at, member, into)
		}
	default:
		into[at] = true
	}
}
