// SPDX-License-Identifier: MIT

package wire

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Bounds of what a guest says about the end of a program. What is beyond them no agent sends.
const (
	maxExit      = 255
	maxPID       = 1 << 22 // PID_MAX_LIMIT
	maxMS        = 1 << 40
	maxNS        = 1 << 62
	maxOmitted   = 1 << 50
	maxLeft      = 64      // names
	maxName      = 64      // bytes of one
	maxTail      = 1 << 20 // bytes
	maxTasks     = 1 << 15
	signalLength = 16
)

// UnmarshalJSON decodes what a guest sent, which may lie. What cannot be true is an error: the guest is lost then.
func (r *ExecResult) UnmarshalJSON(data []byte) error {
	type plain ExecResult
	if err := json.Unmarshal(data, (*plain)(r)); err != nil {
		return err
	}
	for _, c := range []struct {
		right bool
		what  string
		value any
	}{
		{r.Exit >= -1 && r.Exit <= maxExit, "exit status", r.Exit},
		{r.Signal == "" || isSignal(r.Signal) && r.Exit > 128, "signal", r.Signal},
		{r.PID >= 0 && r.PID <= maxPID, "process id", r.PID},
		{r.MS >= 0 && r.MS <= maxMS, "duration", r.MS},
		{r.EndNS <= maxNS, "time", r.EndNS},
		{r.Omitted >= 0 && r.Omitted <= maxOmitted, "number of bytes", r.Omitted},
		{len(r.Tail) <= maxTail, "length of the output's end", len(r.Tail)},
		{r.Processes >= 0 && r.Processes <= maxPID, "number of processes", r.Processes},
		{r.LeftCount >= 0 && r.LeftCount <= maxPID, "number of processes that are left", r.LeftCount},
		{len(r.Left) <= maxLeft, "number of names", len(r.Left)},
		{len(r.Tasks) <= maxTasks, "number of tasks", len(r.Tasks)},
	} {
		if !c.right {
			return fmt.Errorf("the end of a program has an impossible %s: %.40q", c.what, fmt.Sprint(c.value))
		}
	}
	for _, name := range r.Left {
		if len(name) > maxName {
			return fmt.Errorf("the end of a program has an impossible name of a process: %.40q", name)
		}
	}
	return nil
}

// isSignal reports whether a word can be the name of a signal: SIGKILL, SIG35.
func isSignal(s string) bool {
	name, is := strings.CutPrefix(s, "SIG")
	return is && name != "" && len(s) <= signalLength &&
		strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == ""
}
