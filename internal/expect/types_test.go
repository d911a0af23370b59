// SPDX-License-Identifier: MIT

package expect

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/kmodlab/kmodlab/result"
)

// TestFields reads each field of each type: all of a result can be named.
func TestFields(t *testing.T) {
	l, err := theLanguage()
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, s := range l.types.structures() {
		for _, f := range s.fields {
			seen++
			got, ok := l.types.FindStructFieldType(s.name, f.name)
			if !ok || got.Type != f.cel {
				t.Errorf("%s.%s has another type", s.name, f.name)
			}
		}
	}
	if seen < 200 {
		t.Errorf("only %d fields", seen)
	}
	for _, f := range l.types.root().fields {
		if _, err := Compile(fmt.Sprintf("has(everything.%s) || %s == %[2]s", f.name, f.name)); err != nil {
			t.Errorf("%s: %v", f.name, err)
		}
	}
}

// TestHidden compares the table of hidden fields with the types, and with the facts that package timeline knows.
func TestHidden(t *testing.T) {
	table, err := newTypeTable()
	if err != nil {
		t.Fatal(err)
	}
	for name, facts := range hidden {
		for fact, paths := range facts {
			for _, path := range paths {
				if !leads(table, table.byName[name], path) {
					t.Errorf("%s, fact %s: there is no %s", name, fact, path)
				}
			}
		}
	}
	source, err := os.ReadFile("../../tracer/timeline/blind.go")
	if err != nil {
		t.Fatal(err)
	}
	kinds := regexp.MustCompile(`func \(b \*builder\) (\w+)Unknown`).FindAllStringSubmatchIndex(string(source), -1)
	seen := 0
	for i, m := range kinds {
		end := len(source)
		if i+1 < len(kinds) {
			end = kinds[i+1][0]
		}
		name := kindNames[string(source[m[2]:m[3]])]
		for _, fact := range factCall.FindAllStringSubmatch(string(source[m[0]:end]), -1) {
			seen++
			if _, ok := hidden[name][fact[1]]; !ok && table.byName[name].field(fact[1]) == nil {
				t.Errorf("%s: what does the fact %s hide?", name, fact[1])
			}
		}
	}
	if len(kinds) != 4 || seen < 45 {
		t.Errorf("found %d kinds and %d facts", len(kinds), seen)
	}
}

var (
	kindNames = map[string]string{"thread": "Thread", "request": "Request", "load": "Module", "signal": "Signal"}
	factCall  = regexp.MustCompile(`(?:m\.at\([^"]*|append\(m\.list, )"(\w+)"`)
)

// leads reports whether a path leads to a field.
func leads(table *typeTable, s *structure, path string) bool {
	name, rest, more := strings.Cut(path, ".")
	f := s.field(name)
	if f == nil || !more {
		return f != nil
	}
	next := table.byName[f.cel.TypeName()]
	return next != nil && leads(table, next, rest)
}

// TestSources wants the lists that are made from records to be lists of the result.
func TestSources(t *testing.T) {
	for name, kinds := range sources {
		r := &result.Result{Unknown: make(map[string]string)}
		for _, kind := range kinds {
			if f := check(t, name+".size() == 0", r); !f.Holds {
				t.Errorf("%s with %s: %+v", name, kind, f)
			}
			r.Unknown[kind] = "why"
		}
		if f := check(t, name+".size() == 0", r); f.Holds || !f.Unrecorded {
			t.Errorf("%s without a record: %+v", name, f)
		}
	}
}

// FuzzExpectation compiles any text, and checks it if it is an expectation.
func FuzzExpectation(f *testing.F) {
	for _, text := range holds {
		f.Add(text)
	}
	for _, text := range []string{
		`threads.all(t, t.stopps == 1)`, `{"a": 1}.all(k, k == "b")`, `threads.exists_one(t, true)`,
		`[1, null].exists(x, x > 3)`,
		`(true ? threads : threads).filter(t, false).size() > 3`, `dyn(threads[0]).nope == 3`, `dyn(1).x`, `b"a" == b"b"`,
		`timestamp("2026-01-01T00:00:00Z") > timestamp("x")`, `threads.map(t, t.stops, t.name) == ["a"]`,
		`dyn(threads)[0]["name"] == 1`, `type(threads) == list && false`, `optional.of(1) == 1`, `"\n" in {"\t": 1}`,
	} {
		f.Add(text)
	}
	r := aStory()
	f.Fuzz(func(t *testing.T, text string) {
		e, err := Compile(text)
		if err != nil {
			s, ok := err.(*Slip)
			if !ok || s.Line < 1 || s.Column < 1 || s.Message == "" || strings.ContainsAny(s.String(), "\x1b\r") {
				t.Errorf("%q: %q", text, err)
			}
			return
		}
		finding := e.Check(r)
		if finding.Holds == (len(finding.Found)+len(finding.Unknown) > 0) {
			t.Errorf("%q: nothing is said, or too much: %+v", text, finding)
		}
		for _, s := range finding.Found {
			if strings.ContainsAny(s, "\x1b\r\n") {
				t.Errorf("%q: %q", text, s)
			}
		}
	})
}
