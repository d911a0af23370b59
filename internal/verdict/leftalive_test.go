// SPDX-License-Identifier: MIT

package verdict

import (
	"testing"

	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/result"
)

// TestLeftAlive: a thread whose module could not be unloaded has its code, whatever earlier rounds have unloaded.
func TestLeftAlive(t *testing.T) {
	res := &result.Result{
		Modules: []result.Module{{Name: "m", Loaded: true, Unloaded: true}, {Name: "m", Loaded: true}},
		Threads: []result.Thread{{Name: "k", PID: 7, Function: "f [m]", Alive: true}},
	}
	e := &evidence.Evidence{Unloaded: true, Studied: []string{"m"}}
	if threads, modules := leftAlive(e, res); len(threads) != 1 || len(modules) != 1 {
		t.Errorf("unloaded, as it seems: %v, %v", threads, modules)
	}
	e.Failures = []evidence.Failure{{Kind: evidence.Unload, Message: "m is in use"}}
	if threads, _ := leftAlive(e, res); len(threads) != 0 {
		t.Errorf("the unload was refused: %v", threads)
	}
	res.Modules[1].Unloaded = true
	if threads, _ := leftAlive(e, res); len(threads) != 1 {
		t.Errorf("another module was refused: %v", threads)
	}
}
