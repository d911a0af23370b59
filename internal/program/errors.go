// SPDX-License-Identifier: MIT

package program

import (
	"fmt"
	"unicode/utf8"

	"github.com/kmodlab/kmodlab/internal/plain"
)

// Wrong is why the guest cannot run a file.
type Wrong int

// Why the guest cannot run a file.
const (
	Empty        Wrong = iota + 1
	OtherMachine       // an executable for another architecture
	Bits32             // a dynamic executable for i386, for which the guest has no libraries
	Library            // a shared library
	Core               // a core file
	ObjectFile         // a relocatable object (.o)
	Module             // a kernel module
	Kernel             // a vmlinux, or what else lies where the kernel does
	DebugOnly          // the debug information of an executable that was stripped
	Text               // text without #!
	Shebang            // a #! line that the kernel refuses, or that names what cannot be there
	Data               // anything else
	Damaged            // an ELF file that is cut off, or has what the kernel or the dynamic linker would refuse
)

// WrongError says why the guest cannot run a file, and what to do about it.
type WrongError struct {
	Name string // as it was given
	Is   Wrong
	What string // continues a sentence that begins with the name: "is for aarch64; the guest is x86-64"
	Hint string
	Err  error // of Damaged: a *DamagedError
}

func (e *WrongError) Error() string {
	return fmt.Sprintf("%s %s: %s", plain.Text(e.Name), e.What, e.Hint)
}

// Unwrap returns the cause, if there is one.
func (e *WrongError) Unwrap() error { return e.Err }

// DamagedError says what is wrong with an ELF file.
type DamagedError struct{ Reason string }

func (e *DamagedError) Error() string { return "damaged ELF file: " + e.Reason }

func damaged(format string, args ...any) error {
	return &DamagedError{fmt.Sprintf(format, args...)}
}

// ArchError is a library of another architecture than its program.
type ArchError struct{ Is, Want Arch }

func (e *ArchError) Error() string { return fmt.Sprintf("it is for %s, not for %s", e.Is, e.Want) }

// show makes a string from a file fit for a message.
func show(s string) string {
	const most = 120
	if len(s) > most {
		cut := most
		for cut > 0 && !utf8.RuneStart(s[cut]) {
			cut--
		}
		s = s[:cut] + "…"
	}
	return plain.Text(s)
}
