// SPDX-License-Identifier: MIT

package hw

import "os"

// Read reads the device.
func Read() (string, error) {
	b, err := os.ReadFile("/dev/hw")
	return string(b), err
}
