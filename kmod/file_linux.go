// SPDX-License-Identifier: MIT

package kmod

import (
	"bytes"
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// openFile is os.Open without the runtime's poller, which is useless for files of trees,
// /proc and /sys. Trying it costs eight system calls for the first file and four for each
// other, a tenth of a whole modprobe.
func openFile(path string) (*os.File, error) {
	for {
		fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		switch {
		case err == nil:
			return os.NewFile(uintptr(fd), path), nil
		case !errors.Is(err, unix.EINTR):
			return nil, &os.PathError{Op: "open", Path: path, Err: err}
		}
	}
}

// slurp is os.ReadFile through openFile.
func slurp(path string) ([]byte, error) {
	f, err := openFile(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var size int64
	if st, err := f.Stat(); err == nil {
		size = st.Size() // 0 in /proc, 4096 in /sys
	}
	var buf bytes.Buffer
	buf.Grow(int(min(max(size, 512), 1<<30)) + bytes.MinRead)
	_, err = buf.ReadFrom(f)
	return buf.Bytes(), err
}
