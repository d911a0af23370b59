// SPDX-License-Identifier: MIT

package hostfault

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"testing"
)

func TestOf(t *testing.T) {
	for err, want := range map[error]bool{
		syscall.EMFILE: true, syscall.ENFILE: true, syscall.ENOMEM: true, syscall.EIO: true, syscall.ESTALE: true,
		syscall.ENOSPC: true, syscall.EDQUOT: true, syscall.EROFS: true, syscall.EUCLEAN: true, syscall.ENOTCONN: true,
		// What they handed in, or asked for, decides about these.
		syscall.EACCES: false, syscall.EPERM: false, syscall.ENOENT: false, syscall.ENOTDIR: false, syscall.ELOOP: false,
		syscall.ENAMETOOLONG: false, syscall.EINVAL: false, syscall.EFBIG: false, syscall.EAGAIN: false, syscall.ENXIO: false,
		errors.New("too many open files"): false, fs.ErrNotExist: false, nil: false,
	} {
		hint, is := Of(err)
		if is != want || (hint != "") != want {
			t.Errorf("%v: %v, hint %q", err, is, hint)
		}
		if err == nil {
			continue
		}
		wrapped := fmt.Errorf("read: %w", &os.PathError{Op: "open", Path: "a.c", Err: err})
		if _, is := Of(errors.Join(syscall.EACCES, wrapped)); is != want {
			t.Errorf("%v in another error: %v", err, is)
		}
	}
}

func TestNoSpace(t *testing.T) {
	for err, want := range map[error]bool{
		syscall.ENOSPC: true, syscall.EDQUOT: true, syscall.EIO: false, syscall.EACCES: false, nil: false,
	} {
		if got := NoSpace(err); got != want {
			t.Errorf("%v: %v", err, got)
		}
	}
}
