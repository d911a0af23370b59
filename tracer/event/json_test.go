// SPDX-License-Identifier: MIT

package event

import (
	"encoding/json"
	"testing"
)

func TestJSON(t *testing.T) {
	site := func(addr, at uint64) Site {
		if at != 7 {
			t.Errorf("asked for a place at %d, want the event's 7", at)
		}
		return Site{Symbol: "fn", Offset: addr - 0x2000, Module: "m", Addr: addr}
	}
	k1 := Task{PID: 89, TGID: 89, Comm: "K1", Kthread: true, Addr: 0xffff888003a00000}
	tests := []struct {
		name string
		e    Event
		want string
	}{
		{"thread", Event{Time: 7, Kind: ThreadRequested, By: Task{PID: 5, TGID: 4, Comm: "a\x1b"}, Ptr: 0x10, Func: 0x2000,
			Arg: 3, Text: "K%d", Stack: []uint64{0x2004}},
			`{"time_ns":7,"kind":"thread_requested","cpu":0,"by":{"pid":5,"tgid":4,"comm":"a\u001b","kthread":false},"arg":3,"ret":0,` +
				`"ptr":"0x10","func":"0x2000","function":"fn [m]","text":"K%d","stack":["fn+0x4 [m]"]}`},
		{"signal", Event{Time: 7, Kind: SignalSent, By: k1, Target: k1, Func: HandlerKthread, Ret: -6},
			`{"time_ns":7,"kind":"signal_sent","cpu":0,"by":{"pid":89,"tgid":89,"comm":"K1","kthread":true,"task":"0xffff888003a00000"},` +
				`"target":{"pid":89,"tgid":89,"comm":"K1","kthread":true,"task":"0xffff888003a00000"},"arg":0,"ret":-6,"func":"0x2"}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := json.Marshal(tt.e.JSON(site))
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
	if got := (&Event{Kind: WorkQueued, Func: 0x30}).JSON(nil); got.Function != "0x30" {
		t.Errorf("function %q without names, want 0x30", got.Function)
	}
}
