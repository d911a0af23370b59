// SPDX-License-Identifier: MIT

package result

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestExitStatus(t *testing.T) {
	want := map[Class]int{Pass: 0, Build: 1, Preflight: 1, Load: 1, Expectation: 1, Leak: 1, Oops: 1, Panic: 1, Lockup: 1,
		Hung: 1, Timeout: 1, Lost: 3, Host: 3}
	for class, status := range want {
		if got := class.ExitStatus(); got != status {
			t.Errorf("%s: %d, want %d", class, got, status)
		}
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

// TestContract checks the JSON for the names that other programs read.
func TestContract(t *testing.T) {
	zero := int64(0)
	exit := 0
	r := &Result{
		Modules: []Module{{}}, Threads: []Thread{{}}, Signals: []Signal{{ConsumedNS: &zero}}, Phases: []Phase{{Where: "vm"}},
		Hooks:    []Hook{{}},
		Requests: []Request{{Helper: &Helper{Exit: &exit}}}, Verdict: Verdict{Hint: "x"},
	}
	r.Threads[0].Requester.Site = "s"
	r.Normalize()
	var tree map[string]any
	if err := json.Unmarshal([]byte(mustJSON(t, r)), &tree); err != nil {
		t.Fatal(err)
	}
	paths := strings.Fields(`schema verdict.class verdict.message verdict.hint
		machine.kernel machine.name machine.accel machine.accel_reason machine.qemu machine.cpus machine.memory_mib machine.warm
		phases.name phases.ms phases.cached phases.where
		modules.name modules.depends modules.init_ms modules.init_ret modules.loaded modules.unloaded
		threads.name threads.pid threads.function threads.requester.comm threads.requester.pid threads.requester.site
		threads.stages_ns.requested threads.stages_ns.picked_up threads.stages_ns.first_run threads.stages_ns.woken threads.stages_ns.function
		threads.stages_ns.stop_asked threads.stages_ns.exited threads.stages_ns.stop_returned threads.stops threads.result threads.alive
		requests.name requests.by.comm requests.by.pid requests.wait requests.returned requests.helper.argv requests.helper.pid requests.helper.exit requests.loaded
		requests.stages_ns.asked requests.stages_ns.throttled requests.stages_ns.queued requests.stages_ns.exec requests.stages_ns.loaded requests.stages_ns.exited requests.stages_ns.returned
		signals.signo signals.name signals.from.comm signals.to.pid signals.outcome signals.reason signals.sent_ns signals.consumed_ns signals.site
		hooks.name hooks.kind hooks.attached hooks.fired hooks.note dropped.total crashes console`)
	for _, path := range paths {
		var at any = tree
		for name := range strings.SplitSeq(path, ".") {
			if list, ok := at.([]any); ok {
				at = list[0]
			}
			m, _ := at.(map[string]any)
			value, ok := m[name]
			if !ok {
				t.Errorf("%s is missing", path)
				break
			}
			at = value
		}
	}
}
