// SPDX-License-Identifier: MIT

package kmod

import (
	"fmt"
	"slices"
	"strings"
)

// VermagicError says that a module was built for another kernel.
type VermagicError struct {
	Module     string
	Path       string
	Have, Want string // the module's vermagic and the kernel's
}

// Error names the words of the two strings that differ.
func (e *VermagicError) Error() string {
	return fmt.Sprintf("%s is for another kernel: %s; build it with the headers of %s",
		e.Module, e.diff(), firstWord(e.Want))
}

// Is makes a VermagicError an ErrVermagic.
func (e *VermagicError) Is(target error) bool { return target == ErrVermagic }

// diff names the words that differ: the strings are long and similar.
func (e *VermagicError) diff() string {
	have, want := strings.Fields(e.Have), strings.Fields(e.Want)
	if len(have) == 0 {
		return "it has no vermagic"
	}
	var parts []string
	if len(want) > 0 && have[0] != want[0] {
		parts = append(parts, fmt.Sprintf("built for release %s, the kernel is %s", have[0], want[0]))
	}
	var more, less []string
	for _, w := range have[1:] {
		if !slices.Contains(want, w) {
			more = append(more, w)
		}
	}
	for _, w := range want[min(1, len(want)):] {
		if !slices.Contains(have, w) {
			less = append(less, w)
		}
	}
	if len(more) > 0 {
		parts = append(parts, "only the module has "+strings.Join(more, " "))
	}
	if len(less) > 0 {
		parts = append(parts, "only the kernel has "+strings.Join(less, " "))
	}
	if len(parts) == 0 {
		return fmt.Sprintf("vermagic '%s' should be '%s'", e.Have, e.Want)
	}
	return strings.Join(parts, "; ")
}

func firstWord(s string) string {
	w, _, _ := strings.Cut(s, " ")
	return w
}

// CheckVermagic compares a module's vermagic with the kernel's as the kernel does. Both
// results are *VermagicError or nil. A module with symbol versions may be from another
// release with the same flags: the kernel loads it silently, so warn is set and err is
// nil.
func CheckVermagic(m *Module, kernel string) (warn, err error) {
	if m == nil {
		return nil, errNoModule
	}
	have := m.Vermagic()
	if have == kernel {
		return nil, nil
	}
	e := &VermagicError{Module: m.Name, Path: m.Path, Have: have, Want: kernel}
	_, a, _ := strings.Cut(have, " ")
	_, b, _ := strings.Cut(kernel, " ")
	if have != "" && a == b && m.versioned() && slices.Contains(strings.Fields(kernel), "modversions") {
		return e, nil
	}
	return nil, e
}

func (m *Module) versioned() bool {
	return slices.ContainsFunc(m.Needs, func(s Symbol) bool { return s.HasCRC })
}
