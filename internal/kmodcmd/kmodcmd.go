// SPDX-License-Identifier: MIT

// Package kmodcmd is modprobe, lsmod, modinfo, depmod, insmod and rmmod as functions, with
// the output, messages and exit statuses of kmod's commands of those names. Below kmod's own
// message for a failure they print what kmod does not say: the cause, and what to do.
//
// The kernel runs modprobe as its helper, "modprobe -q -- NAME", with file descriptors 0 to
// 2 closed. So nothing here depends on them, and a command prepares nothing that it does not
// need.
package kmodcmd

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"syscall"

	"github.com/kmodlab/kmodlab/kmod"
)

// Names are the commands that Main knows.
func Names() []string {
	return []string{"depmod", "insmod", "lsmod", "modinfo", "modprobe", "rmmod"}
}

// command is one run of a command.
type command struct {
	name           string
	stdout, stderr io.Writer
	report         Report
}

// Standby is the only argument of a command that has to wait for its arguments. It writes a
// byte to file descriptor 3 when it is ready, and reads the arguments from descriptor 4,
// separated by zeros. Its report goes to 3. If no arguments come, it exits.
const Standby = "--standby"

const (
	standbyReport = 3
	standbyOrders = 4
)

func standby() (args []string, ok bool) {
	// Plain system calls: the runtime's poller would keep polling meanwhile.
	if _, err := syscall.Write(standbyReport, []byte{0}); err != nil {
		return nil, false
	}
	var orders []byte
	buf := make([]byte, 4096)
	for {
		n, err := syscall.Read(standbyOrders, buf)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if n <= 0 {
			break
		}
		orders = append(orders, buf[:n]...)
	}
	syscall.Close(standbyOrders)
	args = []string{"--report-fd", strconv.Itoa(standbyReport)}
	return append(args, strings.Split(string(orders), "\x00")...), len(orders) > 0
}

// Main runs the command called name with args (without the name) and returns its exit
// status, as with kmod 0 for success and 1 for any failure. Modules are loaded and unloaded
// by the calling process.
func Main(name string, args []string, _ io.Reader, stdout, stderr io.Writer) int {
	if len(args) == 1 && args[0] == Standby {
		var ok bool
		if args, ok = standby(); !ok {
			return 0
		}
	}
	c := &command{name: name, stdout: onScreen(stdout), stderr: onScreen(stderr)}
	var run func([]string) int
	switch name {
	case "modprobe":
		run = c.modprobe
	case "lsmod":
		run = c.lsmod
	case "modinfo":
		run = c.modinfo
	case "depmod":
		run = c.depmod
	case "insmod":
		run = c.insmod
	case "rmmod":
		run = c.rmmod
	default:
		fmt.Fprintf(stderr, "%s: not a module command; the commands are %s\n", name, strings.Join(Names(), ", "))
		return 1
	}
	return run(args)
}

// say prints a message in kmod's form: "modprobe: FATAL: …".
func (c *command) say(level, format string, args ...any) {
	fmt.Fprintf(c.stderr, "%s: %s: %s\n", c.name, level, fmt.Sprintf(format, args...))
}

// explain prints the cause and the hint of a refusal, which kmod does not have, and keeps
// them for the report.
func (c *command) explain(err error) {
	c.report.fail(err)
	if e, ok := errors.AsType[*RuleError](err); ok {
		fmt.Fprintf(c.stderr, "%s: %v\n", c.name, e)
	}
	if e, ok := errors.AsType[*kmod.LoadError](err); ok {
		if e.Cause != "" {
			fmt.Fprintf(c.stderr, "%s: %s\n", c.name, e.Cause)
		}
		if e.Hint != "" {
			fmt.Fprintf(c.stderr, "%s: hint: %s\n", c.name, e.Hint)
		}
	}
}

// strerror is the C library's text for an errno, and any other error's own.
func strerror(err error) string {
	if e, ok := errors.AsType[syscall.Errno](err); ok && e != 0 {
		s := e.Error()
		return strings.ToUpper(s[:1]) + s[1:]
	}
	return err.Error()
}

// badArgs reports a wrong option as getopt does.
func (c *command) badArgs(err error) int {
	fmt.Fprintf(c.stderr, "%s: %v\n", c.name, err)
	return 1
}

// usage reports an error of usage.
func (c *command) usage(format string, args ...any) int {
	c.say("ERROR", format, args...)
	return 1
}
