// SPDX-License-Identifier: MIT

package kmodlab

import (
	"errors"
	"io/fs"
	"maps"
	"slices"
	"time"

	"github.com/kmodlab/kmodlab/internal/beneath"
	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/internal/hostfault"
	"github.com/kmodlab/kmodlab/internal/labfile"
	"github.com/kmodlab/kmodlab/internal/payload"
	"github.com/kmodlab/kmodlab/internal/words"
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
	file, err := labfile.Parse(text)
	if err != nil {
		return s, badLab(err)
	}
	if len(s.Load) == 0 {
		s.Load = file.Load
	}
	s.Params = slices.Concat(file.Params, s.Params) // the last of a name counts
	s.Packages = slices.Concat(s.Packages, file.Packages)
	if s.Command != nil { // which runs instead of the tests
		file.Tests, file.Files = nil, nil
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
	line, err := words.Split(t.Run)
	if err == nil {
		err = labfile.Below(line[0])
	}
	if err != nil {
		return Test{}, err
	}
	test := Test{
		Program: line[0], Within: s.Dir, Args: line[1:], User: t.User,
		Timeout: time.Duration(t.Timeout),
	}
	for _, name := range slices.Sorted(maps.Keys(t.Env)) {
		test.Env = append(test.Env, name+"="+t.Env[name])
	}
	return test, nil
}

func badLab(err error) error {
	return &evidence.Failure{
		Kind: evidence.Preflight, Message: err.Error(), Hint: "nothing was booted; mend " + labfile.Name,
	}
}
