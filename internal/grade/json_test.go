// SPDX-License-Identifier: MIT

package grade

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func written(t testing.TB, g *Grade) string {
	t.Helper()
	var b bytes.Buffer
	if err := WriteJSON(&b, g); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestJSON(t *testing.T) {
	text := written(t, example())
	again, err := ReadJSON(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(example(), again); diff != "" {
		t.Error(diff)
	}
	if strings.Contains(written(t, &Grade{Lab: "l", Fault: "no memory"}), "null") {
		t.Error("a list is null")
	}
	for name, tt := range map[string]struct{ from, to, want string }{
		"version": {Schema, "kmodlab.grade/2", "or a later one"},
		"kind":    {Schema, "kmodlab.result/1", "another kind of file"},
		"field":   {`"student":`, `"bonus": 3, "student":`, "unknown field"},
		"points":  {`"points": 4.5`, `"points": 45`, "do not add up"},
		"status":  {`"failed"`, `"fine"`, "status is"},
		"type":    {`"line": 12`, `"line": "12"`, "cannot unmarshal"},
		"end":     {"\n}\n", "\n}\n{}", "after its end"},
		"no JSON": {"{", "<", "no JSON"},
		"elements": {`"kernels": [`, `"kernels": [` + strings.Repeat(`"some kernel of the course",`, 110_000),
			"more elements"},
		"size": {`"ada"`, `"` + strings.Repeat("a", 17<<20) + `"`, "larger than 16 MiB"},
	} {
		bad := strings.Replace(text, tt.from, tt.to, 1)
		if bad == text {
			t.Fatalf("%s: nothing changed", name)
		}
		if _, err := ReadJSON(strings.NewReader(bad)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %.200v, want %q", name, err, tt.want)
		}
	}
	if err := WriteJSON(&bytes.Buffer{}, &Grade{Lab: "l", Points: 3}); err == nil {
		t.Error("a grade whose points do not add up was written")
	}
}

// TestLongTexts: whatever a grade says, it can be read again.
func TestLongTexts(t *testing.T) {
	g, long := example(), strings.Repeat("\x01", 1<<20)
	g.Student, g.Checks[0].File, g.Fault = long, long, ""
	for i := range g.Checks {
		for range 1000 {
			g.Checks[i].Say = append(g.Checks[i].Say, long)
		}
	}
	g.Build = g.Checks[0].Say
	for range 2 * maxCrashes {
		g.Crashes = append(g.Crashes, Crash{long, long, long, long})
	}
	text := written(t, g)
	if len(text) > 10<<20 {
		t.Errorf("%d bytes", len(text))
	}
	again, err := ReadJSON(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if text != written(t, again) {
		t.Error("another text when written again")
	}
	if len(again.Crashes) != maxCrashes {
		t.Errorf("%d crashes are kept", len(again.Crashes))
	}
	if say := again.Checks[0].Say; say[len(say)-1] != "…" || !strings.HasSuffix(again.Student, "…") {
		t.Error("what is left out is not marked")
	}
}

func FuzzReadJSON(f *testing.F) {
	f.Add(written(f, example()))
	f.Add(written(f, &Grade{Lab: "l", Max: 3, Fault: "no room on the disk"}))
	f.Add(`{"schema":"kmodlab.grade/1","lab":"l","points":1e999}`)
	f.Add(`{"schema":"kmodlab.grade/1","lab":"l","checks":[{"id":"a","points":-0.0}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		g, err := ReadJSON(strings.NewReader(text))
		if err != nil {
			return
		}
		first := written(t, g)
		again, err := ReadJSON(strings.NewReader(first))
		if err != nil {
			t.Fatalf("%v in what was written:\n%s", err, first)
		}
		if written(t, again) != first {
			t.Error("another text when written again")
		}
	})
}
