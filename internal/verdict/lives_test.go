// SPDX-License-Identifier: MIT

package verdict

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmodlab/kmodlab/result"
	"github.com/kmodlab/kmodlab/tracer/event"
	"github.com/kmodlab/kmodlab/tracer/timeline"
)

func TestMergeModules(t *testing.T) {
	at := int64(5)
	known := []result.Module{
		{Name: "a", Loaded: true, Unloaded: true, InitMS: 9}, {Name: "b", Depends: []string{"a"}, Loaded: true},
		{Name: "gone", Loaded: true, InitMS: 2},
	}
	traced := []result.Module{
		{Name: "b", Loaded: true, LoadedNS: &at, InitMS: 1}, {Name: "a", LoadedNS: &at}, {Name: "b", LoadedNS: &at},
	}
	want := []result.Module{
		{Name: "a", Loaded: true, Unloaded: true, LoadedNS: &at, InitMS: 9},
		{Name: "b", Depends: []string{"a"}, Loaded: true, LoadedNS: &at, InitMS: 1},
		{Name: "gone", Loaded: true, InitMS: 2},
		{Name: "b", Depends: []string{"a"}, LoadedNS: &at},
	}
	if diff := cmp.Diff(want, MergeModules(known, traced)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestFromTimeline(t *testing.T) {
	worker := event.Task{PID: 95, TGID: 93, Comm: "modprobe"}
	k1 := event.Task{PID: 89, TGID: 89, Comm: "K1", Kthread: true}
	tl := &timeline.Timeline{
		Start: 1000,
		Threads: []timeline.Thread{{
			Task: k1, Func: event.Site{Symbol: "fn", Module: "m"}, Requested: 1000, Exited: 900, Result: 7,
			Requester: timeline.Actor{Task: worker, Site: event.Site{Symbol: "init", Offset: 0x1c, Module: "m"}},
			Stops:     []timeline.Stop{{Asked: 1500, Returned: 1600, Result: 7}, {Asked: 1700}},
		}, {Format: "%s", Requested: math.MaxUint64}},
		Signals: []timeline.Signal{
			{Signo: 10, To: worker, Group: true, Sent: 2000, Taken: 2400, Outcome: timeline.Delivered},
			{Signo: 10, To: worker, Sent: 2000, Outcome: timeline.Pending},
		},
		Loads: []timeline.Load{
			{Name: "m", By: worker, Loaded: 1100, InitBegin: 1200, InitEnd: 1_001_200, InitRet: -5, Freed: 1_002_000},
		},
	}
	threads, requests, signals, modules := FromTimeline(tl)
	if requests == nil {
		t.Error("nil slice")
	}
	got := threads[0]
	if got.Requester != (result.Task{Comm: "modprobe", PID: 93, Site: "init+0x1c [m]"}) || got.Function != "fn [m]" {
		t.Errorf("%+v", got)
	}
	if s := got.Stages; *s.Requested != 0 || *s.Exited != -100 || *s.StopAsked != 500 || s.Woken != nil {
		t.Errorf("stages %s", mustJSON(t, got.Stages))
	}
	if got.Stops != 2 || *got.StopRet != 7 || got.Result != 7 {
		t.Errorf("%+v", got)
	}
	if far := threads[1]; far.Name != "%s" || *far.Stages.Requested <= 0 {
		t.Errorf("%+v %d", far, *far.Stages.Requested)
	}
	if group, own := signals[0], signals[1]; group.To.PID != 93 || own.To.PID != 95 ||
		*group.ConsumedNS != 1400 || own.ConsumedNS != nil || group.Name != "SIGUSR1" {
		t.Errorf("%+v", signals)
	}
	if m := modules[0]; m.InitMS != 1 || m.InitRet != -5 || m.Loaded || !m.Unloaded || *m.LoadedNS != 100 {
		t.Errorf("%s", mustJSON(t, m))
	}
}

func mustJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
