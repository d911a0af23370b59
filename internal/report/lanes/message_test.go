// SPDX-License-Identifier: MIT

package lanes

import (
	"testing"

	"github.com/kmodlab/kmodlab/result"
)

// What a module prints is in the module's lane, at its time.
func TestMessages(t *testing.T) {
	n := func(v int64) *int64 { return &v }
	s := Build(&result.Result{
		Modules: []result.Module{{Name: "m", Loaded: true, LoadedNS: n(0), FreedNS: n(90)}},
		Messages: []result.Message{
			{AtNS: n(10), Level: result.LevelErr, Module: "m", Task: &result.Task{Comm: "modprobe", PID: 5}, Text: "bad\x1b"},
			{AtNS: n(20), Level: result.LevelInfo, Module: "unseen", Text: "hello"},
			{AtNS: n(30), Level: result.LevelInfo, Text: "one of several"},
			{Level: result.LevelInfo, Module: "m", Text: "at some time"},
		},
	})
	check(t, s)
	var got []Event
	for _, e := range s.Events {
		if s.Subjects[e.Subject].Kind == "message" {
			got = append(got, e)
		}
	}
	if len(got) != 3 {
		t.Fatalf("%d messages are events, want 3: %+v", len(got), got)
	}
	for i, want := range []struct {
		lane, what, how string
		tone            Tone
	}{
		{"m", `prints "bad\x1b"`, "err, by modprobe[5]", Bad}, {"unseen", `prints "hello"`, "info", ""},
		{"", `prints "one of several"`, "info", ""},
	} {
		lane := ""
		if got[i].Lane >= 0 {
			lane = s.Lanes[got[i].Lane].Name
		}
		if lane != want.lane || got[i].What != want.what || got[i].How != want.how || got[i].Tone != want.tone ||
			!got[i].Point {
			t.Errorf("%+v in lane %q, want %+v", got[i], lane, want)
		}
	}
}
