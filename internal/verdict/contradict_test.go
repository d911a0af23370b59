// SPDX-License-Identifier: MIT

package verdict

import (
	"slices"
	"testing"

	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/result"
	"github.com/kmodlab/kmodlab/tracer/event"
)

func TestContradictions(t *testing.T) {
	freed := int64(9)
	life := func(loaded bool, ret int64, freed *int64) result.Module {
		return result.Module{Name: "m", Loaded: loaded, InitRet: ret, FreedNS: freed}
	}
	const (
		noLoad   = "the guest says that module m was loaded, and the trace has no load of it"
		refused  = "the guest says that module m was loaded, and the trace that its init returned -EINVAL"
		noUnload = "the guest does not list module m any more, and the trace has no unload of it"
	)
	for name, tt := range map[string]struct {
		loaded, unloaded bool // as the guest says
		traced           []result.Module
		blind            []event.Kind
		change           func(*evidence.Evidence)
		want             string
	}{
		"as it was":                {loaded: true, unloaded: true, traced: []result.Module{life(true, 0, &freed)}},
		"refused":                  {traced: []result.Module{life(false, -22, &freed)}},
		"refused, then loaded":     {loaded: true, traced: []result.Module{life(false, -22, &freed), life(true, 0, nil)}},
		"positive return":          {loaded: true, traced: []result.Module{life(false, 5, nil)}},
		"a forged reply":           {loaded: true, traced: []result.Module{life(false, -22, &freed)}, want: refused},
		"nothing was loaded":       {loaded: true, want: noLoad},
		"hidden":                   {loaded: true, unloaded: true, traced: []result.Module{life(true, 0, nil)}, want: noUnload},
		"of another name":          {loaded: true, traced: []result.Module{{Name: "n", Loaded: true}}, want: noLoad},
		"no hook for init":         {loaded: true, blind: []event.Kind{event.ModuleInitEnd}},
		"no hook for unload":       {loaded: true, unloaded: true, traced: []result.Module{life(true, 0, nil)}, blind: []event.Kind{event.ModuleFreed}},
		"records were lost":        {loaded: true, change: func(e *evidence.Evidence) { e.Trace.Lost = map[string]uint64{"signal_sent": 1} }},
		"the run was cut short":    {loaded: true, change: func(e *evidence.Evidence) { e.Finished = false }},
		"the trace is broken":      {loaded: true, change: func(e *evidence.Evidence) { e.Trace.Broken = "it ends in a record" }},
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
		if got := contradictions(e, tt.traced, blind); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}
