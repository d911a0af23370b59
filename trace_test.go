// SPDX-License-Identifier: MIT

package kmodlab

import (
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmodlab/kmodlab/tracer/event"
)

func TestUnmatched(t *testing.T) {
	event := []event.Event{{By: event.Task{Comm: "a_thread_with_lo"[:15]}, Target: event.Task{Comm: "K1"}}}
	for _, test := range []struct {
		filter Filter
		want   []string
	}{
		{Filter{}, nil},
		{Filter{Thread: "K1", Module: "m"}, nil},
		{Filter{Thread: "a_thread_with_long_name"}, nil},
		{Filter{Thread: "K9"}, []string{"thread K9"}},
	} {
		if diff := cmp.Diff(test.want, test.filter.unmatched(event)); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", test.filter, diff)
		}
	}
	all := Filter{Thread: "K1", Module: "m", From: "f", To: "7", Signals: []syscall.Signal{syscall.SIGUSR1, 40}}
	want := []string{"thread K1", "module m", "sender f", "target 7", "signal SIGUSR1,SIG40"}
	if diff := cmp.Diff(want, all.unmatched(nil)); diff != "" {
		t.Errorf("without any event (-want +got):\n%s", diff)
	}
}
