// SPDX-License-Identifier: MIT

package failable

import (
	"fmt"
	"strconv"
	"strings"
)

// Want is a call that is to fail, as a person wrote it.
type Want struct {
	Call   string
	Nth    int    // 1 if it was left out
	Module string // "" if it was left out
}

// Bounds of what is accepted.
const (
	MaxNth  = 1 << 30
	maxName = 255 // the kernel's own bound of a symbol's name, or shorter
)

// ParseWant reads CALL[#N][@MODULE].
func ParseWant(s string) (Want, error) {
	w := Want{Nth: 1}
	rest, module, named := strings.Cut(s, "@")
	call, nth, numbered := strings.Cut(rest, "#")
	w.Call, w.Module = call, module
	if named && module == "" {
		return w, fmt.Errorf("%q has no module after @: write CALL#N@MODULE", s)
	}
	if numbered {
		n, err := strconv.Atoi(nth)
		if err != nil || n < 1 {
			return w, fmt.Errorf("%q is not a number of a call, from 1: write CALL#N@MODULE", nth)
		}
		w.Nth = n
	}
	return w, w.Check()
}

// Check finds what can be no call.
func (w Want) Check() error {
	switch {
	case !isName(w.Call):
		return fmt.Errorf("%q is not the name of a function: name one, such as kmalloc", w.Call)
	case w.Nth < 1 || w.Nth > MaxNth:
		return fmt.Errorf("%d is not a number of a call: the first one is 1", w.Nth)
	case w.Module != "" && !isName(strings.ReplaceAll(w.Module, "-", "_")):
		return fmt.Errorf("%q is not the name of a module", w.Module)
	}
	return nil
}

func isName(s string) bool {
	if s == "" || len(s) > maxName || s[0] >= '0' && s[0] <= '9' {
		return false
	}
	return strings.IndexFunc(s, func(r rune) bool {
		return r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	}) < 0
}

// Helper is the name of the module that makes calls fail, modules/failcall.
const Helper = "kmodlab_fail"

// MaxTails is how many calls that are jumps it takes.
const MaxTails = 64

// Facts are those of its parameters that say what became of the call.
var Facts = []string{
	"calls", "loads", "failed_at", "failed_function", "failed_value", "failed_ns", "failed_pid", "failed_comm",
	"failed_load", "failed_in_init", "failed_tail",
}
