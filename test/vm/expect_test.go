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

	"github.com/kmodlab/kmodlab"
	"github.com/kmodlab/kmodlab/result"
)

// expectation is a lesson's expect.json. modules/README.md says how to read and
// write one.
type expectation struct {
	Run struct {
		Load  []string `json:"load"`
		ForMS int      `json:"for_ms"`
	} `json:"run"`
	Story map[string]any `json:"story"`
}

func readExpectation(t *testing.T, dir string) expectation {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "expect.json"))
	if err != nil {
		t.Fatal(err)
	}
	var e expectation
	if err := json.Unmarshal(data, &e); err != nil {
		t.Fatalf("read %s/expect.json: %v", dir, err)
	}
	if len(e.Story) == 0 {
		t.Fatalf("%s/expect.json expects nothing", dir)
	}
	return e
}

func (e expectation) spec(dir, kernel string) kmodlab.Spec {
	return kmodlab.Spec{
		Dir: dir, Load: e.Run.Load,
		For: time.Duration(e.Run.ForMS) * time.Millisecond, Machine: kmodlab.Machine{Kernel: kernel},
	}
}

// differences says where a result is not what the story expects.
func (e expectation) differences(res *result.Result) ([]string, error) {
	data, err := json.Marshal(res)
	if err != nil {
		return nil, err
	}
	var got map[string]any
	if err := json.Unmarshal(data, &got); err != nil {
		return nil, err
	}
	for _, list := range []string{"threads", "requests", "signals", "modules"} {
		lives, _ := got[list].([]any)
		got[list] = slices.DeleteFunc(lives, func(v any) bool { return v.(map[string]any)["background"] == true })
	}
	m := matcher{kernel: series(res.Machine.Kernel)}
	m.object("", e.Story, got)
	return m.wrong, nil
}

// series is a kernel's version as people call it: 6.1 of 6.1.0-56-cloud-amd64.
func series(release string) string {
	parts := strings.SplitN(release, ".", 3)
	if len(parts) < 3 {
		return release
	}
	return parts[0] + "." + parts[1]
}

// matcher compares what is expected with what came, both as JSON.
type matcher struct {
	kernel string
	wrong  []string
}

func (m *matcher) errorf(at, format string, args ...any) {
	m.wrong = append(m.wrong, strings.TrimPrefix(at, ".")+": "+fmt.Sprintf(format, args...))
}

// value: an object matches field by field, a string with a star at its end by
// its beginning, and a lone star whatever is neither missing nor zero.
func (m *matcher) value(at string, want, got any) {
	switch want := want.(type) {
	case map[string]any:
		if got, ok := got.(map[string]any); ok {
			m.object(at, want, got)
			return
		}
		m.errorf(at, "%s, want an object", brief(got))
	case []any:
		if got, ok := got.([]any); ok {
			m.list(at, want, got)
			return
		}
		m.errorf(at, "%s, want a list", brief(got))
	case string:
		m.text(at, want, got)
	default:
		if want != got {
			m.errorf(at, "%s, want %s", brief(got), brief(want))
		}
	}
}

func (m *matcher) text(at, want string, got any) {
	if want == "*" {
		if got == nil || got == "" || got == 0.0 || got == false {
			m.errorf(at, "%s, want something", brief(got))
		}
		return
	}
	s, ok := got.(string)
	beginning, open := strings.CutSuffix(want, "*")
	if !ok || s != want && !(open && strings.HasPrefix(s, beginning)) {
		m.errorf(at, "%s, want %q", brief(got), want)
	}
}

// These fields of an expected object are the matcher's own.
const (
	keyCount   = "count"   // of a list's member: so many, in any place
	keyKernels = "kernels" // of a list's member: on these kernels only
	keyExcept  = "except"  // of a list's member: on all kernels but these
	keyOrder   = "order"   // the stages that were seen, in the order of time
)

func (m *matcher) object(at string, want, got map[string]any) {
	for _, key := range slices.Sorted(maps.Keys(want)) {
		switch key {
		case keyCount, keyKernels, keyExcept:
		case keyOrder:
			m.order(at, want[key].([]any), got["stages_ns"])
		default:
			m.value(at+"."+key, want[key], got[key])
		}
	}
}

func (m *matcher) order(at string, stages []any, got any) {
	times, _ := got.(map[string]any)
	last, before := -1e300, "the beginning"
	for _, stage := range stages {
		when, seen := times[stage.(string)].(float64)
		if !seen {
			m.errorf(at, "%s was not seen", stage)
			continue
		}
		if when < last {
			m.errorf(at, "%s came before %s", stage, before)
		}
		last, before = when, stage.(string)
	}
}

// list: each expected member is there, in the order of the list (those with a
// count anywhere), and nothing else is.
func (m *matcher) list(at string, want, got []any) {
	used := make([]bool, len(got))
	next := 0
	for _, w := range want {
		if !m.applies(w) || count(w) > 0 {
			continue
		}
		i := m.find(w, got, used, next)
		if i < 0 {
			m.errorf(at, "no %s%s", brief(w), m.nearest(w, got, used))
			continue
		}
		used[i], next = true, i+1
	}
	for _, w := range want {
		if n := count(w); m.applies(w) && n > 0 {
			m.several(at, w, n, got, used)
		}
	}
	for i, g := range got {
		if !used[i] {
			m.errorf(at, "unexpected %s", brief(g))
		}
	}
}

func (m *matcher) several(at string, want any, n int, got []any, used []bool) {
	found := 0
	for i := m.find(want, got, used, 0); i >= 0; i = m.find(want, got, used, i+1) {
		used[i] = true
		found++
	}
	if found != n {
		m.errorf(at, "%d of %s, want %d%s", found, brief(want), n, m.nearest(want, got, used))
	}
}

// find gives the first unused member from on that matches, -1 where none does.
func (m *matcher) find(want any, got []any, used []bool, from int) int {
	for i := from; i < len(got); i++ {
		if !used[i] && len(m.try(want, got[i])) == 0 {
			return i
		}
	}
	return -1
}

func (m *matcher) try(want, got any) []string {
	sub := matcher{kernel: m.kernel}
	sub.value("", want, got)
	return sub.wrong
}

// nearest says what the member lacks that comes nearest to what is expected.
func (m *matcher) nearest(want any, got []any, used []bool) string {
	var best []string
	member := -1
	for i, g := range got {
		if used[i] {
			continue
		}
		if wrong := m.try(want, g); member < 0 || len(wrong) < len(best) {
			best, member = wrong, i
		}
	}
	switch {
	case member < 0:
		return ""
	case len(best) == 0:
		return "; it is there, in another place of the list"
	}
	return fmt.Sprintf("; the nearest has %s: %s", strings.Join(best, ", "), brief(got[member]))
}

// applies reports whether a member is expected on this kernel.
func (m *matcher) applies(want any) bool {
	w, ok := want.(map[string]any)
	if !ok {
		return true
	}
	if only, ok := w[keyKernels].([]any); ok {
		return slices.Contains(only, any(m.kernel))
	}
	except, _ := w[keyExcept].([]any)
	return !slices.Contains(except, any(m.kernel))
}

func count(want any) int {
	w, _ := want.(map[string]any)
	n, _ := w[keyCount].(float64)
	return int(n)
}

// brief is a value for an error message, without what would fill the screen.
func brief(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	const most = 400
	if len(data) > most {
		return string(data[:most]) + "…"
	}
	return string(data)
}

// TestMatcher makes sure that a lesson can fail: each case is wrong in one way.
func TestMatcher(t *testing.T) {
	const got = `{"threads": [
		{"name": "a", "result": 7, "helper": null, "stages_ns": {"born": 1, "died": 5, "freed": null}, "works": [1, 2]},
		{"name": "b/0", "result": 0}, {"name": "b/1", "result": 0}]}`
	for name, c := range map[string]struct{ want, wrong string }{
		"all":            {`{"threads": [{"name": "a", "result": "*", "helper": null, "order": ["born", "died"], "works": [1, 2]}, {"name": "b/*", "count": 2}]}`, ""},
		"other kernel":   {`{"threads": [{"name": "a"}, {"name": "x", "kernels": ["5.10"]}, {"name": "x", "except": ["6.1"]}, {"name": "b*", "count": 2}]}`, ""},
		"this kernel":    {`{"threads": [{"name": "x", "kernels": ["6.1"]}, {"name": "*", "count": 3}]}`, `threads: no {"kernels":["6.1"],"name":"x"}`},
		"value":          {`{"threads": [{"name": "a", "result": 8}, {"count": 2}]}`, `result: 7, want 8`},
		"zero":           {`{"threads": [{"result": "*", "count": 3}]}`, "0, want something"},
		"not null":       {`{"threads": [{"name": "a", "result": null}, {"count": 2}]}`, "7, want null"},
		"beginning":      {`{"threads": [{"name": "c*", "count": 1}, {"count": 3}]}`, `"a", want "c*"`},
		"too many":       {`{"threads": [{"name": "a"}, {"name": "b/0"}]}`, `threads: unexpected {"name":"b/1"`},
		"too few":        {`{"threads": [{"name": "a"}, {"name": "b*", "count": 3}]}`, "2 of"},
		"order of list":  {`{"threads": [{"name": "b/0"}, {"name": "a"}, {"name": "b/1"}]}`, "in another place"},
		"order of time":  {`{"threads": [{"name": "a", "order": ["died", "born"]}, {"name": "b*", "count": 2}]}`, "born came before died"},
		"stage not seen": {`{"threads": [{"name": "a", "order": ["born", "freed"]}, {"name": "b*", "count": 2}]}`, "freed was not seen"},
		"list":           {`{"threads": [{"name": "a", "works": [2, 1]}, {"name": "b*", "count": 2}]}`, "works: no 1"},
		"kind":           {`{"threads": {}}`, "want an object"},
	} {
		t.Run(name, func(t *testing.T) {
			m := matcher{kernel: "6.1"}
			m.object("", parse(t, c.want), parse(t, got))
			all := strings.Join(m.wrong, "\n")
			if c.wrong == "" && all != "" || !strings.Contains(all, c.wrong) || c.wrong != "" && all == "" {
				t.Errorf("said %q, want %q", all, c.wrong)
			}
		})
	}
}

func parse(t *testing.T, text string) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	return v
}
