// SPDX-License-Identifier: MIT

package event

import (
	"fmt"
	"iter"
)

var kindNames = [numKinds]string{
	Invalid:            "invalid",
	ThreadRequested:    "thread_requested",
	ThreadPickedUp:     "thread_picked_up",
	ThreadForked:       "thread_forked",
	ThreadFirstRun:     "thread_first_run",
	ThreadCreated:      "thread_created",
	ThreadWoken:        "thread_woken",
	ThreadFunction:     "thread_function",
	ThreadStopAsked:    "thread_stop_asked",
	ThreadStopSeen:     "thread_stop_seen",
	ThreadStopReturned: "thread_stop_returned",
	TaskExited:         "task_exited",
	TaskFreed:          "task_freed",
	RequestAsked:       "request_asked",
	RequestNamed:       "request_named",
	RequestAdmitted:    "request_admitted",
	RequestReturned:    "request_returned",
	HelperQueued:       "helper_queued",
	HelperForked:       "helper_forked",
	HelperWaited:       "helper_waited",
	HelperReturned:     "helper_returned",
	TaskExeced:         "task_execed",
	ModuleLoaded:       "module_loaded",
	ModuleInitBegin:    "module_init_begin",
	ModuleInitEnd:      "module_init_end",
	ModuleFreed:        "module_freed",
	SignalSent:         "signal_sent",
	SignalGenerated:    "signal_generated",
	SignalDequeued:     "signal_dequeued",
	SignalFlushed:      "signal_flushed",
	SignalDelivered:    "signal_delivered",
	SignalAllowed:      "signal_allowed",
	ThreadBound:        "thread_bound",
	ThreadParkAsked:    "thread_park_asked",
	ThreadParked:       "thread_parked",
	ThreadParkReturned: "thread_park_returned",
	ThreadUnparked:     "thread_unparked",
	WorkQueued:         "work_queued",
	WorkStarted:        "work_started",
	WorkEnded:          "work_ended",
	RequestDuplicate:   "request_duplicate",
	ModuleGot:          "module_got",
	ModulePut:          "module_put",
	Tainted:            "tainted",
	ProcessForked:      "process_forked",
	ProcessFaulted:     "process_faulted",
	FileMet:            "file_met",
	CallEntered:        "call_entered",
	CallReturned:       "call_returned",
	CallCounted:        "call_counted",
	ProcessWoke:        "process_woke",
	WakesCounted:       "wakes_counted",
}

// String is the kind's name, as in record.h but in lower case.
func (k Kind) String() string {
	if k < numKinds {
		return kindNames[k]
	}
	return fmt.Sprintf("kind(%d)", uint16(k))
}

// Kinds yields every kind but Invalid, in order.
func Kinds() iter.Seq[Kind] {
	return func(yield func(Kind) bool) {
		for k := Invalid + 1; k < numKinds; k++ {
			if !yield(k) {
				return
			}
		}
	}
}
