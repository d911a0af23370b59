// SPDX-License-Identifier: MIT

package result

// Class is the kind of a verdict.
type Class string

// The verdict classes, from best to worst understood.
const (
	Pass        Class = "pass"
	Build       Class = "build"       // the sources did not build
	Preflight   Class = "preflight"   // the module cannot fit this kernel; nothing was booted
	Load        Class = "load"        // finit_module or delete_module refused
	Expectation Class = "expectation" // something that was expected did not happen
	TestFailed  Class = "test"        // a program that ran beside the modules failed
	Leak        Class = "leak"        // something stayed behind after unload
	Oops        Class = "oops"        // an oops, a BUG or a WARNING
	Panic       Class = "panic"
	Lockup      Class = "lockup"
	Hung        Class = "hung"
	Timeout     Class = "timeout"
	Lost        Class = "lost" // the guest went silent or spoke garbage
	Host        Class = "host" // this machine lacks something
)

// Classes are all classes, in the order above.
func Classes() []Class {
	return []Class{
		Pass, Build, Preflight, Load, Expectation, TestFailed, Leak, Oops, Panic, Lockup, Hung, Timeout, Lost, Host,
	}
}

// ExitStatus is the command's exit status for a verdict: 0 for pass, 1 for any verdict about the module, 3 if the host
// or guest failed. (2 is wrong usage.)
func (c Class) ExitStatus() int {
	switch c {
	case Pass:
		return 0
	case Lost, Host:
		return 3
	}
	return 1
}
