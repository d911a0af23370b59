// SPDX-License-Identifier: MIT

package oops

import (
	"testing"

	"github.com/kmodlab/kmodlab/result"
)

var (
	oopsCrash    = result.Crash{Class: result.Oops, Title: "BUG: kernel NULL pointer dereference in f+0x1 [m]"}
	panicCrash   = result.Crash{Class: result.Panic, Title: "Kernel panic: Fatal exception"}
	warningCrash = result.Crash{Class: result.Oops, Title: "WARNING: refcount_t: addition on 0 at lib/refcount.c:25"}
	hungCrash    = result.Crash{Class: result.Hung, Title: "INFO: task modprobe hung in f+0x1"}
)

func TestClassDecisive(t *testing.T) {
	tests := []struct {
		crashes []result.Crash
		want    result.Class
	}{
		{nil, result.Pass},
		{[]result.Crash{warningCrash}, result.Oops},
		{[]result.Crash{warningCrash, hungCrash, panicCrash}, result.Hung},
		{[]result.Crash{panicCrash, oopsCrash}, result.Panic},
		{[]result.Crash{{Class: result.Oops, Title: "WARNING: refcount_t: addition on 0; use-after-free at lib/refcount.c:25"},
			panicCrash}, result.Oops},
	}
	for _, tt := range tests {
		if got := Class(tt.crashes); got != tt.want {
			t.Errorf("%v: %s, want %s", tt.crashes, got, tt.want)
		}
	}
}
