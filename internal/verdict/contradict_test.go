// SPDX-License-Identifier: MIT

package verdict

import (
	"slices"
	"testing"

	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/result"
	"github.com/kmodlab/kmodlab/tracer/event"
	"github.com/kmodlab/kmodlab/tracer/timeline"
)

func TestContradictions(t *testing.T) {
	freed := int64(9)
	life := func(loaded bool, ret int64, freed *int64) result.Module {
		return result.Module{Name: "m", Loaded: loaded, InitRet: ret, FreedNS: freed}
	}
	const (
		noLoad   = "the guest says that module m was loaded, but the trace has no record of its load"
		refused  = "the guest says that module m was loaded, but the trace shows that its init returned -EINVAL"
		noUnload = "the guest no longer lists module m, but the trace has no record of its unload"
	)
	for name, tt := range map[string]struct {
		loaded, unloaded bool // as the guest says
		traced           []result.Module
		blind            []event.Kind
		change           func(*evidence.Evidence)
		want             string
	}{
		"as it was":            {loaded: true, unloaded: true, traced: []result.Module{life(true, 0, &freed)}},
		"refused":              {traced: []result.Module{life(false, -22, &freed)}},
		"refused, then loaded": {loaded: true, traced: []result.Module{life(false, -22, &freed), life(true, 0, nil)}},
		"positive return":      {loaded: true, traced: []result.Module{life(false, 5, nil)}},
		"a forged reply":       {loaded: true, traced: []result.Module{life(false, -22, &freed)}, want: refused},
		"nothing was loaded":   {loaded: true, want: noLoad},
		"hidden": {loaded: true, unloaded: true, traced: []result.Module{life(true, 0, nil)},
			want: noUnload},
		"of another name":  {loaded: true, traced: []result.Module{{Name: "n", Loaded: true}}, want: noLoad},
		"no hook for init": {loaded: true, blind: []event.Kind{event.ModuleInitEnd}},
		"no hook for unload": {loaded: true, unloaded: true, traced: []result.Module{life(true, 0, nil)},
			blind: []event.Kind{event.ModuleFreed}},
		"records were lost": {loaded: true,
			change: func(e *evidence.Evidence) { e.Trace.Lost = map[string]uint64{"signal_sent": 1} }},
		"the run was cut short": {loaded: true, change: func(e *evidence.Evidence) { e.Finished = false }},
		"the trace is broken": {loaded: true,
			change: func(e *evidence.Evidence) { e.Trace.Broken = "it ends in a record" }},
		"the tracer did not start": {loaded: true, change: func(e *evidence.Evidence) { e.Trace.Hooks = nil }},
	} {
		e := &evidence.Evidence{
			Finished: true, Modules: []result.Module{{Name: "m", Loaded: tt.loaded, Unloaded: tt.unloaded}},
			Trace: evidence.Trace{Hooks: []evidence.Hook{{}}},
		}
		if tt.change != nil {
			tt.change(e)
		}
		blind := make(map[event.Kind]string)
		for _, k := range tt.blind {
			blind[k] = "nothing writes it"
		}
		var want []string
		if tt.want != "" {
			want = []string{tt.want}
		}
		if got := contradictions(e, nil, tt.traced, nil, blind); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestUntainted(t *testing.T) {
	const warned = 9
	taint := func(bit int, site event.Site) timeline.Taint {
		return timeline.Taint{Bit: bit, By: timeline.Actor{Task: event.Task{Comm: "modprobe", PID: 101}, Site: site}}
	}
	inInit := event.Site{Symbol: "m_init", Offset: 0x3a, Module: "m"}
	const said = "the trace shows that modprobe[101] in m_init+0x3a [m] tainted the kernel (warning), " +
		"but the taint mask does not say so"
	for name, tt := range map[string]struct {
		taints []timeline.Taint
		after  uint64
		early  bool // the mask was read before the end
		want   []string
	}{
		"it says so":      {taints: []timeline.Taint{taint(warned, inInit)}, after: 1 << warned},
		"it was put back": {taints: []timeline.Taint{taint(warned, inInit)}, after: 1 << 12, want: []string{said}},
		"twice": {taints: []timeline.Taint{taint(warned, inInit), taint(warned, event.Site{})},
			want: []string{said}},
		"read too early": {taints: []timeline.Taint{taint(warned, inInit)}, early: true},
		"nothing":        {after: 1 << 12},
	} {
		e := &evidence.Evidence{Finished: true, Taint: evidence.Taint{After: tt.after, AtEnd: !tt.early}}
		if got := contradictions(e, nil, nil, tt.taints, nil); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}

func TestUndead(t *testing.T) {
	ms := func(n int64) *int64 { n *= 1_000_000; return &n }
	const said = "the trace shows that thread K1[130] has ended, but the guest still lists it"
	for name, tt := range map[string]struct {
		exited, freed *int64
		listed        []string
		compared      bool
		want          []string
		again         bool // another thread has the number later
	}{
		"ended, and is not listed":  {ms(55), ms(1330), []string{"kworker/0:1[9]"}, true, nil, false},
		"a forged record":           {ms(55), ms(1330), []string{"K1[130]"}, true, []string{said}, false},
		"just about to end":         {ms(1300), ms(1330), []string{"K1[130]"}, true, nil, false},
		"still alive":               {nil, ms(1330), []string{"K1[130]"}, true, nil, false},
		"another of the name":       {ms(55), ms(1330), []string{"K1[131]"}, true, nil, false},
		"nothing was freed":         {ms(55), nil, []string{"K1[130]"}, true, nil, false},
		"nothing was listed":        {ms(55), ms(1330), nil, false, nil, false},
		"its number was used again": {ms(55), ms(1330), []string{"K1[130]"}, true, nil, true},
	} {
		e := &evidence.Evidence{Finished: true}
		e.Left.Compared, e.Left.After.Threads = tt.compared, tt.listed
		threads := []result.Thread{{Name: "K1", PID: 130, Stages: result.ThreadStages{Exited: tt.exited}}}
		if tt.again {
			threads = append(threads, result.Thread{Name: "K1", PID: 130})
		}
		got := contradictions(e, threads, []result.Module{{Name: "m", FreedNS: tt.freed}}, nil, nil)
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}

func TestVanished(t *testing.T) {
	ms := func(n int64) *int64 { n *= 1_000_000; return &n }
	const said = "the guest does not list thread K1[130], but the trace has no record of its end"
	for name, tt := range map[string]struct {
		thread result.Thread
		listed []string
		blind  bool
		lost   uint64
		before []string
		want   []string
	}{
		"listed before":     {thread: result.Thread{Name: "K1"}, before: []string{"K1[130]"}},
		"listed":            {thread: result.Thread{Name: "K1"}, listed: []string{"K1[130]"}},
		"of another name":   {thread: result.Thread{Name: "K1"}, listed: []string{"idle[130]"}},
		"not listed":        {thread: result.Thread{Name: "K1"}, listed: []string{"K2[131]"}, want: []string{said}},
		"its end was seen":  {thread: result.Thread{Name: "K1", Stages: result.ThreadStages{Exited: ms(55)}}},
		"a worker":          {thread: result.Thread{Name: "kworker/0:3"}},
		"no hook for ends":  {thread: result.Thread{Name: "K1"}, blind: true},
		"records were lost": {thread: result.Thread{Name: "K1"}, lost: 1},
		"born later":        {thread: result.Thread{Name: "K1", Stages: result.ThreadStages{FirstRun: ms(1400)}}},
	} {
		e := &evidence.Evidence{
			Finished: true, Trace: evidence.Trace{Hooks: []evidence.Hook{{}}, Lost: map[string]uint64{"signal_sent": tt.lost}},
		}
		e.Left.Compared, e.Left.Before.Threads, e.Left.After.Threads = true, tt.before, tt.listed
		tt.thread.PID = 130
		if tt.thread.Stages.FirstRun == nil {
			tt.thread.Stages.FirstRun = ms(50)
		}
		blind := map[event.Kind]string{}
		if tt.blind {
			blind[event.TaskExited] = "nothing writes it"
		}
		got := contradictions(e, []result.Thread{tt.thread}, []result.Module{{Name: "m", FreedNS: ms(1330)}}, nil, blind)
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}
