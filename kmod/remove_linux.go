// SPDX-License-Identifier: MIT

package kmod

import (
	"errors"
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// deleteModule makes the system call. It does not wait for the module to become unused.
func deleteModule(name string, force bool) error {
	flags := unix.O_NONBLOCK
	if force {
		flags |= unix.O_TRUNC
	}
	log := openKmsg()
	defer log.Close()
	err := watchCall(func() error { return unix.DeleteModule(name, flags) })
	if err == nil {
		return nil
	}
	if errors.Is(err, ErrCrashed) {
		return crashed(opDelete, name, "", log.Lines())
	}
	errno, ok := errors.AsType[syscall.Errno](err)
	if !ok {
		return fmt.Errorf("unload module %s: %w", name, err)
	}
	return unloadError(name, errno, log.Lines())
}

func unloadError(name string, errno syscall.Errno, kmsg []string) error {
	facts := callFacts{module: name, state: running.state(name), refcnt: running.refcnt(name),
		holders:  running.holders(name),
		disabled: running.modulesDisabled(), capable: running.capable()}
	if errno == syscall.EAGAIN && len(facts.holders) == 0 {
		d := Diagnose(name)
		facts.users, facts.mounts = d.Users, d.Mounts
	}
	e := explain(opDelete, errno, kmsg, facts)
	return &LoadError{Op: opDelete, Module: name, Errno: errno, Kmsg: kmsg, Holders: facts.holders,
		Cause: e.cause, Hint: e.hint, Kind: e.kind}
}
