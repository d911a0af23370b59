// SPDX-License-Identifier: MIT

package rundiff

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/kmodlab/kmodlab/internal/errno"
	"github.com/kmodlab/kmodlab/result"
)

// maxCallKinds bounds how many kinds of call are compared.
const maxCallKinds = 10_000

// callFlow is all calls of one program that ask the same of one file. Single ones out of many cannot be matched, so
// what they return is compared, and not how often.
type callFlow struct {
	results map[string]bool
	part    bool // of some there is no record
}

// calls compares what the calls of tests on files of the modules return. A call that only one of the runs has is no
// change here: what it led to, its test tells.
func (d *differ) calls() {
	if unrecorded(d.a) || unrecorded(d.b) {
		return
	}
	a, order := callFlows(d.a)
	b, _ := callFlows(d.b)
	for _, name := range order {
		x, y := a[name], b[name]
		if y == nil {
			continue
		}
		before, after := x.words(), y.words()
		if x.part || y.part { // what both have is sure; what one has not may have had no record
			if shared(x.results, y.results) {
				continue
			}
		}
		d.add("call", name, "returned", before, after)
	}
}

// unrecorded reports whether calls of a run may be missing.
func unrecorded(r *result.Result) bool {
	for kind := range r.Unknown {
		if strings.HasPrefix(kind, "call_") || kind == "file_met" {
			return true
		}
	}
	return r.Dropped.ByKind["call_entered"]+r.Dropped.ByKind["call_returned"] > 0
}

// differing is what a call was given that differs between any two runs: an address.
var differing = regexp.MustCompile(`, argument 0x[0-9a-f]{5,}`)

func callFlows(r *result.Result) (by map[string]*callFlow, order []string) {
	by = make(map[string]*callFlow)
	for i := range r.Calls {
		c := &r.Calls[i]
		name := c.Name + " " + c.File
		if args := differing.ReplaceAllString(c.Args, ""); args != "" {
			name += " (" + args + ")"
		}
		name += " by " + c.By.Comm
		f := by[name]
		if f == nil {
			if len(by) == maxCallKinds {
				continue
			}
			f = &callFlow{results: make(map[string]bool)}
			by[name] = f
			order = append(order, name)
		}
		f.results[returns(c)] = true
		f.part = f.part || c.Omitted > 0
	}
	return by, order
}

// returns is what a call returned, without what differs between any two runs: a descriptor, an address.
func returns(c *result.Call) string {
	switch {
	case c.Ret == nil:
		return "nothing yet"
	case *c.Ret < 0 && *c.Ret > -4096:
		return "-" + errno.Name(int(-*c.Ret))
	case strings.HasPrefix(c.Name, "mmap"):
		return "an address"
	case c.FD >= 0 && int64(c.FD) == *c.Ret && returnsFD[strings.TrimSuffix(c.Name, " (32-bit)")]:
		return "a descriptor"
	}
	return fmt.Sprint(*c.Ret)
}

var returnsFD = map[string]bool{"open": true, "openat": true, "openat2": true, "creat": true, "socket": true}

func (f *callFlow) words() string {
	return strings.Join(slices.SortedFunc(maps.Keys(f.results), func(a, b string) int {
		return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
	}), ", ")
}

func shared(a, b map[string]bool) bool {
	for k := range a {
		if b[k] {
			return true
		}
	}
	return false
}
