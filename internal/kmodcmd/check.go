// SPDX-License-Identifier: MIT

package kmodcmd

import (
	"errors"
	"fmt"

	"github.com/kmodlab/kmodlab/kmod"
)

// errSaid is an error that has been printed in full.
var errSaid = errors.New("refused")

// Check is what --check found of one operand.
type Check struct {
	Name      string   `json:"name"`
	Refused   []Error  `json:"refused"`   // the kernel would not load it
	Passed    []Error  `json:"passed"`    // the kernel would let it pass, though it may mislead
	Unchecked []string `json:"unchecked"` // symbols not known without Module.symvers
}

// check prints what loading a module would meet, and loads nothing.
func (c *command) check(tree *kmod.Tree, name, params string) error {
	pre, err := tree.Preflight(name, kmod.LoadOptions{Params: params})
	if err != nil {
		return err
	}
	out := Check{Name: name, Refused: []Error{}, Passed: []Error{}, Unchecked: append([]string{}, pre.Unchecked...)}
	for _, e := range pre.Refused {
		out.Refused = append(out.Refused, *newError(e))
		fmt.Fprintf(c.stdout, "refused: %v\n", e)
	}
	for _, e := range pre.Passed {
		out.Passed = append(out.Passed, *newError(e))
		fmt.Fprintf(c.stdout, "passed: %v\n", e)
	}
	if n := len(pre.Unchecked); n > 0 {
		fmt.Fprintf(c.stdout,
			"unchecked: %d symbols, for lack of this kernel's Module.symvers; install its headers\n", n)
	}
	c.report.Checks = append(c.report.Checks, out)
	if len(pre.Refused) > 0 {
		return errors.Join(errSaid, pre.Err())
	}
	if len(pre.Passed) == 0 {
		fmt.Fprintf(c.stdout, "%s: nothing prevents loading it\n", name)
	}
	return nil
}

// Diagnosis is kmod.Diagnosis as JSON.
type Diagnosis struct {
	Module    string   `json:"module"`
	State     string   `json:"state"`    // live, coming, going, builtin; empty if not loaded
	Refcount  int      `json:"refcount"` // -1 if not loaded, or the kernel cannot unload
	Holders   []string `json:"holders"`
	Permanent bool     `json:"permanent"`
	Users     []User   `json:"users"`
	Mounts    []string `json:"mounts"`
	Kind      string   `json:"kind,omitempty"` // empty if nothing keeps it
	Cause     string   `json:"cause"`
	Hint      string   `json:"hint,omitempty"`
}

// User is a process that uses a module.
type User struct {
	PID  int    `json:"pid"`
	Comm string `json:"comm"`
	How  string `json:"how"` // "stack", or the open file
}

// why prints what keeps a module from being unloaded; it is an error if anything does.
func (c *command) why(name string) error {
	d := kmod.Diagnose(name)
	out := Diagnosis{Module: d.Module, State: string(d.State), Refcount: d.Refcnt, Permanent: d.Permanent,
		Holders: append([]string{}, d.Holders...), Users: []User{}, Mounts: append([]string{}, d.Mounts...),
		Cause: d.Cause, Hint: d.Hint}
	for _, u := range d.Users {
		out.Users = append(out.Users, User{u.PID, u.Comm, u.How})
	}
	if d.Kind != nil {
		out.Kind = d.Kind.Error()
	}
	c.report.Diagnoses = append(c.report.Diagnoses, out)
	fmt.Fprintf(c.stdout, "%s: %s\n", d.Module, d.Cause)
	if d.Hint != "" {
		fmt.Fprintf(c.stdout, "hint: %s\n", d.Hint)
	}
	if d.Kind != nil {
		return errors.Join(errSaid, d.Kind)
	}
	return nil
}
