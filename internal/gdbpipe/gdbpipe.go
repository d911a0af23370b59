// SPDX-License-Identifier: MIT

// Package gdbpipe connects gdb, which talks to a program that it has started, to a machine.
package gdbpipe

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"strconv"
	"syscall"
)

// Run copies between gdb and the socket that this process has inherited as that descriptor, until one of them ends.
func Run(descriptor string, from io.Reader, to io.Writer) error {
	fd, err := strconv.Atoi(descriptor)
	if err != nil {
		return fmt.Errorf("talk to the machine: descriptor %q: %w", descriptor, err)
	}
	signal.Ignore(syscall.SIGINT) // it is gdb's
	file := os.NewFile(uintptr(fd), "machine")
	defer file.Close()
	conn, err := net.FileConn(file)
	if err != nil {
		return fmt.Errorf("talk to the machine: descriptor %d: %w", fd, err)
	}
	defer conn.Close()
	ended := make(chan error, 2)
	go func() { _, err := io.Copy(conn, from); ended <- err }()
	go func() { _, err := io.Copy(to, conn); ended <- err }()
	return <-ended
}
