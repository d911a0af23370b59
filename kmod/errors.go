// SPDX-License-Identifier: MIT

package kmod

import (
	"cmp"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"syscall"

	"github.com/kmodlab/kmodlab/internal/errno"
	"github.com/kmodlab/kmodlab/kmod/internal/ko"
)

// ErrnoName is the kernel's name of an error number, such as ENOEXEC, or the number if
// it has none. It also has the names that only the kernel uses: 517 is EPROBE_DEFER.
func ErrnoName(e syscall.Errno) string { return errno.Name(int(e)) }

// The sentinels that errors.Is finds in errors of this package.
var (
	ErrNotFound       = errors.New("module not found")
	ErrBuiltin        = errors.New("module is built into the kernel")
	ErrInvalidModule  = errors.New("not a module")
	ErrWrongMachine   = errors.New("module is for another machine")
	ErrVermagic       = errors.New("module is for another kernel")
	ErrUnknownSymbol  = errors.New("unknown symbol")
	ErrSymbolVersion  = errors.New("symbol has another version")
	ErrNamespace      = errors.New("symbol namespace not imported")
	ErrDuplicate      = errors.New("duplicate")
	ErrCycle          = errors.New("modules need each other")
	ErrAlreadyLoaded  = errors.New("module is already loaded")
	ErrNotLoaded      = errors.New("module is not loaded")
	ErrInUse          = errors.New("module is in use")
	ErrPermanent      = errors.New("module cannot be unloaded")
	ErrBusy           = errors.New("module is busy")
	ErrParameter      = errors.New("bad module parameter")
	ErrLicense        = errors.New("licence does not permit the symbol")
	ErrSignature      = errors.New("module signature not accepted")
	ErrBlacklisted    = errors.New("module is blacklisted")
	ErrForbidden      = errors.New("module is forbidden")
	ErrNotPermitted   = errors.New("loading modules is not permitted")
	ErrInit           = errors.New("module's init function failed")
	ErrNoIndex        = errors.New("module tree has no index")
	ErrInvalidIndex   = errors.New("damaged module index")
	ErrTooLarge       = ko.ErrTooLarge
	ErrRelease        = ko.ErrRelease
	ErrNotCompression = errors.New("kernel cannot decompress modules")
	ErrCrashed        = errors.New("module's code crashed")
)

// Kind returns the first sentinel of this package that errors.Is finds in err, or nil.
func Kind(err error) error {
	for _, kind := range [...]error{
		ErrNotFound, ErrBuiltin, ErrWrongMachine, ErrVermagic, ErrUnknownSymbol, ErrSymbolVersion, ErrNamespace,
		ErrDuplicate, ErrCycle, ErrAlreadyLoaded, ErrNotLoaded, ErrInUse, ErrPermanent, ErrBusy, ErrParameter,
		ErrLicense, ErrSignature, ErrBlacklisted, ErrForbidden, ErrNotPermitted, ErrInit, ErrNoIndex,
		ErrInvalidIndex, ErrTooLarge, ErrRelease, ErrNotCompression, ErrCrashed, ErrInvalidModule,
	} {
		if errors.Is(err, kind) {
			return kind
		}
	}
	return nil
}

// FileError says why a file is not a module that this package can read. Reason completes
// "not a module: ".
type FileError struct {
	Path   string // empty for bytes without a file
	Reason string
}

// Error names the file, if there is one, and the reason.
func (e *FileError) Error() string {
	if e.Path == "" {
		return "not a module: " + e.Reason
	}
	return e.Path + ": not a module: " + e.Reason
}

// Is makes a FileError an ErrInvalidModule.
func (e *FileError) Is(target error) bool { return target == ErrInvalidModule }

// fileError makes a FileError of an error about a file's bytes, and names the file in
// any other. path may be empty.
func fileError(err error, path string) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*ko.FormatError](err); ok {
		return &FileError{Path: path, Reason: e.Reason}
	}
	if e, ok := errors.AsType[*FileError](err); ok {
		return &FileError{Path: path, Reason: e.Reason}
	}
	if path == "" {
		return err
	}
	return fmt.Errorf("read module %s: %w", path, err)
}

// NotFoundError says that no module, alias or built-in has that name.
type NotFoundError struct {
	Name string
	Dir  string // the module tree that was searched
}

// Error names the module and the folder that was searched.
func (e *NotFoundError) Error() string {
	return fmt.Sprintf("module %s not found in directory %s", cmp.Or(e.Name, `""`), e.Dir)
}

// Is makes a NotFoundError an ErrNotFound.
func (e *NotFoundError) Is(target error) bool { return target == ErrNotFound }

// CycleError names modules that need each other in a cycle, so that none of them can be
// loaded first. The first name is repeated at the end.
type CycleError struct{ Names []string }

// Error shows the cycle with arrows.
func (e *CycleError) Error() string {
	return "modules need each other: " + strings.Join(e.Names, " -> ")
}

// Is makes a CycleError an ErrCycle.
func (e *CycleError) Is(target error) bool { return target == ErrCycle }

// UnsupportedError says that the operation needs the running Linux kernel, and this
// program runs on another system. errors.Is finds errors.ErrUnsupported.
type UnsupportedError struct{ Op string }

// Error names the operation and this system.
func (e *UnsupportedError) Error() string {
	return fmt.Sprintf("%s: only Linux can, and this is %s", e.Op, runtime.GOOS)
}

// Unwrap makes errors.Is find errors.ErrUnsupported.
func (e *UnsupportedError) Unwrap() error { return errors.ErrUnsupported }
