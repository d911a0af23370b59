// SPDX-License-Identifier: MIT

//go:build !linux

package filelock

import (
	"errors"
	"os"
)

// lock takes no lock on other systems, which only read what Linux wrote.
func lock(*os.File) error { return errors.ErrUnsupported }
