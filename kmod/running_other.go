// SPDX-License-Identifier: MIT

//go:build !linux

package kmod

import (
	"os"
	"syscall"
)

// supported is nil where the running kernel can be asked.
func supported(op string) error { return &UnsupportedError{Op: op} }

// Running is the tree of the running kernel. On other systems than Linux it is an
// *UnsupportedError; set up a Tree with the root and the release to read instead.
func Running() (*Tree, error) { return nil, supported("read kernel release") }

func loadOpen(*os.File, string, int, func(string) string) (*Loaded, error) {
	return nil, supported("load module")
}

func deleteModule(string, bool) error { return supported("unload module") }

func unloadError(string, syscall.Errno, []string) error { return supported("unload module") }

// Diagnose reports what keeps a module of the running kernel from being unloaded. On
// other systems than Linux its Kind is an *UnsupportedError.
func Diagnose(name string) *Diagnosis {
	err := supported("diagnose module")
	return &Diagnosis{Module: CanonicalName(name), Refcnt: -1, Kind: err, Cause: err.Error()}
}

func slurp(path string) ([]byte, error) { return os.ReadFile(path) }
