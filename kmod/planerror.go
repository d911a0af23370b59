// SPDX-License-Identifier: MIT

package kmod

import "fmt"

// SymbolError says that a module needs a symbol that will be missing, or have another
// version than the module was built against.
type SymbolError struct {
	Module, Symbol string
	Exporter       string // a module that was not given and has the symbol; else empty
	Have, Want     uint32 // for ErrSymbolVersion: the module's CRC and the kernel's
	Namespace      string // for ErrNamespace
	Kind           error  // ErrUnknownSymbol, ErrSymbolVersion or ErrNamespace
}

// Error says what is wrong with the symbol, and what to do.
func (e *SymbolError) Error() string {
	switch {
	case e.Kind == ErrSymbolVersion:
		return fmt.Sprintf("%s was built against another version of symbol %s (%#08x, the kernel has %#08x);"+
			" build it with this kernel's headers", e.Module, e.Symbol, e.Have, e.Want)
	case e.Kind == ErrNamespace:
		return fmt.Sprintf("%s uses symbol %s of namespace %s without importing it; %s",
			e.Module, e.Symbol, e.Namespace, importNamespace(e.Namespace))
	case e.Exporter != "":
		return fmt.Sprintf("%s needs symbol %s, which %s exports; add that module", e.Module, e.Symbol, e.Exporter)
	}
	return fmt.Sprintf("%s needs symbol %s, which neither the kernel nor any given module exports",
		e.Module, e.Symbol)
}

// Is makes a SymbolError the sentinel of its Kind.
func (e *SymbolError) Is(target error) bool { return target == e.Kind }

// DuplicateError says that two files claim one name: that of a module or of an exported symbol.
type DuplicateError struct {
	What, Name    string // "module" or "symbol", and its name
	First, Second string // files or modules
}

// Error names both claimants.
func (e *DuplicateError) Error() string {
	return fmt.Sprintf("%s %s comes from both %s and %s; the kernel accepts only one",
		e.What, e.Name, e.First, e.Second)
}

// Is makes a DuplicateError an ErrDuplicate.
func (e *DuplicateError) Is(target error) bool { return target == ErrDuplicate }

// MachineError says that a module is for another architecture. Have and Want are names
// as MachineName returns them.
type MachineError struct{ Path, Have, Want string }

// Error names both architectures.
func (e *MachineError) Error() string {
	return fmt.Sprintf("%s is a module for %s, the kernel is for %s", e.Path, e.Have, e.Want)
}

// Is makes a MachineError an ErrWrongMachine.
func (e *MachineError) Is(target error) bool { return target == ErrWrongMachine }

// LicenseError says that a module uses a symbol that is only for modules with a
// GPL-compatible licence. The kernel calls such a symbol unknown.
type LicenseError struct {
	Module, License string // License is empty where the module states none
	Symbol          string
	Exporter        string // empty for the kernel image
}

// Error names the licence and the symbol, and says what to do.
func (e *LicenseError) Error() string {
	license := "states no licence"
	if e.License != "" {
		license = fmt.Sprintf("has licence %q", e.License)
	}
	return fmt.Sprintf("%s %s, and symbol %s is for GPL modules only (EXPORT_SYMBOL_GPL); the kernel will call the"+
		" symbol unknown; add MODULE_LICENSE(\"GPL\"), if that is its licence", e.Module, license, e.Symbol)
}

// Is makes a LicenseError an ErrLicense.
func (e *LicenseError) Is(target error) bool { return target == ErrLicense }

// NoExitError says that a module has an init function but no exit function: once loaded
// it stays until the machine restarts.
type NoExitError struct{ Module string }

// Error says what to do about it.
func (e *NoExitError) Error() string {
	return e.Module + " has no exit function: the kernel will not unload it; add module_exit()"
}

// Is makes a NoExitError an ErrPermanent.
func (e *NoExitError) Is(target error) bool { return target == ErrPermanent }

// importNamespace is the line that imports a namespace. Its argument is a string since Linux 6.13.
func importNamespace(ns string) string {
	return fmt.Sprintf("add MODULE_IMPORT_NS(%q) to the source (without the quotes before Linux 6.13)", ns)
}
