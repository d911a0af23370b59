// SPDX-License-Identifier: MIT

package timeline

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/kmodlab/kmodlab/tracer/event"
)

const info = 0xffff888002000000

var kworker = kthr("kworker/u4:1", 30)

// request is a request_module of k1 whose helper loads from a second thread.
func (l *list) request(time uint64, status, ret int64) *list {
	helper, thread := proc("modprobe", 93), event.Task{PID: 95, TGID: 93, Comm: "modprobe"}
	return l.
		at(time, event.RequestAsked, event.Event{By: k1, Arg: 1, Text: "%s", Stack: []uint64{0x10, 0x2000}}).
		at(time+1, event.RequestNamed, event.Event{By: k1, Text: "send_signal"}).
		at(time+2, event.RequestAdmitted, event.Event{By: k1, Arg: 1, Text: "send_signal"}).
		at(time+3, event.HelperQueued,
			event.Event{By: k1, Ptr: info, Arg: 2, Text: "/sbin/modprobe",
				Args: []string{"/sbin/modprobe", "-q", "--", "send_signal"}}).
		at(time+4, event.HelperForked, event.Event{By: proc("kworker/u4:1", 93), Ptr: info}).
		at(time+5, event.TaskExeced, event.Event{By: helper, Text: "/sbin/modprobe"}).
		at(time+6, event.ModuleLoaded, event.Event{By: thread, Ptr: 0xa0, Text: "send_signal"}).
		at(time+7, event.TaskExited, event.Event{By: thread, Ret: 11}).
		at(time+8, event.TaskExited, event.Event{By: helper, Ret: status, Data: 1}).
		at(time+9, event.HelperWaited, event.Event{By: kworker, Arg: 93, Ret: status}).
		at(time+10, event.HelperReturned, event.Event{By: k1, Ptr: info, Ret: ret}).
		at(time+11, event.RequestReturned, event.Event{By: k1, Ret: ret})
}

func wantRequest(time uint64, status, ret int64) Request {
	return Request{
		Name: "send_signal", Format: "%s", By: Actor{k1, symbols[0x2000], []event.Site{symbols[0x2000]}}, Wait: true,
		Asked: time, Named: time + 1, Admitted: time + 2, Queued: time + 3, Forked: time + 4, Exec: time + 5,
		Loaded: time + 6, Exited: time + 8, Waited: time + 9, Returned: time + 11,
		Ret: ret, Loads: []string{"send_signal"}, Modules: []Loaded{{Name: "send_signal"}},
		Helper: &Helper{Path: "/sbin/modprobe", Argv: []string{"/sbin/modprobe", "-q", "--", "send_signal"},
			Task: proc("modprobe", 93), Status: status, Ended: true},
	}
}

func TestRequest(t *testing.T) {
	var l list
	l.request(100, 0, 0).request(200, 0x100, 0x100)
	want := []Request{wantRequest(100, 0, 0), wantRequest(200, 0x100, 0x100)}
	got := build(l).Requests
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(Request{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if code := got[1].Helper.ExitCode(); code != 1 {
		t.Errorf("exit %d, want 1", code)
	}
}

// TestRequestLosses drops every record in turn; the two requests never mix.
func TestRequestLosses(t *testing.T) {
	var full list
	full.request(100, 0, 0).request(200, 0x100, 0x100)
	for drop := range full {
		got := build(slices.Delete(slices.Clone(full), drop, drop+1)).Requests
		if len(got) != 2 && full[drop].Kind != event.RequestReturned {
			t.Errorf("without %s: %d requests", full[drop].Kind, len(got))
			continue
		}
		for _, r := range got {
			if r.Returned != 0 && r.Asked != 0 && r.Returned != r.Asked+11 {
				t.Errorf("without %s: asked %d, returned %d", full[drop].Kind, r.Asked, r.Returned)
			}
		}
	}
}

// TestOtherHelpers: call_usermodehelper has other users, and their memory may have belonged to an earlier request.
func TestOtherHelpers(t *testing.T) {
	var l list
	l.request(100, 0, 0).
		at(300, event.HelperQueued, event.Event{By: kworker, Ptr: info, Text: "/sbin/poweroff"}).
		at(301, event.HelperForked, event.Event{By: proc("kworker/u4:1", 97), Ptr: info}).
		at(302, event.ModuleLoaded, event.Event{By: proc("poweroff", 97), Ptr: 0xb0, Text: "x"}).
		at(303, event.HelperWaited, event.Event{By: kworker, Arg: 97, Ret: 9})
	if diff := cmp.Diff([]Request{wantRequest(100, 0, 0)}, build(l).Requests,
		cmpopts.IgnoreUnexported(Request{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestNowait: the request returns while its helper still runs.
func TestNowait(t *testing.T) {
	helper := proc("modprobe", 93)
	var l list
	l.at(1, event.RequestAsked, event.Event{By: k1, Text: "later", Stack: []uint64{0x2000}}).
		at(2, event.HelperQueued, event.Event{By: k1, Ptr: info, Text: "/sbin/modprobe"}).
		at(3, event.HelperForked, event.Event{By: helper, Ptr: info}).
		at(4, event.TaskExeced, event.Event{By: helper}).
		at(5, event.RequestReturned, event.Event{By: k1}).
		at(6, event.RequestAsked, event.Event{By: k1, Text: "now", Arg: 1, Stack: []uint64{0x2000}}).
		at(7, event.ModuleLoaded, event.Event{By: helper, Ptr: 0xa0, Text: "later"}).
		at(8, event.TaskExited, event.Event{By: helper, Ret: 0x200, Data: 1}).
		// The pid was reused: this load belongs to nobody.
		at(9, event.ModuleLoaded, event.Event{By: helper, Ptr: 0xb0, Text: "alien"})
	got := build(l).Requests
	if len(got) != 2 {
		t.Fatalf("%d requests, want 2", len(got))
	}
	first := got[0]
	if first.Meaning() != "modprobe was started" || first.Helper.ExitCode() != 2 ||
		!slices.Equal(first.Loads, []string{"later"}) {
		t.Errorf("%+v %+v", first, first.Helper)
	}
	if second := got[1]; second.Meaning() != "" || second.Helper != nil || second.Loads != nil {
		t.Errorf("%+v", second)
	}
}

func TestMeaning(t *testing.T) {
	tests := []struct {
		ret  int64
		want string
	}{
		{0, "modprobe ended with 0"},
		{-2, "-ENOENT: no modprobe (path empty or missing)"},
		{256, "modprobe ended with 1"},
		{0xff00, "modprobe ended with 255"},
		{9, "modprobe was killed by SIGKILL"},
		{0x8b, "modprobe was killed by SIGSEGV (core dumped)"},
		{-62, "-ETIME: too many requests at once, and none ended in time"},
		{-512, "-ERESTARTSYS: the caller was killed while it waited"},
		{-22, "-EINVAL"},
		{-5000, "-5000"},
	}
	for _, tt := range tests {
		r := Request{Returned: 1, Ret: tt.ret, Wait: true}
		if got := r.Meaning(); got != tt.want {
			t.Errorf("%d: %q, want %q", tt.ret, got, tt.want)
		}
	}
	if code := (&Helper{Status: 9}).ExitCode(); code != 137 {
		t.Errorf("exit %d, want 137", code)
	}
}

// TestHelperNotExecuted: if the exec failed, the status is its -errno and no signal killed the helper.
func TestHelperNotExecuted(t *testing.T) {
	for _, c := range []struct {
		status int64
		want   string
	}{{-13, ""}, {0xfffffff3, ""}, {9, "SIGKILL"}, {256, ""}, {139, "SIGSEGV"}} {
		h := Helper{Ended: true, Status: c.status}
		if got := h.KilledBy(); got != c.want {
			t.Errorf("status %#x: killed by %q, want %q", c.status, got, c.want)
		}
	}
}
