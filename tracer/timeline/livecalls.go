// SPDX-License-Identifier: MIT

package timeline

import (
	"fmt"

	"github.com/kmodlab/kmodlab/tracer/event"
)

// call says what a followed process did.
func (l *Live) call(e *event.Event) (what, how string) {
	switch e.Kind {
	case event.ProcessForked:
		return fmt.Sprintf("forks process %d", e.Target.TGID), ""
	case event.ProcessFaulted:
		f := faultOf(e)
		if f.Object == "" {
			return "makes a fault", joined(SignalName(f.Signo), fmt.Sprintf("at 0x%x", f.IP))
		}
		return "makes a fault", joined(SignalName(f.Signo), fmt.Sprintf("at offset 0x%x of %s", f.Offset, f.Object))
	case event.ProcessWoke:
		return "wakes " + e.Target.String(), ""
	case event.FileMet:
		if len(l.files) >= maxLive {
			clear(l.files)
		}
		l.files[fileKey{e.By.TGID, e.Ptr, e.Aux}] = fileName(e)
	case event.CallEntered:
		return l.callEntered(e)
	case event.CallReturned:
		call := event.SyscallOf(e.Arg)
		after := l.after(e, event.CallEntered, liveID(e.By), uint64(e.Arg))
		if e.Arg == event.CallRelease {
			return "has released the file", after
		}
		return fmt.Sprintf("%s returned %s", call.Name, returnWords(e.Ret)), after
	}
	return "", "" // CallCounted and WakesCounted come at the end, and count what the lines left out
}

func (l *Live) callEntered(e *event.Event) (what, how string) {
	l.begin(e, e.Kind, liveID(e.By), uint64(e.Arg))
	path := l.files[fileKey{e.By.TGID, e.Ptr, e.Aux}]
	if path == "" {
		path = "a file of a module"
	}
	if e.Func != 0 {
		how = "served by " + l.function(e)
	}
	if e.Arg == event.CallRelease {
		return "releases " + path, how
	}
	c := Call{Call: event.SyscallOf(e.Arg), Args: e.Numbers}
	return fmt.Sprintf("calls %s on %s", c.Call.Name, path), joined(c.Words(), how)
}
