// SPDX-License-Identifier: MIT

package kmodlab

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/kmodlab/kmodlab/internal/beneath"
	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/internal/hostfault"
	"github.com/kmodlab/kmodlab/internal/labfile"
	"github.com/kmodlab/kmodlab/internal/payload"
)

// withLab adds what kmodlab.yaml in Dir says. What the caller has said counts more; tests and files come after the
// caller's. Whatever the file names is below Dir. The error is an *evidence.Failure.
func (s Spec) withLab() (Spec, error) {
	if !s.Lab || s.Dir == "" {
		return s, nil
	}
	text, err := beneath.ReadIn(s.Dir, labfile.Name, labfile.MaxSize)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if _, is := hostfault.Of(err); is {
		return s, evidence.HostFailure(err, "")
	}
	if err != nil {
		return s, badLab(err)
	}
	file, err := labfile.Parse(text, slipIn)
	if err != nil {
		return s, badLab(err)
	}
	if len(s.Load) == 0 {
		s.Load = file.Load
	}
	s.Params = slices.Concat(file.Params, s.Params) // the last of a name counts
	s.Packages = slices.Concat(s.Packages, file.Packages)
	if s.Command != nil { // which runs instead of the tests
		file.Tests, file.Files, file.Expect = nil, nil, nil
	}
	if len(file.Tests) > 0 && s.Here {
		return s, evidence.HostFailure(fmt.Errorf("%s names tests: %s", labfile.Name, noTestsHere), "nothing was loaded")
	}
	for _, t := range file.Tests {
		test, err := s.labTest(t)
		if err != nil {
			return s, badLab(err)
		}
		s.Tests = append(s.Tests, test)
	}
	for _, word := range file.Files {
		c := payload.CopyOf(word)
		s.Put = append(s.Put, Copy{Host: c.Host, Guest: c.Guest, Within: s.Dir})
	}
	for _, p := range file.Artifacts {
		if err := checkPattern(p); err != nil {
			return s, badLab(err)
		}
	}
	if n := len(s.Expect) + len(file.Expect); n > evidence.MaxExpect {
		return s, badLab(fmt.Errorf("%d expectations, with those of %s; %d are allowed", n, labfile.Name, evidence.MaxExpect))
	}
	s.Expect = slices.Concat(s.Expect, file.Expect)
	s.NIC = s.NIC || file.NIC && !s.Here
	s.Artifacts = slices.Concat(s.Artifacts, file.Artifacts)
	if len(s.Tests) == 0 && s.Command == nil { // nobody would look at them
		s.Put, s.Packages = nil, nil
	}
	if err := checkParams(s.Params); err != nil {
		return s, badLab(err)
	}
	return s, nil
}

// labTest is a test of kmodlab.yaml.
func (s Spec) labTest(t labfile.Test) (Test, error) {
	program, args, env, err := t.Line()
	if err != nil {
		return Test{}, err
	}
	return Test{
		Program: program, Within: s.Dir, Args: args, Env: env, User: t.User, Timeout: time.Duration(t.Timeout),
	}, nil
}

func badLab(err error) error {
	return &evidence.Failure{
		Kind: evidence.Preflight, Message: err.Error(), Hint: "nothing was booted; mend " + labfile.Name,
	}
}
