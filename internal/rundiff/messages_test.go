// SPDX-License-Identifier: MIT

package rundiff

import (
	"strings"
	"testing"

	"github.com/kmodlab/kmodlab/result"
)

// said is a result of a run in which a module printed lines. A line that begins with + is followed by lines that were
// not kept.
func said(pid int, text ...string) *result.Result {
	r := &result.Result{Threads: []result.Thread{{Name: "K1", PID: pid}}}
	for _, line := range text {
		line, more := strings.CutPrefix(line, "+")
		m := result.Message{Module: "m", Text: line, Task: &result.Task{Comm: "modprobe", PID: pid + 1}}
		if more {
			m.Omitted = 3
		}
		r.Messages = append(r.Messages, m)
	}
	return r
}

func TestMessages(t *testing.T) {
	for _, c := range []struct {
		name string
		a, b *result.Result
		want string
	}{
		{"the same", said(7, "hello", "value 3"), said(7, "hello", "value 3"), ""},
		{"another order", said(7, "hello", "bye"), said(7, "bye", "hello"), ""},
		{"pids", said(7, "my pid is 7, modprobe's 8"), said(30, "my pid is 30, modprobe's 31"), ""},
		{"an address and a time", said(7, "at 0xffff1234 after 12 ms"), said(7, "at 0xffff5678 after 3.5 ms"), ""},
		{"a counter, longer", said(7, "value 1", "value 2"), said(7, "value 1", "value 2", "value 3"), ""},
		{"a counter that came once", said(7, "value 1"), said(7, "value 1", "value 2"), ""},
		{"a number", said(7, "count is 3"), said(7, "count is 5"), "message m: prints: count is 3 > count is 5"},
		{"a word", said(7, "hello"), said(7, "goodbye"), "message m: prints: hello > \nmessage m: prints:  > goodbye"},
		{"a new line", said(7), said(7, "hello", "hello"), "message m: prints:  > hello"},
		{"a line less", said(7, "hello", "bye"), said(7, "hello"), "message m: prints: bye > "},
		{"lines that are not kept", said(7, "+a"), said(7, "a", "b"), ""},
		{"of the other", said(7, "a", "b"), said(7, "+a"), ""},
	} {
		if got := shown(Compare(c.a, c.b)); got != c.want {
			t.Errorf("%s:\ngot\n%s\nwant\n%s", c.name, got, c.want)
		}
	}
	lost := said(7)
	lost.LogLost = 1
	if d := Compare(said(7, "a"), lost); len(d.Changes) != 0 || len(d.Notes) != 1 {
		t.Errorf("%s; %q", shown(d), d.Notes)
	}
}
