// SPDX-License-Identifier: MIT

package svg

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/kmodlab/kmodlab/result"
)

// gallery are the pictures of docs/pictures, each made from a real run or a part of one. `make docs` draws them again.
var gallery = []struct {
	name, run string
	part      func(r *result.Result)
}{
	{"demo", "demo", func(*result.Result) {}},
	{"kthread-create", "demo", func(r *result.Result) {
		*r = result.Result{Verdict: message("how K1 is created"), Machine: r.Machine, Threads: r.Threads[:1]}
		t := &r.Threads[0]
		t.StopCalls = nil
		t.Stages = result.ThreadStages{
			Requested: t.Stages.Requested, PickedUp: t.Stages.PickedUp, FirstRun: t.Stages.FirstRun,
			Created: t.Stages.Created, Woken: t.Stages.Woken, Function: t.Stages.Function,
		}
	}},
	{"kthread-stop", "demo", func(r *result.Result) {
		*r = result.Result{Verdict: message("how K1 and K2 are stopped"), Machine: r.Machine, Threads: r.Threads,
			Modules: freed(r.Modules)}
		for i := range r.Threads {
			s := &r.Threads[i].Stages
			*s = result.ThreadStages{
				Function: s.Function, StopAsked: s.StopAsked, StopSeen: s.StopSeen, Exited: s.Exited, StopReturned: s.StopReturned,
				Freed: s.Freed,
			}
		}
	}},
	{"request-module", "demo", func(r *result.Result) {
		*r = result.Result{Verdict: message(`K1 asks for send_signal`), Machine: r.Machine, Threads: r.Threads[:1],
			Requests: r.Requests, Modules: r.Modules[1:]}
		t, m := &r.Threads[0], &r.Modules[0]
		t.StopCalls, t.Stages = nil, result.ThreadStages{Function: t.Stages.Function}
		m.FreedNS, m.Refs = nil, nil
	}},
	{"signals", "sigcases", func(r *result.Result) {
		targets := []int{r.Threads[2].PID, r.Threads[3].PID} // listener and deaf
		last := r.Threads[3].Stages.Woken
		*r = result.Result{Verdict: message("what becomes of signals to kernel threads"), Machine: r.Machine,
			Threads: r.Threads[2:4], Modules: loaded(r.Modules[1:]),
			Signals: slices.DeleteFunc(r.Signals, func(s result.Signal) bool {
				return !slices.Contains(targets, s.To.PID) || s.Outcome == result.NotASignal || s.SentNS > *last+1e9
			})}
		for i := range r.Threads {
			r.Threads[i].StopCalls = nil
			r.Threads[i].Stages = result.ThreadStages{Function: r.Threads[i].Stages.Function}
		}
	}},
	{"crash", "null_thread", func(*result.Result) {}},
	{"test", "hw", func(*result.Result) {}},
}

func message(s string) result.Verdict { return result.Verdict{Message: s} }

// loaded keeps only the load of the modules.
func loaded(modules []result.Module) []result.Module {
	for i := range modules {
		modules[i].FreedNS, modules[i].Refs = nil, nil
	}
	return modules
}

// freed keeps only the end of the modules.
func freed(modules []result.Module) []result.Module {
	for i := range modules {
		modules[i].LoadedNS, modules[i].Refs = nil, nil
	}
	return modules
}

// TestGallery compares the pictures of docs/ with what the code draws; with KMODLAB_UPDATE=1 it writes them.
func TestGallery(t *testing.T) {
	dir := filepath.Join("..", "..", "..", "docs", "pictures")
	for _, g := range gallery {
		t.Run(g.name, func(t *testing.T) {
			r := golden(t, g.run)
			g.part(r)
			svg := paint(t, r)
			inside(t, svg)
			file := filepath.Join(dir, g.name+".svg")
			if os.Getenv("KMODLAB_UPDATE") != "" {
				if err := os.WriteFile(file, svg, 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			kept, err := os.ReadFile(file)
			if err != nil || !bytes.Equal(kept, svg) {
				t.Errorf("%s is not what is drawn today (%v); look at it and type make docs", file, err)
			}
		})
	}
}
