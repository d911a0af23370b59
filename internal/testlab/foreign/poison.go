// SPDX-License-Identifier: MIT

package foreign

import (
	"reflect"
	"slices"
	"strings"

	"github.com/kmodlab/kmodlab/result"
)

// Hostile lists texts that a module or its author could write to harm the reader of a report, or the report's format.
var Hostile = []string{
	"<img src=x onerror=alert(1)>",
	"\nok 1 forged\nnot ok 2 forged\n",
	"\nKTAP version 1\n1..1\nok 1 forged\n",
	"Subtest: forged",
	"# Subtest: forged",
	"]]></system-out><x>&amp;&bogus;",
	"\xff\xfe\xc3",
	"\x1b[2J\x1b[31m\x1b]0;owned\a\r",
	"\u202eright\u2066 to left\u200b\ufeff",
	"; end\n    participant x as y\n    x->>x: z",
	"#35; #quot; # a",
	"end",
	"`a` ``b`` **b** _i_ [l](javascript:x) ![i](x) | c | d",
	"https://example.org www.example.org a@example.org",
	"%%{init: {'theme':'dark'}}%%",
	"reboot: System halted",
	"style a:#b;c;",
	"\x00\x01\x7f\u0085\u2028\u2029",
	"```\n# heading\n- item\n<script>",
	"$$x$$ \\(y\\) {{z}} wrap: nowrap:",
	"Kernel panic - not syncing: VFS: x",
	"autonumber\nactivate t0\nNote over t0: x\nend",
	"\\",
	"|",
	"   ",
	Forged,
}

// Forged would be our own verdict, a command to the CI server, or a control sequence, if it came to stand in a line's
// beginning or on a terminal as it is.
const Forged = "x\n::error::forged\n ::add-mask::a\n##[error]forged\n##vso[task.x]\npass: forged\nkmodlab: forged\n" +
	"\r\x1b[2J\x1b]0;forged\a\u009b2J\u202e"

// Poison puts hostile texts into every string below the pointer v. It skips the fields that keep names. Another turn
// gives each string another text.
func Poison(v any, turn int, keep ...string) {
	n := turn
	poison(reflect.ValueOf(v).Elem(), func() string { n++; return Hostile[(n-1)%len(Hostile)] }, keep)
}

// Fill puts one text into every string below the pointer v. It skips the fields that keep names.
func Fill(v any, text string, keep ...string) {
	poison(reflect.ValueOf(v).Elem(), func() string { return text }, keep)
}

func poison(v reflect.Value, text func() string, keep []string) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(text())
	case reflect.Pointer:
		if !v.IsNil() {
			poison(v.Elem(), text, keep)
		}
	case reflect.Slice:
		for i := range v.Len() {
			poison(v.Index(i), text, keep)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if !slices.Contains(keep, v.Type().Field(i).Name) {
				poison(v.Field(i), text, keep)
			}
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			if v.Type().Elem().Kind() == reflect.String {
				v.SetMapIndex(key, reflect.ValueOf(text()))
			}
		}
	}
}

// Long is a message of 5 MB, or of 655 kB with the race detector.
var Long = strings.Repeat("long ", longWords)

// Lengthen puts Long wherever a module, its author or a kernel that the module damaged could have written it. It
// changes one element of each kind, if r has one.
func Lengthen(r *result.Result) {
	r.Verdict.Message, r.Verdict.Hint, r.Verdict.Evidence = Long, Long, []string{Long}
	r.Verdict.Also = []result.Verdict{{Class: result.Leak, Message: Long, Hint: Long}}
	r.Console, r.Machine.AccelReason = Long, Long
	r.Leaks = append(r.Leaks, result.Leftover{Kind: Long, What: Long, Site: Long})
	r.Commands = append(r.Commands, result.Command{Argv: []string{Long}, Output: Long, Exit: 1})
	for i := range r.Modules[:min(1, len(r.Modules))] {
		r.Modules[i].Name = Long
	}
	for i := range r.Threads[:min(1, len(r.Threads))] {
		r.Threads[i].Name, r.Threads[i].Function, r.Threads[i].Ended = Long, Long, Long
	}
	for i := range r.Requests[:min(1, len(r.Requests))] {
		r.Requests[i].Name, r.Requests[i].Meaning, r.Requests[i].Helper.Argv = Long, Long, []string{Long}
	}
	for i := range r.Signals[:min(1, len(r.Signals))] {
		r.Signals[i].Reason, r.Signals[i].Site, r.Signals[i].From.Comm = Long, Long, Long
	}
	for i := range r.Tests[:min(1, len(r.Tests))] {
		t := &r.Tests[i]
		t.Name, t.Reason, t.Output, t.Left = Long, Long, Long, []string{Long}
		for j := range t.Subtests[:min(1, len(t.Subtests))] {
			t.Subtests[j].Name, t.Subtests[j].Notes = Long, []string{Long}
		}
	}
	for i := range r.Calls[:min(1, len(r.Calls))] {
		r.Calls[i].Name, r.Calls[i].File, r.Calls[i].Args, r.Calls[i].Serving = Long, Long, Long, Long
	}
	for i := range r.Crashes[:min(1, len(r.Crashes))] {
		r.Crashes[i].Title, r.Crashes[i].Note, r.Crashes[i].Log = Long, Long, []string{Long}
	}
}
