// SPDX-License-Identifier: MIT

package vm

import (
	"syscall"
	"testing"
)

func TestReason(t *testing.T) {
	for _, test := range []struct {
		facts facts
		want  Reason
	}{
		{facts{shutdown: "guest-reset"}, PowerOff},
		{facts{shutdown: "guest-shutdown"}, PowerOff},
		{facts{shutdown: "guest-reset", panicked: true}, Panicked},
		{facts{stopped: true, panicked: true, status: -1, signal: syscall.SIGKILL}, Panicked},
		{facts{stopped: true, status: -1, signal: syscall.SIGKILL}, Stopped},
		{facts{stopped: true, shutdown: "host-qmp-quit"}, Stopped},
		{facts{shutdown: "host-qmp-quit"}, Killed}, // somebody else's monitor
		{facts{shutdown: "host-signal"}, Killed},
		{facts{status: -1, signal: syscall.SIGKILL}, Killed},
		{facts{status: -1, signal: syscall.SIGTERM}, Killed},
		{facts{status: -1, signal: syscall.SIGABRT}, Failed},
		{facts{status: -1, signal: syscall.SIGSEGV, shutdown: "guest-reset"}, Failed},
		{facts{status: 1}, Failed},
		{facts{status: 1, shutdown: "guest-reset"}, Failed},
		{facts{}, Failed}, // exit 0 without a word
	} {
		if got := test.facts.reason(); got != test.want {
			t.Errorf("%+v: %s, want %s", test.facts, got, test.want)
		}
	}
}

func TestExitErr(t *testing.T) {
	for _, test := range []struct {
		exit Exit
		want string
	}{
		{Exit{Reason: PowerOff}, ""},
		{Exit{Reason: Stopped, Status: -1, Signal: syscall.SIGKILL}, ""},
		{Exit{Reason: Panicked}, "the guest's kernel panicked"},
		{Exit{Reason: Killed, Signal: syscall.SIGKILL}, "QEMU was killed from outside (killed)"},
		{Exit{Reason: Killed, Shutdown: "host-signal"}, "QEMU was killed from outside"},
		{Exit{Reason: Failed, Status: 1, Stderr: "qemu: no"}, "QEMU ended with status 1: qemu: no"},
		{Exit{Reason: Failed, Status: -1, Signal: syscall.SIGABRT}, "QEMU crashed (aborted)"},
	} {
		got := ""
		if err := test.exit.Err(); err != nil {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("%+v: %q, want %q", test.exit, got, test.want)
		}
	}
}
