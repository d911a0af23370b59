// SPDX-License-Identifier: MIT

package verdict

import (
	"fmt"

	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/internal/lazyregexp"
)

// restarts are the kernel's functions that reset a machine.
var restarts = lazyregexp.New(`^(?:native_machine_|machine_|kernel_|emergency_)\w*(?:restart|power_off|halt)` +
	`|^acpi_\w*(?:reboot|reset|write)|^efi_reboot|^mach_reboot|^kbd_|^native_io_delay|^io_delay`)

const tripleFault = "look there for a triple fault, an exception that the CPU could not deliver " +
	"(a broken IDT or stack), or for a write to the hardware's reset register"

// moduleSpace is where x86-64 puts modules; the kernel's own code lies lower.
const moduleSpace = 0xffffffffa0000000

// explainEnd says why a guest ended by itself, from where its CPUs were at that moment.
// A triple fault leaves the CPU at the instruction that faulted.
func (m *maker) explainEnd(lost *evidence.Failure) {
	if len(m.e.EndedAt) == 0 {
		return
	}
	kernel, unnamed := "", ""
	for _, addr := range m.e.EndedAt {
		site, module := m.instruction(addr)
		if m.studied(module) {
			if file, line := m.locator.position(site, true); line > 0 {
				site += fmt.Sprintf(" (%s:%d)", file, line)
			}
			lost.Message += ": a CPU was in " + site
			lost.Hint = tripleFault
			return
		}
		switch {
		case restarts.MatchString(site):
			kernel = site
		case module == "" && addr >= moduleSpace: // the records of the last milliseconds were lost with the guest
			unnamed = fmt.Sprintf("a module's code, at %#x", addr)
		}
	}
	switch {
	case unnamed != "":
		lost.Message += ": a CPU was in " + unnamed
		lost.Hint = tripleFault
	case kernel != "":
		lost.Message += ", as its own code requested: a CPU was in " + kernel
		lost.Hint = "look for calls of emergency_restart(), kernel_restart() or kernel_power_off(); " +
			"the kernel does not log them, because they are not errors"
		if name := m.testAtEnd(); name != "" {
			lost.Hint = "the test " + name + " may have called reboot(2); else " + lost.Hint
		}
	default:
		lost.Hint = "most likely a triple fault: the kernel's own memory or page tables were overwritten, " +
			"so that it could not even report the fault"
	}
}

// testAtEnd is the test that ran when the machine ended, "" if none did.
func (m *maker) testAtEnd() string {
	for _, t := range m.e.Tests {
		if t.Unknown != "" {
			return t.Name
		}
	}
	return ""
}

// instruction names the place of an instruction, at the end. Site takes return addresses, which lie behind a call.
func (m *maker) instruction(addr uint64) (site, module string) {
	s := m.table.Site(addr+1, atEnd)
	if s.Symbol != "" {
		s.Offset--
	}
	return s.String(), s.Module
}
