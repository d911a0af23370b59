// SPDX-License-Identifier: MIT

package repo

// room is a package, or a folder of other code, and what it may import. The Rooms
// table of docs/ARCHITECTURE.md is written from these, and TestImports holds the code
// to them. Test files are free.
type room struct {
	path string // inside the module; "" is its root
	does string
	// may names our packages that it may import itself; all is every one, but for
	// what never has.
	may   []string
	never []never
}

// never names a package, ours or not, that a room must not reach, not even through
// others, and says why.
type never struct{ what, why string }

var all = []string{"*"}

// These are said of many rooms.
const (
	ebpf = "github.com/cilium/ebpf"
	cel  = "cel.dev/cel-go/cel"
)

var (
	noPrograms = never{"os/exec", "it starts no program"}
	noNet      = never{"net", "it connects to nothing"}
	noFiles    = never{"os", "it opens no file"}
	noTracing  = never{ebpf, "it reads what the tracer wrote, on any host"}
	noMachine  = never{"internal/vm", "it reads what a machine left, and starts none"}
	noTracer   = never{"tracer", "the tracer is the guest's"}
	noWire     = never{"internal/wire", "its data outlives the messages of one version"}
	noVerdict  = never{"internal/verdict", "what happened is gathered before it is judged"}
	noCEL      = never{cel, "the guest's program stays small: the host checks expectations"}
	noGuest    = never{"internal/guest", "host and guest share internal/wire alone"}
)
