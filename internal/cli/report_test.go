// SPDX-License-Identifier: MIT

package cli

import (
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/kmodlab/kmodlab"
)

// TestWrongFile: a file that cannot be read is wrong usage, unless this machine is to blame.
func TestWrongFile(t *testing.T) {
	for errno, host := range map[error]bool{
		syscall.EIO: true, syscall.EMFILE: true, syscall.EROFS: true, syscall.EACCES: false, syscall.ENOENT: false,
	} {
		err := wrongFile(&os.PathError{Op: "open", Path: "r.kmlab", Err: errno}, "r.kmlab: %v", errno)
		var usage *kmodlab.UsageError
		if errors.As(err, &usage) == host || !strings.HasPrefix(err.Error(), "r.kmlab: "+errno.Error()) {
			t.Errorf("%v: %v, wrong usage: %v", errno, err, !host)
		}
	}
}
