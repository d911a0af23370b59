// SPDX-License-Identifier: MIT

package wire

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestExecResult: what an agent sends arrives as it is.
func TestExecResult(t *testing.T) {
	for _, want := range []ExecResult{
		{},
		{Exit: -1, Stuck: true, PID: 7, MS: 1.5},
		{Exit: 255, PID: maxPID, Left: []string{"a b\x1b\n[7]"}, LeftCount: 1000, Omitted: 1 << 40, Tail: []byte("end")},
		{Exit: 139, Signal: "SIGSEGV", EndNS: 1 << 61, Processes: 1024, Tasks: []TaskState{{PID: 1, Comm: "init"}}},
		{Exit: 163, Signal: "SIG35"},
	} {
		data, err := json.Marshal(&want)
		if err != nil {
			t.Fatal(err)
		}
		var got ExecResult
		if err := json.Unmarshal(data, &got); err != nil {
			t.Errorf("%s: %v", data, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
}

// TestForgedExecResult: a guest that lies about the end of a program is found out where its words are decoded.
func TestForgedExecResult(t *testing.T) {
	long := strings.Repeat("x", maxName+1)
	for _, text := range []string{
		`{"exit": 256}`, `{"exit": -2}`, `{"exit": 1e3}`, `{"exit": 0, "signal": "SIGKILL"}`,
		`{"exit": 137, "signal": "SIGKILL\n"}`, `{"exit": 137, "signal": "pass"}`, `{"exit": 137, "signal": "SIG"}`,
		`{"exit": 137, "signal": "SIGAAAAAAAAAAAAAAAAAAAAAAAA"}`, `{"pid": -1}`, `{"pid": 4194305}`, `{"ms": -1}`,
		`{"ms": 1e300}`, `{"ms": "NaN"}`, `{"end_ns": 18446744073709551615}`, `{"omitted": -1}`,
		`{"omitted": 9223372036854775807}`, `{"processes": -5}`, `{"left_count": -1}`, `{"left": ["` + long + `"]}`,
		`{"left": [` + strings.Repeat(`"a",`, maxLeft) + `"a"]}`,
	} {
		var got ExecResult
		if err := json.Unmarshal([]byte(text), &got); err == nil {
			t.Errorf("%s is decoded: %+v", text, got)
		}
	}
}
