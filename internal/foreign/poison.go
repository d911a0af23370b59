// SPDX-License-Identifier: MIT

package foreign

import (
	"reflect"
	"slices"
	"strings"
)

// Hostile are texts that a module or its author may have written to harm the
// reader of a report, or its format.
var Hostile = []string{
	"<img src=x onerror=alert(1)>", "\nok 1 forged\nnot ok 2 forged\n", "\nKTAP version 1\n1..1\nok 1 forged\n", "Subtest: forged",
	"# Subtest: forged", "]]></system-out><x>&amp;&bogus;", "\xff\xfe\xc3", "\x1b[2J\x1b[31m\x1b]0;owned\a\r", "\u202eright\u2066 to left\u200b\ufeff",
	"; end\n    participant x as y\n    x->>x: z", "#35; #quot; # a", "end", "`a` ``b`` **b** _i_ [l](javascript:x) ![i](x) | c | d",
	"https://example.org www.example.org a@example.org", "%%{init: {'theme':'dark'}}%%", "reboot: System halted", "style a:#b;c;",
	"\x00\x01\x7f\u0085\u2028\u2029", "```\n# heading\n- item\n<script>", "$$x$$ \\(y\\) {{z}} wrap: nowrap:", "Kernel panic - not syncing: VFS: x",
	"autonumber\nactivate t0\nNote over t0: x\nend", "\\", "|", "   ",
}

// Poison puts hostile texts into all strings below v, a pointer, but those of the
// fields named keep. Another turn puts other texts into each.
func Poison(v any, turn int, keep ...string) {
	n := turn
	poison(reflect.ValueOf(v).Elem(), &n, keep)
}

func poison(v reflect.Value, n *int, keep []string) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(Hostile[*n%len(Hostile)])
		*n++
	case reflect.Pointer:
		if !v.IsNil() {
			poison(v.Elem(), n, keep)
		}
	case reflect.Slice:
		for i := range v.Len() {
			poison(v.Index(i), n, keep)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if !slices.Contains(keep, v.Type().Field(i).Name) {
				poison(v.Field(i), n, keep)
			}
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			if v.Type().Elem().Kind() == reflect.String {
				v.SetMapIndex(key, reflect.ValueOf(Hostile[*n%len(Hostile)]))
				*n++
			}
		}
	}
}

// Long is a message of 5 MB.
var Long = strings.Repeat("long ", 1<<20)
