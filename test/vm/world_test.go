// SPDX-License-Identifier: MIT

package vm

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kmodlab/kmodlab"
	"github.com/kmodlab/kmodlab/internal/testlab/needs"
	"github.com/kmodlab/kmodlab/result"
)

// asked is a run of a module that asks for another one.
func asked(t *testing.T, w kmodlab.World) *result.Result {
	t.Helper()
	needs.VM(t)
	return runVM(t, kmodlab.Spec{Dir: "testdata/world", Load: []string{"asker"}, For: kmodlab.NoWait, World: w})
}

// TestWorld: request_module() finds a modprobe and the module, or one of the two is not there.
func TestWorld(t *testing.T) {
	for name, test := range map[string]struct {
		world  kmodlab.World
		want   string
		loaded bool
	}{
		"present":  {kmodlab.World{}, "returned 0", true},
		"missing":  {kmodlab.World{Modprobe: kmodlab.ModprobeMissing}, "returned -2", false},
		"disabled": {kmodlab.World{Modprobe: kmodlab.ModprobeDisabled}, "returned -2", false},
		"absent":   {kmodlab.World{Absent: []string{"answerer"}}, "returned 256", false},
	} {
		t.Run(name, func(t *testing.T) {
			r := asked(t, test.world)
			said := slices.ContainsFunc(r.Messages, func(m result.Message) bool { return strings.HasSuffix(m.Text, test.want) })
			loaded := slices.ContainsFunc(r.Modules, func(m result.Module) bool { return m.Name == "answerer" && m.Loaded })
			if r.Verdict.Class != result.Pass || !said || loaded != test.loaded {
				t.Errorf("verdict %+v, answerer loaded %t, messages %+v", r.Verdict, loaded, r.Messages)
			}
		})
	}
}

// TestAbsentUnknown: a module that is nowhere cannot be left out.
func TestAbsentUnknown(t *testing.T) {
	v := asked(t, kmodlab.World{Absent: []string{"answer"}}).Verdict
	if v.Class != result.Preflight || !strings.Contains(v.Message, "answer cannot be left out") ||
		!strings.Contains(v.Hint, "answerer, asker") {
		t.Errorf("verdict %+v", v)
	}
}

// TestRounds: the modules are loaded and unloaded as often as they should, in one machine.
func TestRounds(t *testing.T) {
	needs.VM(t)
	const rounds = 7
	r := runVM(t, kmodlab.Spec{Dir: "testdata/world", For: 20 * time.Millisecond, Rounds: rounds, Seed: 3})
	loads, unloads := 0, 0
	for _, c := range r.Commands {
		switch strings.Join(c.Argv, " ") {
		case "modprobe asker":
			loads++
		case "modprobe -r asker":
			unloads++
		}
	}
	asked := 0
	for _, m := range r.Messages {
		if strings.Contains(m.Text, "returned 0") {
			asked++
		}
	}
	if r.Verdict.Class != result.Pass || loads != rounds || unloads != rounds || asked != rounds {
		t.Errorf("verdict %+v, %d loads, %d unloads, %d requests", r.Verdict, loads, unloads, asked)
	}
}
