// SPDX-License-Identifier: MIT

package lanes

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/kmodlab/kmodlab/internal/plain"
	"github.com/kmodlab/kmodlab/result"
)

// real are the results of runs in VMs (internal/report/testdata/real).
var real = []string{"demo", "requests", "sigcases", "kthreads", "null_thread", "no_should_stop", "hw"}

func golden(t testing.TB, name string) *result.Result {
	t.Helper()
	r, err := parse(readGolden(t, name))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func readGolden(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "testdata", "real", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func parse(b []byte) (*result.Result, error) {
	r := &result.Result{}
	return r, json.Unmarshal(b, r)
}

func titles(s *Story) []string {
	var list []string
	for i := range s.Lanes {
		list = append(list, s.Lanes[i].Title())
	}
	return list
}

// TestDemoLanes checks the demo's picture that people know: the order of the lanes, and the segments in each.
func TestDemoLanes(t *testing.T) {
	s := Build(golden(t, "demo"))
	want := []string{"modprobe[114]", "kthreadd[2]", "K1[120]", "modprobe[121]", "K2[127]", "modprobe[143]",
		"signal_handling", "send_signal"}
	if got := titles(s); !slices.Equal(got, want) {
		t.Fatalf("lanes %q; want %q", got, want)
	}
	segments := map[string]string{
		"modprobe[114]": "load 0, create 1",
		"kthreadd[2]":   "creating 0, creating 0",
		"K1[120]":       "requested 0, creating 0, created 0, woken 0, function 0, request 1, stopping 0, ended 0",
		"modprobe[121]": "starting 0, running 0, load 1, create 2",
		"K2[127]":       "requested 0, creating 0, created 0, woken 0, function 0, stopping 0, ended 0",
		"modprobe[143]": "stop 0, stop 0",
		"send_signal":   "init 0, live 0",
	}
	for i := range s.Lanes {
		var got []string
		for _, g := range s.Lanes[i].Segments {
			got = append(got, fmt.Sprintf("%s %d", g.Stage, g.Row))
		}
		if want, ok := segments[s.Lanes[i].Title()]; ok && strings.Join(got, ", ") != want {
			t.Errorf("%s: %s; want %s", s.Lanes[i].Title(), strings.Join(got, ", "), want)
		}
	}
}

// TestDemoArrows names every arrow of the demo.
func TestDemoArrows(t *testing.T) {
	s := Build(golden(t, "demo"))
	var got []string
	for _, a := range s.Arrows {
		got = append(got, strings.TrimSpace(fmt.Sprintf("%s %s > %s %s %s", a.Link, s.Lanes[a.From.Lane].Title(),
			s.Lanes[a.To.Lane].Title(), a.Name, a.Outcome)))
	}
	want := []string{
		"ask modprobe[114] > kthreadd[2]", "fork kthreadd[2] > K1[120]", "answer K1[120] > modprobe[114]",
		"wake modprobe[114] > K1[120]",
		"ask K1[120] > modprobe[121]",
		"ask modprobe[121] > kthreadd[2]", "fork kthreadd[2] > K2[127]", "answer K2[127] > modprobe[121]",
		"wake modprobe[121] > K2[127]",
		"answer modprobe[121] > K1[120] exit 0",
		"signal K2[127] > K1[120] SIGUSR1 consumed", "signal K2[127] > K1[120] SIGUSR1 consumed",
		"stop modprobe[143] > K2[127]", "answer K2[127] > modprobe[143]", "stop modprobe[143] > K1[120]",
		"answer K1[120] > modprobe[143]",
	}
	if !slices.Equal(got, want) {
		t.Errorf("arrows\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestRealRuns checks in every real run what must hold for all stories.
func TestRealRuns(t *testing.T) {
	for _, name := range real {
		t.Run(name, func(t *testing.T) {
			r := golden(t, name)
			s := Build(r)
			check(t, s)
			outcomes := map[string]int{}
			for _, a := range s.Arrows {
				if a.Link == LinkSignal {
					outcomes[a.Outcome]++
				}
			}
			for _, signal := range r.Signals {
				if signal.From.PID != signal.To.PID {
					outcomes[string(signal.Outcome)]--
				}
			}
			for outcome, n := range outcomes {
				if n != 0 {
					t.Errorf("%+d arrows for the outcome %s", n, outcome)
				}
			}
		})
	}
}

// TestEveryMoment counts: each time in a result is an event.
func TestEveryMoment(t *testing.T) {
	for _, name := range real {
		r := golden(t, name)
		s := Build(r)
		for i := range r.Threads {
			st := r.Threads[i].Stages
			for _, at := range []*int64{st.Requested, st.PickedUp, st.FirstRun, st.Created, st.Woken, st.Function, st.StopAsked,
				st.StopSeen, st.Exited, st.StopReturned, st.Freed} {
				if at != nil && !slices.ContainsFunc(s.Events, func(e Event) bool { return e.At == *at }) {
					t.Errorf("%s: no event at %s of %s", name, plain.Moment(*at), r.Threads[i].Name)
				}
			}
		}
		for i := range r.Signals {
			if at := r.Signals[i].SentNS; !slices.ContainsFunc(s.Events,
				func(e Event) bool { return e.At == at && e.Moment == "sent_ns" }) {
				t.Errorf("%s: no event for the signal at %s", name, plain.Moment(at))
			}
		}
	}
}

// check checks a story for what its readers rely on.
func check(t *testing.T, s *Story) {
	t.Helper()
	lane := func(i, low int) {
		t.Helper()
		if i < low || i >= len(s.Lanes) {
			t.Fatalf("lane %d of %d", i, len(s.Lanes))
		}
	}
	event := func(i int) {
		t.Helper()
		if i < 0 || i >= len(s.Events) {
			t.Fatalf("event %d of %d", i, len(s.Events))
		}
	}
	for i, e := range s.Events {
		lane(e.Lane, -1)
		if e.Subject < 0 || e.Subject >= len(s.Subjects) {
			t.Fatalf("subject %d of %d", e.Subject, len(s.Subjects))
		}
		if i > 0 && e.At < s.Events[i-1].At {
			t.Fatalf("event %d comes after a later one", i)
		}
		plainText(t, e.What, e.How, e.Moment)
	}
	for _, l := range s.Lanes {
		plainText(t, l.Name)
		rows := map[int][]Segment{}
		for _, g := range l.Segments {
			event(g.Event)
			plainText(t, g.Name)
			if g.End < g.Begin || g.Row < 0 || g.Row >= l.Rows {
				t.Fatalf("segment %+v in %d rows", g, l.Rows)
			}
			rows[g.Row] = append(rows[g.Row], g)
		}
	}
	for _, a := range s.Arrows {
		lane(a.From.Lane, 0)
		lane(a.To.Lane, 0)
		event(a.Event)
		plainText(t, a.Name, a.Outcome)
		if a.From.Row >= s.Lanes[a.From.Lane].Rows || a.To.Row >= s.Lanes[a.To.Lane].Rows {
			t.Fatalf("arrow %+v lands below its lane", a)
		}
	}
	for _, u := range s.Subjects {
		plainText(t, u.Kind, u.Name)
		for _, f := range u.Fields {
			plainText(t, f.Name, strings.NewReplacer("\n", "", "\t", "").Replace(f.Value))
		}
		for _, st := range u.Stacks {
			for _, p := range st.Places {
				if p < 0 || p >= len(s.Places) {
					t.Fatalf("place %d of %d", p, len(s.Places))
				}
			}
		}
	}
}

func plainText(t *testing.T, texts ...string) {
	t.Helper()
	for _, s := range texts {
		if !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Fatalf("%q is not plain", s)
		}
	}
}

// FuzzBuild mutates real results: any JSON that is a result makes a consistent story.
func FuzzBuild(f *testing.F) {
	for _, name := range real {
		b := readGolden(f, name)
		if len(b) < 40_000 {
			f.Add(b)
		}
	}
	f.Add([]byte(`{"tests":[{"pid":7,"start_ns":5},{"pid":7}],"processes":[{"task":{"pid":7}},{"task":{"pid":8},"parent":8,"start_ns":4,"killed_by":"x"}],"calls":[{"by":{"pid":8},"ret":-9223372036854775808},{"by":{"pid":8}}]}`))
	f.Add([]byte(`{"threads":[{"pid":7,"stop_calls":[{}],"parks":[{"unparked_ns":5}],"works":[{"started_ns":9}]}],"signals":[{}],"modules":[{"freed_ns":1}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := parse(b)
		if err != nil {
			return
		}
		check(t, Build(r))
	})
}

// TestGaps removes each moment of the demo in turn: a moment that was not seen leaves a gap and nothing else.
func TestGaps(t *testing.T) {
	var tree any
	if err := json.Unmarshal(readGolden(t, "demo"), &tree); err != nil {
		t.Fatal(err)
	}
	n := 0
	forEachTime(tree, func(m map[string]any, key string) {
		kept := m[key]
		m[key] = nil
		b, err := json.Marshal(tree)
		if err != nil {
			t.Fatal(err)
		}
		m[key] = kept
		r, err := parse(b)
		if err != nil {
			t.Fatal(err)
		}
		check(t, Build(r))
		n++
	})
	if n < 40 {
		t.Errorf("only %d moments", n)
	}
}

// forEachTime visits every number below v that is a moment.
func forEachTime(v any, visit func(m map[string]any, key string)) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			forEachTime(e, visit)
		}
	case map[string]any:
		for key, e := range v {
			if _, ok := e.(float64); ok && !slices.Contains([]string{"pid", "ms"}, key) {
				visit(v, key)
			} else {
				forEachTime(e, visit)
			}
		}
	}
}

// TestUnordered: a guest may claim anything.
func TestUnordered(t *testing.T) {
	n := func(v int64) *int64 { return &v }
	r := &result.Result{
		Threads: []result.Thread{
			{Name: "back", PID: 5, Stages: result.ThreadStages{Requested: n(9), PickedUp: n(3), Function: n(math.MinInt64),
				Exited: n(math.MaxInt64), Freed: n(1)}},
			{Name: "same", PID: 5, Requester: result.Task{Comm: "back", PID: 5}, Stages: result.ThreadStages{Requested: n(4)}},
			{Name: "none", Ended: "not created: -ENOMEM", Stages: result.ThreadStages{Requested: n(4)}},
			{Name: "lost", PID: 6},
		},
		Signals: []result.Signal{{SentNS: 10, ConsumedNS: n(2), From: result.Task{Comm: "x", PID: 5},
			To: result.Task{Comm: "y", PID: 6}}},
		Requests: []result.Request{{Helper: &result.Helper{PID: 5}}, {Stages: result.RequestStages{Exited: n(3)}}},
	}
	s := Build(r)
	check(t, s)
	if s.Begin != math.MinInt64 || s.End != math.MaxInt64 {
		t.Errorf("from %d to %d", s.Begin, s.End)
	}
	bad := 0
	for _, e := range s.Events {
		if e.Tone == Bad {
			bad++
		}
	}
	if bad == 0 {
		t.Error("that a thread was not created is no bad news")
	}
}

// TestCrowdOnOneLane: calls without an end do not make a lane grow without bound.
func TestCrowdOnOneLane(t *testing.T) {
	r := &result.Result{}
	for i := range int64(1000) {
		at := i
		r.Requests = append(r.Requests,
			result.Request{Name: "x", By: result.Task{Comm: "a", PID: 9}, Stages: result.RequestStages{Asked: &at}})
	}
	s := Build(r)
	check(t, s)
	if len(s.Lanes) != 1 || s.Lanes[0].Rows > maxRows+1 {
		t.Errorf("%d lanes, %d rows", len(s.Lanes), s.Lanes[0].Rows)
	}
}

// TestSilentTarget: a task that is sent a signal and never does anything has a lane too, and the arrow lands there.
func TestSilentTarget(t *testing.T) {
	s := Build(&result.Result{Signals: []result.Signal{{Name: "SIGUSR1", From: result.Task{Comm: "a", PID: 1000},
		To: result.Task{Comm: "b", PID: 2000}, Outcome: result.Ignored}}})
	check(t, s)
	if len(s.Arrows) != 1 || len(s.Lanes) != 2 || s.Lanes[s.Arrows[0].To.Lane].PID != 2000 {
		t.Errorf("arrows %+v, lanes %q", s.Arrows, titles(s))
	}
}

func TestText(t *testing.T) {
	for _, test := range []struct{ got, want string }{
		{Short("K1"), "K1"},
		{Short("a\nb\tc"), `a\x0ab\x09c`},
		{Plain("a\r\nb\tc"), "a\nb\tc"},
		{Short("\xff\u202e\x1b[m"), `\xff\u202e\x1b[m`},
		{Short("<b>&שלום"), "<b>&שלום"},
		{Short(strings.Repeat("é", 200)), strings.Repeat("é", 128) + "… (400 bytes)"},
		{Short("x" + strings.Repeat("é", 200)), "x" + strings.Repeat("é", 127) + "… (401 bytes)"},
		{Short(strings.Repeat("\x80", 300)), strings.Repeat(`\x80`, 252) + "… (300 bytes)"},
		{Lines("0123456789", 4), "01\n\n… 6 bytes are not shown …\n\n89"},
		{Untab("\tx\ty"), "        x       y"},
	} {
		if test.got != test.want {
			t.Errorf("got %q; want %q", test.got, test.want)
		}
	}
}
