// SPDX-License-Identifier: MIT

package kmodlab

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/kmodlab/kmodlab/internal/wire"
	"github.com/kmodlab/kmodlab/result"
	"github.com/kmodlab/kmodlab/tracer"
)

// TestNoBTF takes an agent whose kernel cannot be traced: the verdict says why
// and what to do, and names the machine and not the module.
func TestNoBTF(t *testing.T) {
	control, agent := net.Pipe()
	events, agentEvents := net.Pipe()
	server := wire.NewServer(agent, map[string]wire.Handler{
		wire.OpTraceStart: func(*wire.Message, func([]byte) error) (any, []byte, error) { return nil, nil, tracer.ErrNoBTF },
	})
	go server.Serve()
	client := wire.NewClient(control, func(*wire.Message) {})
	r := &run{res: &result.Result{Schema: result.Schema}, lab: &lab{
		Client: client, events: events, scale: 1, console: func() []byte { return nil },
		close: func() { client.Close(); agentEvents.Close(); events.Close() },
	}}
	r.spec.StepTimeout = time.Minute
	r.all(t.Context(), []step{r.attach})
	r.conclude()
	v := r.res.Verdict
	if v.Class != result.Host || !strings.Contains(v.Message, "the kernel has no BTF") || !strings.Contains(v.Message, "use a kernel with CONFIG_DEBUG_INFO_BTF") {
		t.Errorf("verdict %+v, want host, that there is no BTF, and what to do", v)
	}
}
