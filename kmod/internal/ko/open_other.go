// SPDX-License-Identifier: MIT

//go:build !linux

package ko

import "os"

// OpenNow is os.Open.
func OpenNow(path string) (*os.File, error) { return os.Open(path) }
