// SPDX-License-Identifier: MIT

package hints

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/kmodlab/kmodlab/internal/errno"
	"github.com/kmodlab/kmodlab/internal/lazyregexp"
	"github.com/kmodlab/kmodlab/result"
)

// cause is a row of the table: how a kind of mistake looks in a kernel report, and what mends it. A condition that is
// empty holds for every report; the first row whose conditions all hold counts.
type cause struct {
	name  string             // the mistake, for the tests
	types []string           // the report's Type
	said  *lazyregexp.Regexp // in its title or one of its lines
	at    *lazyregexp.Regexp // a function of its call trace, the innermost calls only
	when  func(*result.Crash) bool
	hint  string
}

const (
	maxLines  = 60 // of a report that are searched
	maxCalled = 8  // of the call trace, from the innermost
)

// OfCrash says what to do about a kernel report. It is empty if no row of the table fits.
func OfCrash(c *result.Crash) string {
	if k := causeOf(c); k != nil {
		return k.text(c)
	}
	return ""
}

// causeOf is the first row that fits.
func causeOf(c *result.Crash) *cause {
	text := strings.Join(append([]string{c.Title}, c.Log[:min(len(c.Log), maxLines)]...), "\n")
	called := calls(c, maxCalled)
	for i := range causes {
		if causes[i].fits(c, text, called) {
			return &causes[i]
		}
	}
	return nil
}

func (k *cause) fits(c *result.Crash, text, called string) bool {
	return (len(k.types) == 0 || slices.Contains(k.types, c.Type)) &&
		(k.said == nil || k.said.MatchString(text)) &&
		(k.at == nil || k.at.MatchString(called)) &&
		(k.when == nil || k.when(c))
}

// text is the hint, with what this report says in the place of the table's words.
func (k *cause) text(c *result.Crash) string {
	hint := k.hint
	if strings.Contains(hint, "{offset}") {
		hint = strings.ReplaceAll(hint, "{offset}", "0x"+strconv.FormatUint(address(c), 16))
	}
	if strings.Contains(hint, "{errno}") {
		hint = strings.ReplaceAll(hint, "{errno}", errnoAt(c))
	}
	if strings.Contains(hint, "{armed}") {
		hint = strings.ReplaceAll(hint, "{armed}", armedBy(c))
	}
	return hint
}

// calls lists the functions of a call trace, a line each, without what the kernel is not sure of.
func calls(c *result.Crash, most int) string {
	var names []string
	for _, f := range c.Frames {
		if !f.Reliable && !f.Exact {
			continue
		}
		if len(names) == most {
			break
		}
		names = append(names, f.Function)
	}
	return strings.Join(names, "\n")
}

// caller reports whether a function is anywhere in the call trace.
func caller(c *result.Crash, name *lazyregexp.Regexp) bool {
	return name.MatchString(calls(c, len(c.Frames)))
}

// exact is the frame of the instruction at which the report was made, nil if the report does not say.
func exact(c *result.Crash) *result.Frame {
	for i := range c.Frames {
		if c.Frames[i].Exact {
			return &c.Frames[i]
		}
	}
	return nil
}

var (
	faultAddress = lazyregexp.New(`address: ([0-9a-f]{8,16})\b|non-canonical address 0x([0-9a-f]{1,16})`)
	fetched      = lazyregexp.New(`#PF: supervisor instruction fetch`)
	notPresent   = lazyregexp.New(`#PF: error_code\([^)]*\) - not-present page`)
	forbidden    = lazyregexp.New(`#PF: error_code\([^)]*\) - permissions violation`)
)

// address is the one that could not be used, 0 if the report has none.
func address(c *result.Crash) uint64 {
	for _, line := range c.Log[:min(len(c.Log), maxLines)] {
		if m := faultAddress.FindStringSubmatch(line); m != nil {
			n, _ := strconv.ParseUint(m[1]+m[2], 16, 64) // the pattern admits only valid numbers
			return n
		}
	}
	return 0
}

func says(c *result.Crash, what *lazyregexp.Regexp) bool {
	return slices.ContainsFunc(c.Log[:min(len(c.Log), maxLines)], what.MatchString)
}

const (
	page       = 4096
	userEnd    = 1 << 47            // the end of user space, with four levels of page tables
	modulesAt  = 0xffffffffc0000000 // where modules are loaded: MODULES_VADDR of x86-64 with KASLR built in
	modulesEnd = 0xffffffffff000000 // MODULES_END
	firstErrno = 1<<64 - page       // ERR_PTR(-MAX_ERRNO) and above
)

// These are the conditions that are not a matter of words.

func nullFunction(c *result.Crash) bool { return says(c, fetched) && address(c) < page }

func nullMember(c *result.Crash) bool { a := address(c); return a > 0 && a < page }

func nullItself(c *result.Crash) bool { return address(c) == 0 }

func userPointer(c *result.Crash) bool {
	a := address(c)
	return a >= 16*page && a < userEnd && !says(c, fetched)
}

func errorPointer(c *result.Crash) bool { a := address(c); return a >= firstErrno && errnoAt(c) != "" }

// errorMember is a member behind an ERR_PTR: the sum wraps around to a small address. Members of structures are at
// multiples of four, but for short ones, and the register still holds the pointer.
func errorMember(c *result.Crash) bool {
	a := address(c)
	return a < page && a%4 != 0 && errnoAt(c) != ""
}

// goneCode is code of a module whose memory was freed, or overwritten with int3. The tracer may have named the frame.
func goneCode(c *result.Crash) bool {
	if says(c, fetched) {
		return goneData(c)
	}
	f := exact(c)
	return f != nil && (strings.Contains(c.Title, "code already freed") || f.Function == "" && inModules(f.Address))
}

func goneData(c *result.Crash) bool { return inModules(address(c)) && says(c, notPresent) }

func inModules(a uint64) bool { return a >= modulesAt && a < modulesEnd }

func readOnly(c *result.Crash) bool {
	return says(c, forbidden) && address(c) >= userEnd && !says(c, fetched)
}

// ownBug is a BUG() in a module's own code.
func ownBug(c *result.Crash) bool { f := exact(c); return f != nil && f.Module != "" }

// errnoAt names the errno in the pointer that could not be used, "" if it holds none: one of the registers does, and a
// member of a structure lies behind it.
func errnoAt(c *result.Crash) string {
	a := address(c)
	for _, name := range slices.Sorted(maps.Keys(c.Registers)) {
		n, err := strconv.ParseUint(c.Registers[name], 16, 64)
		if err == nil && n >= firstErrno && a-n < page && (a-n)%4 == 0 {
			return "-" + errno.Name(int(-int64(n)))
		}
	}
	if a >= firstErrno {
		return "-" + errno.Name(int(-int64(a)))
	}
	return ""
}

func notNullish(c *result.Crash) bool { return !nullish(c) }

// ownWord are the functions that first touch a lock's own word. In memory that was only cleared they do not fault: the
// pointer to the lock, or to the structure that holds it, is NULL.
var ownWord = at(`_?_raw_(?:spin|read|write)_\w+|mutex_(?:lock|trylock|unlock)(?:_\w+)?|(?:down|up)_(?:read|write)(?:_\w+)?`)

// cleared is a lock or wait queue in memory that nobody initialised.
func cleared(c *result.Crash) bool {
	f := exact(c)
	return nullish(c) && (f == nil || !ownWord.MatchString(f.Function))
}

func nullish(c *result.Crash) bool {
	return c.Type == "null-dereference" || address(c) < page && address(c) > 0
}
