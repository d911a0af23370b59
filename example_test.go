// SPDX-License-Identifier: MIT

package kmodlab_test

import (
	"context"
	"fmt"
	"time"

	"github.com/kmodlab/kmodlab"
)

// An integration test of a module, on a real kernel, without root: load the
// pair, let it run, unload it, and look at what the trace saw.
func ExampleRun() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	res, err := kmodlab.Run(ctx, kmodlab.Spec{
		Dir:    "modules/signals",
		Params: []string{"signal_handling.period_ms=100"},
		Load:   []string{"signal_handling", "send_signal"},
		Tools:  kmodlab.Tools{Agent: agent()}, // leave it out: then it is $KMODLAB_AGENT, or kmodlab in PATH
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(res.Verdict.Class)
	for _, t := range res.Threads {
		if !t.Background {
			fmt.Println(t.Name, "runs", t.Function)
		}
	}
	// Output:
	// pass
	// K1 runs inc_func [signal_handling]
	// K2 runs send_signal_to_task [send_signal]
}
