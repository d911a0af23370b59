// SPDX-License-Identifier: MIT

package failable

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseTarget(t *testing.T) {
	for text, want := range map[string]Target{
		"sleep":             {"sleep", 1, ""},
		"sleep#2":           {"sleep", 2, ""},
		"k1/0#2@send-sig":   {"k1/0", 2, "send-sig"},
		"123456789012345@a": {"123456789012345", 1, "a"},
	} {
		got, err := ParseTarget(text)
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	for text, want := range map[string]string{
		"":                 "cannot be the name of a task",
		"1234567890123456": "cannot be the name of a task",
		"a b":              "cannot be the name of a task",
		"a,nth=3":          "cannot be the name of a task",
		"a\x1b[2J":         "cannot be the name of a task",
		"a#":               "is not a number of a use",
		"a#0":              "is not a number of a use",
		"a#1@":             "has no module after @",
		"a@b c":            "is not the name of a module",
	} {
		if _, err := ParseTarget(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want … %s", text, err, want)
		}
	}
}

// FuzzParseTarget: what is accepted can be a parameter of the helper module, and is the same when it is written again.
func FuzzParseTarget(f *testing.F) {
	for _, s := range []string{"sleep", "k1#2@send", "#", "@", "x#0", "x#1@y@z"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		target, err := ParseTarget(s)
		if err != nil {
			return
		}
		again, err := ParseTarget(target.String())
		if err != nil || again != target || strings.ContainsAny(target.Name+target.Module, " ,=\"\n#@") {
			t.Errorf("%q is %+v, then %+v (%v)", s, target, again, err)
		}
	})
}

func TestUses(t *testing.T) {
	got := Uses([]string{"send_sig", "kfree", "find_get_pid", "get_pid_task"})
	if diff := cmp.Diff([]string{"get_pid_task", "send_sig"}, got); diff != "" {
		t.Error(diff)
	}
	if u := NoUses("m"); !strings.Contains(u.Hint, "get_pid_task, ") {
		t.Error(u.Hint)
	}
}

// The helper's source knows the same uses, and has the parameters.
func TestTargetHelper(t *testing.T) {
	data, err := os.ReadFile("../../modules/failcall/target.c")
	if err != nil {
		t.Fatal(err)
	}
	source := string(data)
	for _, name := range ExitFacts {
		if !strings.Contains(source, "("+name+", ") {
			t.Errorf("it has no parameter %s", name)
		}
	}
	for _, name := range uses {
		if !strings.Contains(source, `{ "`+name+`", `) {
			t.Errorf("it does not know %s", name)
		}
	}
	if strings.Count(source, `{ "`) != len(uses) || !slices.IsSorted(uses) {
		t.Error("there are others, or they are not sorted")
	}
}
