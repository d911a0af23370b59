// SPDX-License-Identifier: MIT

package kmod

import (
	"bytes"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// kmsg is a bookmark in the kernel's log. It may be nil: if /dev/kmsg cannot be read (not
// root, dmesg_restrict, no /dev), errors are explained without it.
type kmsg struct{ fd int }

// openKmsg marks the present end of the log. The raw descriptor stays out of the Go
// poller, which it does not need: a read at the end returns EAGAIN.
func openKmsg() *kmsg {
	fd, err := unix.Open("/dev/kmsg", unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	if _, err := unix.Seek(fd, 0, unix.SEEK_END); err != nil {
		unix.Close(fd)
		return nil
	}
	return &kmsg{fd}
}

// Lines returns what was logged since the bookmark, at most 200 records.
func (k *kmsg) Lines() []string {
	if k == nil {
		return nil
	}
	var out []string
	buf := make([]byte, 8192) // a record is never larger
	for len(out) < 200 {
		n, err := unix.Read(k.fd, buf)
		if err == unix.EPIPE || err == unix.EINTR { // records were overwritten: continue with the oldest one left
			continue
		}
		if err != nil || n == 0 {
			break
		}
		out = append(out, strings.Split(kmsgText(buf[:n]), "\n")...)
	}
	return out
}

func (k *kmsg) Close() {
	if k != nil {
		unix.Close(k.fd)
	}
}

// kmsgText extracts the text from "prio,seq,usec,flags;text\n KEY=value\n". The kernel
// writes unprintable bytes as \x0a, newlines included.
func kmsgText(record []byte) string {
	_, text, ok := bytes.Cut(record, []byte{';'})
	if !ok {
		text = record
	}
	text, _, _ = bytes.Cut(text, []byte{'\n'})
	if bytes.IndexByte(text, '\\') < 0 {
		return string(text)
	}
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+3 < len(text) && text[i+1] == 'x' {
			if c, err := strconv.ParseUint(string(text[i+2:i+4]), 16, 8); err == nil {
				b.WriteByte(byte(c))
				i += 3
				continue
			}
		}
		b.WriteByte(text[i])
	}
	return b.String()
}
