// SPDX-License-Identifier: MIT

// Package failable knows which calls of the kernel can be made to fail, which functions of the kernel they become when
// a module is compiled, and what they return when they fail. It is pure.
package failable

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/kmodlab/kmodlab/internal/errno"
	"github.com/kmodlab/kmodlab/internal/hints"
)

// Call is a call that can be made to fail.
type Call struct {
	Names   []string // as sources have it, the usual one first
	Symbols []string // the functions of the kernel that it can become, sorted
	Group   Group
	Fails   Failure
	Errno   int    // of Errno and ErrPtr
	Clears  bool   // with Rest: what was to be written becomes zeros
	Signal  bool   // it fails because of a signal: not in a thread that allows none
	Wait    bool   // the same, of prepare_to_wait_event
	Note    string // what else there is to know
}

// Group is what calls are for.
type Group string

// The groups, in the order of the page.
const (
	Memory       Group = "Memory and numbers"
	Threads      Group = "Threads, work and modules"
	Registration Group = "Registrations"
	Files        Group = "Files and sockets"
	Users        Group = "What users give and get"
	Waits        Group = "Waits that a signal ends"
)

// Failure is how a call says that it failed.
type Failure int

// The ways to fail.
const (
	Null   Failure = iota // NULL, or 0 where it returns a number
	ErrPtr                // ERR_PTR(-Errno)
	Errno                 // -Errno
	False                 // false
	Rest                  // its third argument: so many bytes are left
)

// Value is what the call returns; with Rest, the helper module finds it.
func (c *Call) Value() int64 {
	if c.Fails == Errno || c.Fails == ErrPtr {
		return -int64(c.Errno)
	}
	return 0
}

// Returns is what the call returns when it fails, in the words of C.
func (c *Call) Returns() string {
	switch c.Fails {
	case Null:
		return "NULL"
	case ErrPtr:
		return "ERR_PTR(-" + errno.Name(c.Errno) + ")"
	case Errno:
		return "-" + errno.Name(c.Errno)
	case False:
		return "false"
	}
	return "the number of bytes"
}

// Returned is what a call of a certain function returned, in the words of C.
func Returned(symbol string, value int64) string {
	for i := range table {
		if c := &table[i]; slices.Contains(c.Symbols, base(symbol)) && c.Fails != Rest && c.Value() == value {
			return c.Returns()
		}
	}
	return strconv.FormatInt(value, 10)
}

// Calls are all calls that can be made to fail.
func Calls() []Call { return slices.Clone(table) }

// Choice is a call of a module's.
type Choice struct {
	Call
	Found []string // the module's imports that it has become
}

// Unfit is why a call cannot be made to fail.
type Unfit struct{ Message, Hint string }

func (e *Unfit) Error() string { return e.Message }

// Choose finds a call of a module, by its name in sources or by that of a function of the kernel. imports are the
// functions that the module needs of others. The error is an *Unfit.
func Choose(module, name string, imports []string) (*Choice, error) {
	i := slices.IndexFunc(table, func(c Call) bool {
		return slices.Contains(c.Names, name) || slices.Contains(c.Symbols, base(name))
	})
	if i < 0 {
		return nil, unknown(module, name, imports)
	}
	c := &Choice{Call: table[i]}
	one := !slices.Contains(c.Names, name) // of the functions alone
	for _, s := range imports {
		if slices.Contains(c.Symbols, base(s)) && (!one || base(s) == base(name)) {
			c.Found = append(c.Found, s)
		}
	}
	if len(c.Found) == 0 {
		return nil, &Unfit{Message: fmt.Sprintf("%s calls no %s", module, called(c, name, one)), Hint: has(module, imports)}
	}
	slices.Sort(c.Found)
	c.Found = slices.Compact(c.Found)
	return c, nil
}

func called(c *Choice, name string, one bool) string {
	if one || slices.Contains(c.Symbols, name) {
		return name
	}
	if len(c.Symbols) <= 3 {
		return name + ", which is " + strings.Join(c.Symbols, " or ") + " in a module"
	}
	return name
}

func unknown(module, name string, imports []string) *Unfit {
	if slices.ContainsFunc(imports, func(s string) bool { return base(s) == base(name) }) {
		return &Unfit{
			Message: fmt.Sprintf("what %s returns when it fails is not known, so it cannot be made to fail", name),
			Hint:    has(module, imports),
		}
	}
	message := fmt.Sprintf("%s is no call that can be made to fail", name)
	if near := hints.Nearest(name, names()); near != "" {
		message += ": did you mean " + near + "?"
	}
	return &Unfit{Message: message, Hint: has(module, imports)}
}

// names are all names by which a call can be chosen.
func names() []string {
	var list []string
	for _, c := range table {
		list = append(list, c.Names...)
		list = append(list, c.Symbols...)
	}
	return list
}

// has says which calls of a module can be made to fail.
func has(module string, imports []string) string {
	found := In(imports)
	if len(found) == 0 {
		return fmt.Sprintf("%s has no call that can be made to fail; docs/failing-calls.md lists them", module)
	}
	return fmt.Sprintf("%s calls %s; docs/failing-calls.md lists all that can be made to fail", module,
		strings.Join(found, ", "))
}

// In are the calls of a module with these imports, by their usual names and in the order of the table.
func In(imports []string) []string {
	var list []string
	for i := range table {
		c := &table[i]
		if slices.ContainsFunc(imports, func(s string) bool { return slices.Contains(c.Symbols, base(s)) }) {
			list = append(list, c.Names[0])
		}
	}
	return list
}

// base is the name of a function without the ending that it has since 6.10, where the kernel can count allocations.
func base(symbol string) string { return strings.TrimSuffix(symbol, "_noprof") }
