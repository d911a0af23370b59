// SPDX-License-Identifier: MIT

package kbuild

import (
	"errors"
	"fmt"
	"strings"

	"github.com/kmodlab/kmodlab/internal/hostfault"
)

// The kinds of an Error, for errors.Is.
var (
	// About the sources.
	ErrNoFolder  = errors.New("no such folder")
	ErrNoKbuild  = errors.New("no Kbuild or Makefile")
	ErrNoModules = errors.New("no module built")
	ErrCompile   = errors.New("build failed") // Diagnostics say where
	ErrTimeout   = errors.New("build took too long")
	ErrDisk      = errors.New("build filled its folder")
	ErrMemory    = errors.New("build took too much memory")
	ErrTooLarge  = errors.New("sources too large")
	ErrSources   = errors.New("cannot read sources")
	ErrFlag      = errors.New("bad make flag")
	ErrLost      = errors.New("build brought its VM down")
	ErrSameName  = errors.New("two modules of one name")
	ErrHostile   = errors.New("build left something that is not a module")

	// About the machine.
	ErrNoHeaders   = errors.New("no kernel headers")
	ErrNoTools     = errors.New("no build tools")
	ErrNoBwrap     = errors.New("bubblewrap is not installed")
	ErrNoNamespace = errors.New("user namespaces are not available")
	ErrHost        = errors.New("build could not run")
)

// Error says why there is no build.
type Error struct {
	Kind        error // one of the Err values above
	Message     string
	Hint        string       // what the person can do next; may be empty
	Steps       []Step       // what ran, the failing command last
	Diagnostics []Diagnostic // the tools' complaints, in order
	Cause       error        // may be nil
}

func (e *Error) Error() string {
	if e.Hint == "" {
		return e.Message
	}
	return e.Message + "; " + e.Hint
}

// Unwrap returns the kind and the cause.
func (e *Error) Unwrap() []error {
	if e.Cause == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Cause}
}

// Host reports whether the machine is to blame, not the sources.
func (e *Error) Host() bool {
	switch e.Kind {
	case ErrNoHeaders, ErrNoTools, ErrNoBwrap, ErrNoNamespace, ErrHost:
		return true
	}
	return false
}

func hostError(what string, err error) *Error {
	e := &Error{Kind: ErrHost, Message: fmt.Sprintf("%s: %v", what, err), Cause: err}
	e.Hint, _ = hostfault.Of(err)
	return e
}

// blame makes an error about the sources one about the machine, if it was the machine that failed.
func blame(err error) error {
	var e *Error
	if !errors.As(err, &e) || e.Host() {
		return err
	}
	if hint, is := hostfault.Of(e.Cause); is {
		e.Kind, e.Hint = ErrHost, hint
		if cause := e.Cause.Error(); !strings.Contains(e.Message, cause) { // it is about the sources
			e.Message = "read sources: " + cause
		}
	}
	return err
}
