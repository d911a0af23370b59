// SPDX-License-Identifier: MIT

package shape

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmodlab/kmodlab/internal/testlab/foreign"
	"github.com/kmodlab/kmodlab/result"
)

// real are results of runs in VMs.
func real(t testing.TB) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob("../../report/testdata/real/*.json")
	if err != nil || len(files) < 3 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	all := make(map[string][]byte)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all[strings.TrimSuffix(filepath.Base(file), ".json")] = text
	}
	return all
}

func decoded(t testing.TB, text []byte) *result.Result {
	t.Helper()
	r := &result.Result{}
	if err := json.Unmarshal(text, r); err != nil {
		t.Fatal(err)
	}
	return r
}

func of(r *result.Result) string { return Of([]Run{{"plain", r}}) }

// another is the same story on another machine, by a person who calls everything something else.
func another(r *result.Result) {
	walk(reflect.ValueOf(r).Elem(), "")
	slices.Reverse(r.Threads)
	slices.Reverse(r.Signals)
	slices.Reverse(r.Requests)
}

func walk(v reflect.Value, name string) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			walk(v.Elem(), name)
		}
	case reflect.Slice:
		for i := range v.Len() {
			walk(v.Index(i), name)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			field := v.Type().Field(i).Name
			if v.Type() == reflect.TypeFor[result.ThreadStages]() || strings.HasSuffix(field, "NS") {
				field = "NS"
			}
			walk(v.Field(i), field)
		}
	case reflect.Int:
		if name == "PID" && v.Int() > 0 {
			v.SetInt(v.Int() + 4000)
		}
	case reflect.Int64:
		if name == "NS" {
			v.SetInt(v.Int()*3 + 17)
		}
	case reflect.String:
		if name == "Comm" || name == "Function" || name == "Text" || name == "Message" {
			v.SetString("mine")
		}
		if name == "Site" && strings.HasSuffix(v.String(), "]") {
			v.SetString("my_init+0x12 [mine]")
		}
	}
}

func TestSameStory(t *testing.T) {
	shapes := make(map[string][]string)
	for name, text := range real(t) {
		first, second := decoded(t, text), decoded(t, text)
		another(second)
		if cmp.Equal(first, second) {
			t.Errorf("%s: nothing is different", name)
		}
		if diff := cmp.Diff(story(first), story(second)); diff != "" {
			t.Errorf("%s: another shape:\n%s", name, diff)
		}
		shape := of(first)
		if len(shape) != 2*size {
			t.Errorf("%s: %q", name, shape)
		}
		shapes[shape] = append(shapes[shape], name)
	}
	if len(shapes) < len(real(t))*3/4 {
		t.Errorf("different stories have the same shape: %v", shapes)
	}
}

func TestOtherStory(t *testing.T) {
	text := real(t)["demo"]
	shape := of(decoded(t, text))
	for name, change := range map[string]func(r *result.Result){
		"stops":    func(r *result.Result) { r.Threads[0].Stops += 2 },
		"result":   func(r *result.Result) { r.Threads[0].Result = -5 },
		"alive":    func(r *result.Result) { r.Threads[0].Alive = true },
		"order":    func(r *result.Result) { s := &r.Threads[0].Stages; s.Woken, s.Exited = s.Exited, s.Woken },
		"missing":  func(r *result.Result) { r.Threads[0].Stages.Woken = nil },
		"thread":   func(r *result.Result) { r.Threads = r.Threads[1:] },
		"signal":   func(r *result.Result) { r.Signals[0].Outcome = result.LostSignal },
		"unload":   func(r *result.Result) { r.Modules[0].Unloaded = !r.Modules[0].Unloaded },
		"verdict":  func(r *result.Result) { r.Verdict.Class = result.Oops },
		"crash":    func(r *result.Result) { r.Crashes = append(r.Crashes, result.Crash{Class: result.Oops}) },
		"leak":     func(r *result.Result) { r.Leaks = append(r.Leaks, result.Leftover{Kind: "timer"}) },
		"request":  func(r *result.Result) { *r.Requests[0].Returned = -2 },
		"test":     func(r *result.Result) { r.Tests = append(r.Tests, result.Test{Outcome: result.TestFail}) },
		"init ret": func(r *result.Result) { r.Modules[0].InitRet = -12 },
	} {
		r := decoded(t, text)
		change(r)
		if of(r) == shape {
			t.Errorf("%s: the same shape", name)
		}
	}
}

func TestRuns(t *testing.T) {
	demo := decoded(t, real(t)["demo"])
	crash := decoded(t, real(t)["null_thread"])
	both := Of([]Run{{"a", demo}, {"b", crash}})
	if both != Of([]Run{{"b", crash}, {"a", demo}, {"c", nil}}) {
		t.Error("the order of the runs matters, or one that was not made does")
	}
	if both == Of([]Run{{"a", crash}, {"b", demo}}) {
		t.Error("the scenario does not matter")
	}
	unbuilt := &result.Result{Verdict: result.Verdict{Class: result.Build}}
	if Of(nil) != "" || Of([]Run{{"a", nil}}) != "" || Of([]Run{{"a", demo}, {"b", unbuilt}}) != "" {
		t.Error("what has no story has a shape")
	}
}

// TestRepeated: how often something is repeated matters up to three times.
func TestRepeated(t *testing.T) {
	work := func(n int) string {
		r := &result.Result{Threads: []result.Thread{{PID: 9, Ending: "stopped"}}}
		for i := range n {
			at := int64(i)
			r.Threads[0].Works = append(r.Threads[0].Works, result.Work{StartedNS: &at})
		}
		return of(r)
	}
	if work(2) == work(3) || work(3) == work(4) || work(9) != work(10) {
		t.Error("works are counted in another way")
	}
	empty := of(&result.Result{})
	if empty == "" || empty == work(0) {
		t.Error("a run without modules has the wrong shape")
	}
}

func TestHostile(t *testing.T) {
	r := decoded(t, real(t)["demo"])
	foreign.Poison(r, 3)
	foreign.Lengthen(r)
	if shape := of(r); len(shape) != 2*size {
		t.Errorf("%q", shape)
	}
}
