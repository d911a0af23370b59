// SPDX-License-Identifier: MIT

package verdict

import (
	"fmt"

	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/internal/lazyregexp"
)

// restarts are the kernel's functions that reset a machine.
var restarts = lazyregexp.New(`^(?:native_machine_|machine_|kernel_|emergency_)\w*(?:restart|power_off|halt)|^acpi_\w*(?:reboot|reset|write)|^efi_reboot|^mach_reboot|^kbd_|^native_io_delay|^io_delay`)

const tripleFault = "there it met a triple fault, an exception that could not even be reported (no table of interrupts, no stack), or the module wrote to the hardware's reset"

// moduleSpace is where x86-64 puts modules; the kernel's own code lies lower.
const moduleSpace = 0xffffffffa0000000

// explainEnd says why a guest went away by itself, by where its CPUs were then. A
// triple fault leaves the CPU at the instruction that could not go on.
func (m *maker) explainEnd(lost *evidence.Failure) {
	if len(m.e.EndedAt) == 0 {
		return
	}
	kernel, unnamed := "", ""
	for _, addr := range m.e.EndedAt {
		site, module := m.placeOf(addr+1, atEnd) // as of something that returns there
		if m.studied(module) {
			if file, line := m.locator.position(site, false); line > 0 {
				site += fmt.Sprintf(" (%s:%d)", file, line)
			}
			lost.Message += ": a processor was at " + site
			lost.Hint = tripleFault
			return
		}
		switch {
		case restarts.MatchString(site):
			kernel = site
		case module == "" && addr >= moduleSpace: // the records of the last milliseconds went with the guest
			unnamed = fmt.Sprintf("a module's code, at %#x", addr)
		}
	}
	switch {
	case unnamed != "":
		lost.Message += ": a processor was in " + unnamed
		lost.Hint = tripleFault
	case kernel != "":
		lost.Message += ": somebody asked for it, a processor was in " + kernel
		lost.Hint = "who calls emergency_restart(), kernel_restart() or kernel_power_off()? That is no error to the kernel, so it says nothing"
	default:
		lost.Hint = "most likely a triple fault: the kernel's own memory or tables were overwritten, so that it could not even report it"
	}
}
