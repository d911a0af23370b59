// SPDX-License-Identifier: MIT

// Package ko reads the bytes of module files: their compression, their ELF structure
// and their symbols. Packages kmod and depmod share it. Nothing in a file is trusted:
// a damaged one ends in an error, never in a panic or a large allocation.
package ko

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

// ErrTooLarge says that a file is larger than any module, or would unpack to that.
var ErrTooLarge = errors.New("module is too large")

// FormatError says why bytes are not a module.
type FormatError struct{ Reason string }

// Error is the reason after "not a module: ".
func (e *FormatError) Error() string { return "not a module: " + e.Reason }

// Invalid makes a FormatError.
func Invalid(format string, args ...any) error {
	return &FormatError{fmt.Sprintf(format, args...)}
}

// compressedSuffixes end the names of compressed modules.
var compressedSuffixes = [...]string{".gz", ".xz", ".zst"}

// IsModuleName reports whether a file's name is that of a module, compressed or not.
func IsModuleName(name string) bool { return strings.HasSuffix(PlainName(name), ".ko") }

// PlainName drops the suffix of a compressed module.
func PlainName(path string) string {
	for _, suffix := range compressedSuffixes {
		if plain, ok := strings.CutSuffix(path, suffix); ok && strings.HasSuffix(plain, ".ko") {
			return plain
		}
	}
	return path
}

// FileKind names what is not a regular file.
func FileKind(mode os.FileMode) string {
	switch {
	case mode.IsDir():
		return "directory"
	case mode&os.ModeNamedPipe != 0:
		return "named pipe"
	case mode&os.ModeSocket != 0:
		return "socket"
	}
	return "device file"
}

// ErrRelease says that a name cannot be a kernel release.
var ErrRelease = errors.New("not a kernel release")

// CheckRelease refuses what cannot name one folder below lib/modules: an empty release
// would mean lib/modules itself, and a path any folder.
func CheckRelease(release string) error {
	switch {
	case release == "":
		return fmt.Errorf("%w: it is empty; uname -r prints the running kernel's", ErrRelease)
	case release == ".", release == "..", strings.ContainsAny(release, "/\\\x00"):
		return fmt.Errorf("%w: %q is a path", ErrRelease, release)
	}
	return nil
}
