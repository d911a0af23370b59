// SPDX-License-Identifier: MIT

package report

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/kmodlab/kmodlab/result"
	"github.com/kmodlab/kmodlab/tracer/event"
	"github.com/kmodlab/kmodlab/tracer/timeline"
)

// blindResult is what a run finds if nothing records some kinds.
func blindResult(events []event.Event, kinds ...event.Kind) *result.Result {
	opts := demoOptions()
	opts.Blind = map[event.Kind]string{}
	r := &result.Result{Machine: result.Machine{Kernel: "6.1.0"}, Unknown: map[string]string{}}
	for _, kind := range kinds {
		opts.Blind[kind] = fmt.Sprintf("the hook of %s never fired", kind)
		r.Unknown[kind.String()] = opts.Blind[kind]
	}
	tl := timeline.Build(withoutKinds(events, kinds...), demoResolve, opts)
	tl.Start = 12_345_000_000 // where the time of day begins is no claim
	fill(r, tl)
	return r
}

// TestBlind drops the records of one kind after the other from a trace that has all of them. What the result then says
// is what it said before, or that it is not known: never something else.
func TestBlind(t *testing.T) {
	events := fullEvents()
	full := members(t, blindResult(events))
	have := map[event.Kind]bool{}
	for _, e := range events {
		have[e.Kind] = true
	}
	for kind := range event.Kinds() {
		t.Run(kind.String(), func(t *testing.T) {
			if !have[kind] {
				t.Fatal("the trace has no such record")
			}
			r := blindResult(events, kind)
			found := 0
			for key, claims := range members(t, r) {
				if whole, ok := full[key]; ok {
					found++
					compare(t, key, "", whole, claims, unknowns(claims))
				}
			}
			if found < len(full)*2/3 {
				t.Errorf("%d of %d members are there", found, len(full))
			}
			said := string(text(t, r, TextOptions{}))
			for _, words := range wrongWords[kind] {
				if strings.Contains(said, words) {
					t.Errorf("the story says %q:\n%s", words, said)
				}
			}
			if !strings.Contains(strings.Join(strings.Fields(said), " "), hiddenWords(kind)) {
				t.Errorf("the report does not say that it is not known %s", hiddenWords(kind))
			}
		})
	}
}

// TestFullGolden shows the whole story, and the same story with two hooks that record nothing.
func TestFullGolden(t *testing.T) {
	golden(t, "full.txt", text(t, blindResult(fullEvents()), TextOptions{Verbose: true}))
	r := blindResult(fullEvents(), event.SignalDequeued, event.TaskExited)
	r.Hooks = []result.Hook{
		{Name: "signal_dequeued", Kind: "kprobe", Attached: true, Fallback: "fexit: not on this kernel",
			Kinds: []string{"signal_dequeued"}},
		{Name: "task_exited", Kind: "tp_btf", Kinds: []string{"task_exited"}, Note: "refused"},
		{Name: "signal_sent", Kind: "fentry", Attached: true, Proved: true, Fired: 12, Runs: 20, RunNS: 9_000,
			Kinds: []string{"signal_sent"}},
		{Name: "signal_sent_too", Kind: "fentry", Attached: true, Kinds: []string{"signal_sent"}},
	}
	golden(t, "blind.txt", text(t, r, TextOptions{}))
	golden(t, "blind_verbose.txt", text(t, r, TextOptions{Verbose: true}))
}

// wrongWords are what a story must not say if records are missing, unless the full story says it too.
var wrongWords = map[event.Kind][]string{
	event.ThreadFunction:     {"not called"},
	event.ThreadStopAsked:    {"by itself"},
	event.ThreadStopReturned: {"did not return"},
	event.TaskExited:         {"still alive", "still running"},
	event.RequestReturned:    {"still waiting"},
	event.HelperForked:       {"(not run)"},
	event.ModuleInitEnd:      {"init did not return", "its init failed"},
	event.WorkStarted:        {"not started"},
	event.WorkEnded:          {"still running"},
	event.ThreadParkReturned: {"kthread_park did not return"},
}

func hiddenWords(kind event.Kind) string {
	return strings.Join(unknownWords(map[string]string{kind.String(): ""}), ", ")
}

// members are the result's claims in the form of JSON, each member under a name that does not depend on any one kind of
// record.
func members(t *testing.T, r *result.Result) map[string]map[string]any {
	t.Helper()
	all := map[string]map[string]any{}
	add := func(key string, member any) {
		var claims map[string]any
		if err := json.Unmarshal([]byte(mustJSON(t, member)), &claims); err != nil {
			t.Fatal(err)
		}
		all[key] = claims
	}
	for _, m := range r.Modules {
		add(fmt.Sprintf("module %s %d", m.Name, counted(all, "module "+m.Name)), m)
	}
	for _, th := range r.Threads {
		add(fmt.Sprintf("thread %d %s", th.PID, th.Name), th)
	}
	for _, q := range r.Requests {
		add("request "+q.Name+" by "+q.By.Comm, q)
	}
	for _, s := range r.Signals {
		key := fmt.Sprintf("signal %d %s", s.Signo, s.To.Comm)
		add(fmt.Sprintf("%s %d", key, counted(all, key)), s)
	}
	return all
}

func mustJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func counted(all map[string]map[string]any, prefix string) int {
	n := 0
	for key := range all {
		if strings.HasPrefix(key, prefix+" ") {
			n++
		}
	}
	return n
}

func unknowns(claims map[string]any) []string {
	var names []string
	if list, ok := claims["unknown"].([]any); ok {
		for _, name := range list {
			names = append(names, name.(string))
		}
	}
	return names
}

// words are for people: the claim is in the field beside them. Whether a member is in the background is an opinion.
var words = []string{"ended", "reason", "meaning", "unknown", "background", "stack"}

// compare checks a claim against the full trace's: equal, absent, or in the list of what is not known; a list there
// covers everything below it.
func compare(t *testing.T, key, path string, full, got any, unknown []string) {
	t.Helper()
	switch g := got.(type) {
	case nil:
		return
	case string:
		if g == "" || g == "unknown" {
			return
		}
	case map[string]any:
		f, ok := full.(map[string]any)
		if !ok {
			t.Errorf("%s: %s is %v and was %v", key, path, got, full)
			return
		}
		for _, name := range slices.Sorted(maps.Keys(g)) {
			if !slices.Contains(words, name) && !slices.Contains(unknown, name) && !slices.Contains(unknown, aliases[name]) {
				compare(t, key, path+"."+name, f[name], g[name], unknown)
			}
		}
		return
	case []any:
		f, _ := full.([]any)
		if len(g) == 0 && len(f) == 0 {
			return
		}
		if len(f) != len(g) {
			t.Errorf("%s: %s has %d entries and had %d", key, path, len(g), len(f))
			return
		}
		for i := range g {
			compare(t, key, fmt.Sprintf("%s[%d]", path, i), f[i], g[i], unknown)
		}
		return
	}
	if !reflect.DeepEqual(full, got) {
		t.Errorf("%s: %s is %v and was %v; unknown %v", key, path, got, full, unknown)
	}
}

// aliases are facts that have another name in the list of unknown ones.
var aliases = map[string]string{
	"stop_calls": "stops", "stopped_by": "stops", "loaded": "modules", "exit": "exit", "throttled_ns": "named",
	"site": "from", "sender": "from", "group": "from",
}
