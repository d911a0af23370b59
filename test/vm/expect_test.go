// SPDX-License-Identifier: MIT

package vm

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/kmodlab/kmodlab"
	"github.com/kmodlab/kmodlab/internal/expect"
	"github.com/kmodlab/kmodlab/result"
)

// expectation is a lesson's expect.yaml. modules/README.md says how to read and
// write one.
type expectation struct {
	Run struct {
		Load  []string `yaml:"load"`
		ForMS int      `yaml:"for_ms"`
	} `yaml:"run"`
	Expect []expected `yaml:"expect"`
}

// expected is one entry of an expect.yaml.
type expected struct {
	That    string   `yaml:"that"`
	Kernels []string `yaml:"kernels"` // the only ones it is for
	Except  []string `yaml:"except"`  // those it is not for

	compiled *expect.Expectation
}

func (e *expected) applies(kernel string) bool {
	return (len(e.Kernels) == 0 || slices.Contains(e.Kernels, kernel)) && !slices.Contains(e.Except, kernel)
}

func readExpectation(t *testing.T, dir string) expectation {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "expect.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var e expectation
	if err := yaml.UnmarshalWithOptions(data, &e, yaml.DisallowUnknownField()); err != nil {
		t.Fatalf("read %s/expect.yaml: %v", dir, err)
	}
	if len(e.Expect) == 0 {
		t.Fatalf("%s/expect.yaml expects nothing", dir)
	}
	for i := range e.Expect {
		if e.Expect[i].compiled, err = expect.Compile(e.Expect[i].That); err != nil {
			t.Fatalf("%s/expect.yaml: %v", dir, err)
		}
	}
	return e
}

func (e expectation) spec(dir, kernel string) kmodlab.Spec {
	return kmodlab.Spec{
		Dir: dir, Load: e.Run.Load,
		For: time.Duration(e.Run.ForMS) * time.Millisecond, Machine: kmodlab.Machine{Kernel: kernel},
	}
}

// differences says where a result is not as expected.
func (e expectation) differences(res *result.Result) []string {
	kernel := series(res.Machine.Kernel)
	var wrong []string
	for _, entry := range e.Expect {
		if !entry.applies(kernel) {
			continue
		}
		if f := entry.compiled.Check(res); !f.Holds {
			wrong = append(wrong, fmt.Sprintf("%s\n  %s\n  %s", entry.That, strings.Join(f.Found, "\n  "), f.Unknown))
		}
	}
	return wrong
}

// met reports whether a result is as expected.
func (e expectation) met(res *result.Result) bool {
	kernel := series(res.Machine.Kernel)
	return !slices.ContainsFunc(e.Expect, func(entry expected) bool {
		return entry.applies(kernel) && !entry.compiled.Holds(res)
	})
}

// series is a kernel's version as people call it: 6.1 of 6.1.0-56-cloud-amd64.
func series(release string) string {
	parts := strings.SplitN(release, ".", 3)
	if len(parts) < 3 {
		return release
	}
	return parts[0] + "." + parts[1]
}

// TestExpectations makes sure that a lesson can fail. Beside each expect.yaml there is a story in testdata that has all
// that it states, and nothing else: 7777 stands for any number that is not 0, text with a star for any that begins so,
// and order is in stages_ns. The story is as expected, and each change of one value, and each member more or less, is
// not.
func TestExpectations(t *testing.T) {
	for _, dir := range lessons(t) {
		want := readExpectation(t, dir)
		for _, kernel := range []string{"5.10", "6.1"} {
			t.Run(filepath.Base(dir)+"/"+kernel, func(t *testing.T) {
				story := readStory(t, filepath.Base(dir), kernel)
				if wrong := want.differences(resultOf(t, story, kernel)); wrong != nil {
					t.Fatalf("the story is not as expected: %s", strings.Join(wrong, "\n"))
				}
				m := mutator{seen: make(map[string]bool)}
				m.value("", story, func(v any) { story = v.(map[string]any) }, func() bool {
					m.changes++
					return !want.met(resultOf(t, story, kernel))
				})
				if m.changes < 100 {
					t.Errorf("only %d changes were tried", m.changes)
				}
				t.Logf("%d changes", m.changes)
				for _, what := range m.unnoticed {
					t.Errorf("nobody notices %s", what)
				}
			})
		}
	}
}

// TestRecordedLesson has a lesson that was recorded on 6.1.
func TestRecordedLesson(t *testing.T) {
	file, err := os.Open("../../internal/verdict/testdata/recordings/sigcases.kmlab")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	recorded, err := kmodlab.ReadRecording(file)
	if err != nil {
		t.Fatal(err)
	}
	res, err := recorded.Result()
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range readExpectation(t, "../../modules/sigcases").differences(res) {
		t.Error(w)
	}
}

// resultOf is the result that has a story.
func resultOf(t *testing.T, story map[string]any, kernel string) *result.Result {
	t.Helper()
	data, err := json.Marshal(story)
	if err != nil {
		t.Fatal(err)
	}
	res := new(result.Result)
	if err := json.Unmarshal(data, res); err != nil {
		t.Fatal(err)
	}
	res.Machine.Kernel = kernel + ".0-1-amd64"
	return res
}

// readStory reads a story, for one kernel, and puts count members where one stands for so many.
func readStory(t *testing.T, name, kernel string) map[string]any {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata/expect", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var story map[string]any
	if err := json.Unmarshal(data, &story); err != nil {
		t.Fatal(err)
	}
	for key, value := range story {
		list, ok := value.([]any)
		if !ok {
			continue
		}
		members := []any{}
		for _, v := range list {
			m := v.(map[string]any)
			only, limited := m["kernels"].([]any)
			except, _ := m["except"].([]any)
			if limited && !slices.Contains(only, any(kernel)) || slices.Contains(except, any(kernel)) {
				continue
			}
			n, counted := m["count"].(float64)
			if !counted {
				n = 1
			}
			delete(m, "kernels")
			delete(m, "except")
			delete(m, "count")
			for range int(n) {
				members = append(members, v)
			}
		}
		story[key] = members
	}
	return story
}

// anyNumber stands in a story for a number that is not 0.
const anyNumber = 7777.0

// mutator changes one value of a story after the other. The same change of an equal member is tried once.
type mutator struct {
	seen      map[string]bool
	changes   int
	unnoticed []string
}

// value changes a value in each way by set, asks notices, and sets it back.
func (m *mutator) value(at string, v any, set func(any), notices func() bool) {
	switch v := v.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			m.value(at+"."+key, v[key], func(changed any) {
				v = maps.Clone(v)
				v[key] = changed
				set(v)
			}, notices)
		}
		return
	case []any:
		m.list(at, v, set, notices)
		return
	}
	for _, ways := range others(at, v) {
		if !slices.ContainsFunc(ways, func(other any) bool { set(other); return notices() }) {
			m.unnoticed = append(m.unnoticed, fmt.Sprintf("that %s is one of %v, not %v", at, ways, v))
		}
	}
	set(v)
}

// list changes each member, and makes the list longer and shorter.
func (m *mutator) list(at string, list []any, set func(any), notices func() bool) {
	try := func(changed []any, what string) {
		if set(changed); !notices() {
			m.unnoticed = append(m.unnoticed, what)
		}
	}
	longer := []any{map[string]any{}}
	if len(list) > 0 {
		longer = []any{list[len(list)-1]}
	} else if strings.HasSuffix(at, ".loaded") || strings.HasSuffix(at, ".unknown") {
		longer = []any{"x"}
	}
	try(slices.Concat(list, longer), "one more in "+at)
	if len(list) > 1 && fmt.Sprint(list[0]) != fmt.Sprint(list[1]) {
		try(slices.Concat([]any{list[1], list[0]}, list[2:]), "that the first two of "+at+" change places")
	}
	for i, member := range list {
		data, _ := json.Marshal(member)
		key := at + string(data)
		if m.seen[key] {
			continue
		}
		m.seen[key] = true
		try(slices.Delete(slices.Clone(list), i, i+1), fmt.Sprintf("that %s lacks its member %d", at, i))
		m.value(fmt.Sprintf("%s[%d]", at, i), member, func(changed any) {
			copied := slices.Clone(list)
			copied[i] = changed
			set(copied)
		}, notices)
	}
	set(list)
}

// others are what a value must not be. Of each list, one at least must be noticed: a time may be early if it is the
// first, and late if it is the last.
func others(at string, v any) [][]any {
	switch v := v.(type) {
	case bool:
		return [][]any{{!v}}
	case string:
		if strings.HasSuffix(v, "*") {
			return [][]any{{"x" + v}}
		}
		return [][]any{{"x" + v}, {v + "x"}}
	case float64:
		switch {
		case v == anyNumber:
			return [][]any{{0.0}, {nil}}
		case strings.Contains(at, ".stages_ns."):
			return [][]any{{nil}, {v + 1000, v - 1000}}
		}
		return [][]any{{v + 1}}
	}
	switch at[strings.LastIndex(at, ".")+1:] { // of what is not there
	case "inexact":
		return [][]any{{true}}
	case "unknown":
		return [][]any{{[]any{"x"}}}
	case "modules":
		return [][]any{{[]any{map[string]any{}}}}
	case "helper", "stopped_by":
		return [][]any{{map[string]any{}}}
	case "killed_by":
		return [][]any{{"x"}}
	}
	return [][]any{{0.0}, {5.0}}
}
