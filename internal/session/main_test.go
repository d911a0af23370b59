// SPDX-License-Identifier: MIT

package session

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kmodlab/kmodlab/internal/oops"
	"github.com/kmodlab/kmodlab/internal/wire"
)

// TestMain is also the agent of this package's tests, for a lab on this machine starts
// its agent with that word.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == wire.AgentHere { // and the folder for its tools
		fakeAgent(os.Getenv(misbehaves))
		return
	}
	os.Exit(m.Run())
}

// misbehaves names the call at which an agent misbehaves, and how: "exec dies".
const misbehaves = "KMODLAB_TEST_AGENT"

// fakeAgent answers each call as an agent does on a machine where nothing happens. It
// says in the kernel's log which call has come.
func fakeAgent(how string) {
	at, deed, _ := strings.Cut(how, " ")
	control, events := os.NewFile(3, "control"), os.NewFile(4, "events")
	var server *wire.Server
	handlers := make(map[string]wire.Handler)
	for op, answer := range map[string]any{
		wire.OpTraceStart: wire.TraceResult{Hooks: []wire.Hook{{Name: "h", Attached: true}}},
		wire.OpTraceProve: wire.ProveResult{MarkNS: 1},
		wire.OpTraceStop:  wire.TraceResult{Hooks: []wire.Hook{{Name: "h", Attached: true, Fired: 2}}},
		wire.OpExec:       wire.ExecResult{PID: 7, MS: 1},
		wire.OpModules:    wire.ModulesResult{Taint: oops.TaintWarn}, // from before the run
		wire.OpRead:       nil,                                       // see below
	} {
		handlers[op] = func(m *wire.Message, progress func([]byte) error) (any, []byte, error) {
			server.Note(wire.NoteKmsg, nil, []byte("6,1,1,-;at "+op))
			if op == at {
				misbehave(deed, control, server)
				if deed == "refuses" {
					return nil, nil, errors.New("it is refused")
				}
				if deed == "raves" {
					return []string{"neither", "this", "nor", "that"}, nil, nil
				}
			}
			switch op {
			case wire.OpTraceStop:
				events.Write([]byte{0, 0}) // the end of the stream
			case wire.OpRead:
				progress([]byte(read(m, deed)))
			}
			return answer, nil, nil
		}
	}
	server = wire.NewServer(control, handlers)
	server.Note(wire.NoteHello, wire.Hello{Version: wire.Version, PID: os.Getpid()}, nil)
	server.Serve()
}

// taintReads counts how often the taint mask was read: a kernel taints itself at the end of its report.
var taintReads atomic.Int64

// read is what a file has.
func read(m *wire.Message, deed string) string {
	if !bytes.Contains(m.Body, []byte("/tainted")) {
		return "ffffffff81000000 t f\n"
	}
	if deed == "crashes" && taintReads.Add(1) > 2 {
		return fmt.Sprintln(oops.TaintDie)
	}
	return "0\n"
}

func misbehave(deed string, control *os.File, server *wire.Server) {
	switch deed {
	case "dies":
		os.Exit(1)
	case "babbles":
		control.Write(make([]byte, 64))
	case "crashes": // the kernel, that is
		server.Note(wire.NoteKmsg, nil, []byte("0,2,2,-;BUG: kernel NULL pointer dereference, address: 0000000000000000"))
		server.Note(wire.NoteKmsg, nil, []byte("0,3,3,-;#PF: supervisor read access in kernel mode"))
	case "dawdles":
		time.Sleep(200 * time.Millisecond)
	}
	if deed == "hangs" || deed == "babbles" {
		select {
		case <-server.Ended():
		case <-time.After(time.Minute): // whatever happens, it does not stay
			os.Exit(1)
		}
	}
}
