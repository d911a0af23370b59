// SPDX-License-Identifier: MIT

package lab

import (
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/kmodlab/kmodlab/internal/notify"
	"github.com/kmodlab/kmodlab/internal/prepare"
	"github.com/kmodlab/kmodlab/internal/wire"
	"github.com/kmodlab/kmodlab/tracer"
)

// TestNoBTF: the tracer's whole message about a kernel without BTF reaches the host.
func TestNoBTF(t *testing.T) {
	control, agent := net.Pipe()
	events, agentEvents := net.Pipe()
	server := wire.NewServer(agent, map[string]wire.Handler{
		wire.OpTraceStart: func(*wire.Message, func([]byte) error) (any, []byte, error) {
			return nil, nil, tracer.ErrNoBTF
		},
	})
	go server.Serve()
	j := notify.New(notify.Watcher{})
	client := wire.NewClient(control, func(*wire.Message) {})
	o := opening{Prepared: new(prepare.Host).WithoutModules(), options: Options{StepTimeout: time.Minute}, journal: j}
	l := o.lab(machine{
		Client: client, Scale: 1, events: events,
		stop: func() { client.Close(); agentEvents.Close(); events.Close() },
	}, newLog(false, j), nil, nil)
	defer l.Close()
	err := l.Attach(t.Context())
	var call *CallError
	var refused *wire.CallError
	if !errors.As(err, &call) || !errors.As(call.Err, &refused) || call.What != "attach the tracer" {
		t.Fatalf("%v, want a refused call", err)
	}
	if !strings.Contains(refused.Text, "the kernel has no BTF") ||
		!strings.Contains(refused.Text, "use a kernel with CONFIG_DEBUG_INFO_BTF") {
		t.Errorf("%q, want that there is no BTF, and what to do", refused.Text)
	}
}
