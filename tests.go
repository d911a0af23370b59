// SPDX-License-Identifier: MIT

package kmodlab

import (
	"time"

	"github.com/kmodlab/kmodlab/internal/payload"
)

// Test is a program that runs in the guest beside the modules, in a Debian system of the kernel's own suite. Exit
// status 0 is a pass and 4 a skip; anything else is a failure, as is a subtest that fails in the TAP or KTAP that it
// prints.
type Test struct {
	// Program is an executable of this machine, a script that begins with #!, or a C source, which is built in the
	// sandbox with the kernel's own toolchain. If a dynamic executable does not fit the guest's libraries, its own are
	// copied along. Of a folder with a Makefile all tests run, each as a test of its own: the Makefile's TEST_GEN_PROGS
	// and TEST_PROGS, as kselftest has them, or else the programs that it builds.
	Program string
	// Within is a folder that nobody trusts, such as a submission: Program is named from there, and no link leads out of
	// it. Empty: Program is a path on this machine.
	Within  string
	Args    []string
	Env     []string      // NAME=VALUE, in addition to PATH, HOME and the like
	User    string        // a name or a number in the guest; empty: root
	Timeout time.Duration // before it is stretched for TCG; 0: StepTimeout
}

// Copy is a file or a folder of this machine that the guest gets. Guest is its place there: absolute, or below the
// tests' working folder, /lab. Empty is the same name in /lab.
type Copy struct {
	Host, Guest string
	Within      string // as of Test
}

// maxTestTime bounds the time of a test, which is stretched for TCG and must not overflow.
const maxTestTime = 24 * time.Hour

// checkTests finds tests that cannot be meant.
func (s Spec) checkTests() error {
	if len(s.Tests) == 0 {
		if len(s.Put) > 0 && s.Command == nil {
			return usage("Put", "files are copied into the guest for tests, and there are none")
		}
		return nil
	}
	switch {
	case s.Here:
		return usage("Tests", noTestsHere)
	case s.Script != nil:
		return usage("Tests", "tests do not go with a Script: leave out one of the two")
	}
	for _, t := range s.Tests {
		if err := t.check(); err != nil {
			return err
		}
	}
	return nil
}

// noTestsHere says what to do instead. docs/decisions.md has the reason.
const noTestsHere = "tests do not run on this machine's own system, where nothing confines them: run them in a VM, without " +
	"Here; or load the modules yourself, and run the program with kmodlab trace --here -- PROG"

func (t Test) check() error {
	switch {
	case t.Program == "":
		return usage("Tests", "a test has no Program")
	case t.Timeout < 0:
		return usage("Tests", "%s: a negative time makes no sense", t.Program)
	case t.Timeout > maxTestTime:
		return usage("Tests", "%s: a test may take %s at most", t.Program, maxTestTime)
	}
	if t.Within != "" { // what is there is not the caller's doing
		return nil
	}
	if err := checkProgram("Tests", t.Program); err != nil {
		return err
	}
	return checkEnv("Tests", t.Program, t.Env)
}

func (s Spec) wanted() []payload.Wanted {
	var list []payload.Wanted
	for _, t := range s.Tests {
		list = append(list, payload.Wanted{
			Program: t.Program, Within: t.Within, Args: t.Args, Env: t.Env, User: t.User, Timeout: t.Timeout,
		})
	}
	return list
}

func (s Spec) copies() []payload.Copy {
	var list []payload.Copy
	for _, c := range s.Put {
		list = append(list, payload.Copy{Host: c.Host, Guest: c.Guest, Within: c.Within})
	}
	return list
}
