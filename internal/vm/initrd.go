// SPDX-License-Identifier: MIT

package vm

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// initrdAlign is what each archive is padded to with zeros. The kernel skips zeros between archives, but only up to a
// header on a multiple of 4.
const initrdAlign = 512

// openInitrd makes one file of all archives. A single file is used in place, so that machines share its pages; several
// are joined in memory that has no name in the file system and is freed with its last user.
func openInitrd(c Config) (path string, joined *os.File, err error) {
	if len(c.Initrd) == 0 && len(c.InitrdData) == 0 {
		return "", nil, nil
	}
	if len(c.Initrd) == 1 && len(c.InitrdData) == 0 {
		if _, err := os.Stat(c.Initrd[0]); err != nil {
			return "", nil, fmt.Errorf("find initramfs: %w", err)
		}
		return c.Initrd[0], nil, nil
	}
	fd, err := unix.MemfdCreate("initrd", unix.MFD_CLOEXEC)
	if err != nil {
		return "", nil, fmt.Errorf("join initramfs: %w", err)
	}
	joined = os.NewFile(uintptr(fd), "initrd")
	for _, name := range c.Initrd {
		if err = appendFile(joined, name); err != nil {
			break
		}
	}
	if err == nil && len(c.InitrdData) > 0 {
		_, err = joined.Write(c.InitrdData)
	}
	if err != nil {
		joined.Close()
		return "", nil, fmt.Errorf("join initramfs: %w", err)
	}
	return "", joined, nil
}

func appendFile(dst *os.File, name string) error {
	src, err := os.Open(name)
	if err != nil {
		return err
	}
	defer src.Close()
	n, err := io.Copy(dst, src)
	if err != nil {
		return err
	}
	if pad := (initrdAlign - n%initrdAlign) % initrdAlign; pad > 0 {
		_, err = dst.Write(make([]byte, pad))
	}
	return err
}
