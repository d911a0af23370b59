// SPDX-License-Identifier: MIT

package hints

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kmodlab/kmodlab/internal/lazyregexp"
	"github.com/kmodlab/kmodlab/internal/linuxversion"
)

// Version is a kernel's, without the patch level: 6.12.
type Version struct{ Major, Minor int }

// ParseVersion reads the beginning of what uname -r prints.
func ParseVersion(s string) (v Version, ok bool) {
	v.Major, v.Minor, ok = linuxversion.Parse(s)
	return v, ok
}

func (v Version) String() string { return fmt.Sprintf("%d.%d", v.Major, v.Minor) }

// Before reports whether v is older than w.
func (v Version) Before(w Version) bool {
	return v.Major < w.Major || v.Major == w.Major && v.Minor < w.Minor
}

// Change is a row of the table of what changed in the kernel's interface: how sources spell it before, how after, and
// where the headers show it. docs/api-changes.md is written from these.
type Change struct {
	Was, Is []string // the names that a complaint of the compiler has: of the old way, of the new one
	// Added is the first version in which the new way works, Gone the first in which the old one does not.
	Added, Gone Version
	Old, New    string // what to write before, and after
	Unexported  bool   // the kernel has the old name still, but not for modules
	// Says is how a complaint looks that names neither, in a kernel that has only the new way, or only the old one. A
	// complaint is the compiler's text and, behind it, the macro or the field that its notes name.
	SaysOld, SaysNew *lazyregexp.Regexp

	// In is the header, below include/ or a kernel's build folder, that shows it, in which OldIn and NewIn match while
	// the old and the new way work. OldFrom is the first version that had the old way. A row without a header has its
	// Source instead: the commit or the release that made the change.
	In           string
	OldIn, NewIn string
	OldFrom      Version
	Source       string
	// Backported names releases of Debian that have the new way although they are older.
	Backported []Version
}

// OfChange says what an error of the compiler or of modpost owes to a change of the kernel's interface, "" if to none.
// said is the complaint, with what its notes name; v is the kernel's version.
func OfChange(said string, v Version) string {
	words := quoted(said)
	for _, c := range Changes() {
		if implicit.MatchString(said) && c.bothWays() {
			continue // a header is missing
		}
		if !v.Before(c.Gone) && about(c.Was, words, c.SaysOld, said) {
			return c.renew()
		}
		if v.Before(c.Added) && about(c.Is, words, c.SaysNew, said) {
			return c.age()
		}
	}
	return ""
}

var implicit = lazyregexp.New(`^implicit declaration of function `)

// bothWays reports whether the old and the new way have one name, and differ in the parameters.
func (c *Change) bothWays() bool {
	return slices.ContainsFunc(c.Was, func(name string) bool { return slices.Contains(c.Is, name) })
}

func about(names, words []string, says *lazyregexp.Regexp, said string) bool {
	if says != nil {
		return says.MatchString(said)
	}
	return slices.ContainsFunc(names, func(n string) bool { return slices.Contains(words, n) })
}

// nothing begins what is new where the old way has no heir.
const nothing = "nothing"

// renew is for sources that are too old for the kernel.
func (c *Change) renew() string {
	if c.Unexported {
		return fmt.Sprintf("%s is in the kernel, but not exported to modules any more (since %s): use %s",
			c.Was[0], c.Gone, c.New)
	}
	if what, ok := strings.CutPrefix(c.New, nothing); ok {
		return fmt.Sprintf("since %s, %s is not needed any more%s", c.Gone, c.Old, what)
	}
	return fmt.Sprintf("since %s, instead of %s, use %s", c.Gone, c.Old, c.New)
}

// age is for sources that are too new for the kernel.
func (c *Change) age() string {
	if c.Old == "" {
		return fmt.Sprintf("%s came with %s, which is newer than this kernel", c.New, c.Added)
	}
	return fmt.Sprintf("before %s, instead of %s, use %s; to build for both, compare LINUX_VERSION_CODE with "+
		"KERNEL_VERSION(%d, %d, 0)", c.Added, c.New, c.Old, c.Added.Major, c.Added.Minor)
}

var quotes = lazyregexp.New(`['"‘<]([\w./ ]+)['"’>]|^([\w./-]+\.h):`)

// quoted lists what a complaint names: the identifiers in its quotes, and a header that does not exist.
func quoted(said string) []string {
	var words []string
	for _, m := range quotes.FindAllStringSubmatch(said, -1) {
		for _, w := range strings.Fields(m[1] + m[2]) {
			if w != "struct" {
				words = append(words, w)
			}
		}
	}
	return words
}

// Changes is the table.
func Changes() []Change { return slices.Concat(changesOfDrivers, changesOfRest, changesOfOld) }

// never is for a way that is older than every kernel here, or that no complaint shows.
var never = re(`^\x00$`)
