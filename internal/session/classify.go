// SPDX-License-Identifier: MIT

package session

import (
	"context"
	"errors"
	"fmt"

	"github.com/kmodlab/kmodlab/internal/boot"
	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/internal/lab"
	"github.com/kmodlab/kmodlab/internal/wire"
)

// killedHint is for a QEMU that ended unasked.
const killedHint = "run it again; if this machine ran out of memory, its own dmesg says so"

// classify turns the error that ended a run early into a failure for the verdict.
func classify(err error) *evidence.Failure {
	var failure *evidence.Failure
	var call *lab.CallError
	var start *lab.StartError
	switch {
	case errors.As(err, &failure):
		return failure
	case errors.As(err, &call):
		return classifyCall(call)
	case errors.As(err, &start):
		return classifyStart(start)
	}
	return evidence.HostFailure(err, "")
}

// classifyCall is for a machine that did not do what it was asked to.
func classifyCall(e *lab.CallError) *evidence.Failure {
	var refused *wire.CallError
	var qemu *lab.QEMUError
	var stalled *lab.StallError
	switch {
	case errors.As(e.Err, &stalled):
		return &evidence.Failure{Kind: evidence.Host, Message: fmt.Sprintf("%s: %v", e.What, stalled), Hint: stalled.Hint}
	case errors.As(e.Err, &refused):
		return &evidence.Failure{Kind: evidence.Host, Message: fmt.Sprintf("%s: %s", e.What, refused.Text)}
	case errors.Is(e.Err, context.DeadlineExceeded):
		return &evidence.Failure{Kind: evidence.Timeout, Message: e.What + ": the guest did not answer in time"}
	case errors.As(e.Ended, &qemu):
		return &evidence.Failure{Kind: evidence.Host, Message: qemu.Error(), Hint: killedHint}
	case e.Ended != nil:
		return &evidence.Failure{Kind: evidence.Lost, Message: fmt.Sprintf("%s: %v", e.What, e.Ended)}
	}
	return &evidence.Failure{Kind: evidence.Lost, Message: e.Error()}
}

// classifyStart is for a machine that did not become ready.
func classifyStart(e *lab.StartError) *evidence.Failure {
	var failed *boot.Error
	var stalled *lab.StallError
	switch {
	case errors.As(e.Err, &stalled):
		return &evidence.Failure{Kind: evidence.Host, Message: e.Error(), Hint: stalled.Hint}
	case !errors.As(e.Err, &failed):
		return evidence.HostFailure(e, "")
	case errors.Is(failed, boot.ErrSilent):
		f := &evidence.Failure{Kind: evidence.Timeout, Message: failed.Error()}
		if len(failed.Console) == 0 {
			f.Hint = "its console stayed empty; run it again, or try another --kernel"
		}
		return f
	case errors.Is(failed, wire.ErrGarbled):
		return &evidence.Failure{Kind: evidence.Lost, Message: failed.Error()}
	}
	return evidence.HostFailure(failed, killedHint)
}

// endedAt returns where the CPUs were when the guest ended by itself, if that is what
// ended the run.
func endedAt(err error) []uint64 {
	var call *lab.CallError
	var away *lab.WentAway
	if errors.As(err, &call) && errors.As(call.Ended, &away) {
		return away.At
	}
	return nil
}
