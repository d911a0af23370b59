// SPDX-License-Identifier: MIT

package lanes

import (
	"strings"
	"testing"

	"github.com/kmodlab/kmodlab/result"
)

// TestWords: no name of the contract reaches a person's eyes.
func TestWords(t *testing.T) {
	for _, name := range real {
		s := Build(golden(t, name))
		raw := func(what, words string) {
			t.Helper()
			if words == "" || strings.ContainsAny(words, "[]") || strings.Contains(words, "_ns") ||
				strings.Contains(strings.NewReplacer("kthread_stop", "", "kthread_create", "", "si_code", "").Replace(words), "_") {
				t.Errorf("%s: %s reads %q", name, what, words)
			}
		}
		for _, e := range s.Events {
			raw("the moment "+e.Moment, e.Label)
		}
		for _, u := range s.Subjects {
			seen := map[string]bool{}
			for _, f := range u.Fields {
				raw("the field "+f.Name, f.Words)
				if f.Value == "true" || f.Value == "false" {
					t.Errorf("%s: %s is %s", name, f.Words, f.Value)
				}
				if seen[f.Words] {
					t.Errorf("%s: two fields of a %s read %q", name, u.Kind, f.Words)
				}
				seen[f.Words] = true
			}
			for _, st := range u.Stacks {
				raw("a stack", st.Name)
			}
		}
	}
}

func TestFieldWords(t *testing.T) {
	for _, c := range []struct{ kind, path, want string }{
		{"thread", "stages_ns.picked_up", "taken by kthreadd"},
		{"thread", "stages_ns.woken", "woken"},
		{"thread", "stop_calls[1].asked_ns", "stop 2: called"},
		{"module", "init_ms", "init took"},
		{"module", "refs[0].count", "reference 1: count"},
		{"module", "refs", "references"},
		{"request", "helper.exit", "exit status"},
		{"signal", "consumed_ns", "consumed"},
		{"signal", "background", "of other modules"},
		{"signal", "some_new.list[4].of_things_ns", "some new list 5 of things"},
		{"thread", "[", ""}, {"thread", "a[x].b", "a x  b"},
		{"thread", "a[99999999999999999999].b", "a 99999999999999999999  b"},
	} {
		if got := fieldWords(c.kind, c.path); got != c.want {
			t.Errorf("%s of a %s reads %q, want %q", c.path, c.kind, got, c.want)
		}
	}
}

func TestBrief(t *testing.T) {
	for _, c := range []struct {
		stage      Stage
		name, want string
	}{
		{Create, "create K1", "K1"}, {Load, "finit_module m", "m"}, {Function, "f [m]", "f"}, {Function, "f", ""},
		{Ask, `request_module("x")`, `"x"`}, {Ended, "ended, not freed", "ended"}, {Live, "loaded", ""},
		{Create, "create", ""},
	} {
		if got := brief(c.stage, c.name); got != c.want {
			t.Errorf("%s in short is %q, want %q", c.name, got, c.want)
		}
	}
}

// TestFieldValues: durations have units, and what is true of nearly everything is not said.
func TestFieldValues(t *testing.T) {
	r := &result.Result{Modules: []result.Module{{Name: "m", InitMS: 12.993268, Loaded: true, LoadedNS: new(int64)}}}
	got := map[string]string{}
	for _, f := range Build(r).Subjects[0].Fields {
		got[f.Words] = f.Value
	}
	if got["init took"] != "12.993 ms" || got["was loaded"] != "yes" || got["was unloaded"] != "no" {
		t.Errorf("fields: %v", got)
	}
	if _, ok := got["of other modules"]; ok {
		t.Error("it is said of a module under study that it is not of other modules")
	}
}
