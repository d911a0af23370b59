// SPDX-License-Identifier: MIT

package rundiff

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/kmodlab/kmodlab/result"
)

func demo(t testing.TB) *result.Result {
	t.Helper()
	data, err := os.ReadFile("../report/testdata/runs/demo.json")
	if err != nil {
		t.Fatal(err)
	}
	r := new(result.Result)
	if err := json.Unmarshal(data, r); err != nil {
		t.Fatal(err)
	}
	return r
}

func shown(d *Diff) string {
	var lines []string
	for _, c := range d.Changes {
		lines = append(lines, fmt.Sprintf("%s %s: %s: %s > %s", c.Kind, c.Name, c.Field, c.Before, c.After))
	}
	return strings.Join(lines, "\n")
}

// mine are the members that are not background.
func thread(r *result.Result, name string) *result.Thread {
	i := slices.IndexFunc(r.Threads, func(t result.Thread) bool { return t.Name == name && !t.Background })
	return &r.Threads[i]
}

func request(r *result.Result) *result.Request {
	i := slices.IndexFunc(r.Requests, func(q result.Request) bool { return !q.Background })
	return &r.Requests[i]
}

func signals(r *result.Result) []*result.Signal {
	var list []*result.Signal
	for i := range r.Signals {
		if !r.Signals[i].Background {
			list = append(list, &r.Signals[i])
		}
	}
	return list
}

func TestCompare(t *testing.T) {
	const ms = 1_000_000
	tests := []struct {
		name   string
		change func(r *result.Result)
		want   string
	}{
		{"the same", func(*result.Result) {}, ""},
		{"other pids, addresses, places in code", func(r *result.Result) {
			for i := range r.Threads {
				r.Threads[i].PID += 100
				r.Threads[i].Requester.PID += 100
				r.Threads[i].Requester.Site = strings.Replace(r.Threads[i].Requester.Site, "+0x", "+0x1", 1)
			}
			for i := range r.Signals {
				r.Signals[i].To.PID += 100
			}
		}, ""},
		{"other background", func(r *result.Result) {
			r.Threads = append(r.Threads, result.Thread{Name: "kworker/9", Background: true})
			r.Signals = append(r.Signals, result.Signal{Name: "SIGCHLD", Background: true})
		}, ""},
		{"verdict", func(r *result.Result) {
			r.Verdict = result.Verdict{Class: result.Leak}
		}, "verdict verdict: class: pass > leak"},
		{"a thread less", func(r *result.Result) {
			r.Threads = slices.DeleteFunc(r.Threads, func(t result.Thread) bool { return t.Name == "K2" })
		}, "thread K2: there: yes > no"},
		{"one more of a name", func(r *result.Result) {
			r.Threads = append(r.Threads, result.Thread{Name: "K1", Function: "x"})
		}, "thread K1, number 2: there: no > yes"},
		{"another end", func(r *result.Result) { k := thread(r, "K1"); k.Ending, k.Result = "by-itself", 5 },
			"thread K1: ending: stopped > by-itself\nthread K1: result: 0 > 5"},
		{"an end that is not known", func(r *result.Result) { k := thread(r, "K1"); k.Ending, k.Result = "unknown", 5 }, ""},
		{"a stage less", func(r *result.Result) {
			thread(r, "K1").Stages.StopSeen = nil
		}, "thread K1: stop_seen: seen > never"},
		{"a stage that nothing recorded", func(r *result.Result) {
			k := thread(r, "K1")
			k.Stages.StopSeen, k.Unknown = nil, []string{"stop_seen"}
		}, ""},
		{"slower within noise", func(r *result.Result) { *thread(r, "K1").Stages.Exited += 29 * ms }, ""},
		{"slower by the floor, not by the factor", func(r *result.Result) {
			q := request(r)
			*q.Stages.Returned += 40 * ms
		}, ""},
		{"slower", func(r *result.Result) { *thread(r, "K1").Stages.Exited += 500 * ms }, "time to exited"},
		{"request", func(r *result.Result) {
			q := request(r)
			code := 1
			*q.Returned, q.Helper.Exit, q.Loaded = 256, &code, []string{}
		}, "request send_signal by K1: returned: 0 > 256\nrequest send_signal by K1: loaded: send_signal > \nrequest send_signal by K1: helper: exit 0 > exit 1"},
		{"outcome", func(r *result.Result) { signals(r)[1].Outcome = result.Blocked },
			"signal SIGUSR1 from K2 to K1: outcome: 2 consumed > 1 blocked, 1 consumed"},
		{"outcome that is not known", func(r *result.Result) { signals(r)[1].Outcome = result.Unknown }, ""},
		{"more signals", func(r *result.Result) {
			r.Signals = append(r.Signals, *signals(r)[0])
		}, "signal SIGUSR1 from K2 to K1: sent: 2 > 3"},
		{"another signal", func(r *result.Result) {
			s := *signals(r)[0]
			s.Name = "SIGHUP"
			r.Signals = append(r.Signals, s)
		}, "signal SIGHUP from K2 to K1: sent: 0 > 1"},
		{"crash", func(r *result.Result) { r.Crashes = []result.Crash{{Class: result.Oops, Type: "null-dereference"}} },
			"crash oops null-dereference: there: no > yes"},
		{"leak", func(r *result.Result) {
			r.Leaks = []result.Leftover{{Kind: "file", What: "/proc/x"}}
		}, "leak file /proc/x: there: no > yes"},
		{"module", func(r *result.Result) { r.Modules[0].InitRet, r.Modules[0].Unloaded = -5, false },
			"module signal_handling: unloaded: true > false\nmodule signal_handling: init_ret: 0 > -5"},
		{"order", func(r *result.Result) { // K2 is stopped before it wakes up
			k := thread(r, "K2")
			at := *thread(r, "K1").Stages.Requested - 100*ms
			k.Stages.StopAsked, k.Stages.StopSeen, k.Stages.Exited, k.Stages.StopReturned = &at, nil, nil, nil
		}, "order stop of K2: comes: after "},
		{"order within noise", func(r *result.Result) {
			one, two := thread(r, "K1").Stages.Woken, thread(r, "K1").Stages.FirstRun
			*one, *two = *two, *one
		}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := demo(t)
			tt.change(b)
			d := Compare(demo(t), b)
			got := shown(d)
			exact := tt.want == "" || strings.Contains(tt.want, " > ")
			if exact && got != tt.want || !strings.Contains(got, tt.want) {
				t.Errorf("got\n%s\nwant\n%s", got, tt.want)
			}
			if back := Compare(b, demo(t)); len(back.Changes) != len(d.Changes) {
				t.Errorf("%d changes there and %d back:\n%s", len(d.Changes), len(back.Changes), shown(back))
			}
		})
	}
}

// TestAccelerators: times of an emulated and a real machine are not compared, everything else is.
func TestAccelerators(t *testing.T) {
	b := demo(t)
	b.Machine.Accel = "kvm"
	*thread(b, "K1").Stages.Exited += 1 << 40
	d := Compare(demo(t), b)
	if len(d.Changes) != 0 || d.Noise.Compared || len(d.Notes) != 1 {
		t.Errorf("%s\n%+v %q", shown(d), d.Noise, d.Notes)
	}
	signals(b)[0].Outcome = result.Ignored
	if d := Compare(demo(t), b); len(d.Changes) != 1 {
		t.Errorf("%s", shown(d))
	}
	a := demo(t)
	a.Machine.Accel, b.Machine.Accel = "kvm", "kvm"
	if n := Compare(a, b).Noise; !n.Compared || n.FloorNS >= Compare(demo(t), demo(t)).Noise.FloorNS {
		t.Errorf("noise %+v", n)
	}
}

func TestNotes(t *testing.T) {
	a, b := demo(t), demo(t)
	a.Unknown = map[string]string{"task_exited": "why"}
	b.Dropped.Total = 3
	d := Compare(a, b)
	const want = "only one of the runs could record task_exited; the second run lost 3 records"
	if text := strings.Join(d.Notes, "; "); text != want || len(d.Changes) != 0 {
		t.Errorf("%s, %s", text, shown(d))
	}
}

func TestIncreasing(t *testing.T) {
	for _, tt := range []struct {
		list []int
		want string
	}{
		{nil, "[]"}, {[]int{0, 1, 2}, "[true true true]"}, {[]int{2, 0, 1}, "[false true true]"},
		{[]int{0, 3, 1, 2}, "[true false true true]"},
	} {
		if got := fmt.Sprint(increasing(tt.list)); got != tt.want {
			t.Errorf("%v: %s, want %s", tt.list, got, tt.want)
		}
	}
}
