// SPDX-License-Identifier: MIT

package leaks

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Pair is a pair of the kernel's module interface: the functions that take a thing or register one, and those that give
// it back. A function is written as C calls it, with a mark for each argument that matters:
//
//   - *  the address of the thing, or with a second one a part of what identifies it
//   - #  a number of 32 bits that identifies it
//   - @  points to such a number
//   - s  the thing's name, a string; S points to a pointer to one
//   - $  its size in bytes, ^ in pages as a power of two
//   - _  anything else; what follows the last mark is left out
//
// After the call comes what it returns if it succeeds; nothing, if it cannot fail:
//
//   - =0  zero
//   - =*  the address of the thing
//   - =+  zero, or the number that identifies it
//   - =p  a pointer that is neither null nor an error
//
// "via f" says that f, called inside, returns the thing.
type Pair struct {
	Area  string // the part of the kernel, for the documentation
	Class string // result.Leftover.Kind
	One   string // "a netdevice notifier"; with a name inside, %s stands for each of its strings
	Many  string // "netdevice notifiers"
	Take  string // functions, a space between two
	Give  string
	Undo  string // what a module calls, if that is not in Give; functions, a space between two
	// Moot are imports with which a module may give the thing back in a way that is not in Give: then it is not claimed.
	Moot string
	// Twice says that to give it back twice is misuse, which the kernel may not notice.
	Twice bool
	// Counted things can be taken several times.
	Counted bool
	// Own things are given back by others, too, who took them: only what modules give back counts.
	Own bool
	// In says that the first part of what identifies a thing is what it is in: if that is part of a module, too, nothing
	// of it is left once the modules are gone.
	In bool
	// Shows are patterns of names in /proc and /sys with which such a thing shows.
	Shows string
	// Listed things are claimed only if such a name is left: the kernel gives them back in other ways, too.
	Listed bool
}

// The classes of pairs.
const (
	memory       = "memory"
	registration = "registration"
	reference    = "reference"
	resource     = "resource"
)

// Kind is the pair's word in the names of its events: its first function in letters and digits.
func (p *Pair) Kind() string {
	return strings.ReplaceAll(p.takes()[0].name, "_", "")
}

// function is one function of a pair, read from its notation.
type function struct {
	name  string
	args  []byte // a mark for each argument
	ok    byte   // 0, '0', '*', '+' or 'p'
	inner string // the function that returns the thing
}

func (p *Pair) takes() []function { return functions(p.Take) }
func (p *Pair) gives() []function { return functions(p.Give) }

func functions(text string) []function {
	var list []function
	fields := strings.Fields(text)
	for i := 0; i < len(fields); i++ {
		name, rest, _ := strings.Cut(fields[i], "(")
		args, ok, _ := strings.Cut(rest, ")")
		f := function{name: name, args: []byte(strings.ReplaceAll(args, ",", ""))}
		if len(ok) == 2 {
			f.ok = ok[1]
		}
		if i+2 < len(fields) && fields[i+1] == "via" {
			f.inner = fields[i+2]
			i += 2
		}
		list = append(list, f)
	}
	return list
}

// registers hold the arguments of a function, on x86-64.
var registers = []string{"di", "si", "dx", "cx", "r8", "r9"}

// fetch returns what a probe at the function's entry records: what identifies the thing, its size, its names.
func (f *function) fetch() string {
	var words []string
	keys, names := []string{"ptr", "and"}, []string{"name", "next"}
	for i, mark := range f.args {
		reg := "%" + registers[i]
		switch mark {
		case '*':
			words, keys = append(words, keys[0]+"="+reg), keys[1:]
		case '#':
			words, keys = append(words, keys[0]+"="+reg+":x32"), keys[1:]
		case '@':
			words, keys = append(words, keys[0]+"=+0("+reg+"):x32"), keys[1:]
		case 's':
			words, names = append(words, names[0]+"=+0("+reg+"):string"), names[1:]
		case 'S':
			words, names = append(words, names[0]+"=+0(+0("+reg+")):string"), names[1:]
		case '$':
			words = append(words, "size="+reg)
		case '^':
			words = append(words, "order="+reg+":x32")
		}
	}
	return strings.Join(append(words, "site=$stack0:symbol"), " ")
}

// entry reports whether a call of the function is recorded when it begins. What only returns a thing is recorded when
// it returns, with its caller.
func (f *function) entry() bool {
	return f.ok != '*' || f.inner != "" || slices.ContainsFunc(f.args, func(mark byte) bool { return mark != '_' })
}

// What a function of a pair does, besides take and give.
const (
	begin = "begin" // is called
	end   = "end"   // returns
	hold  = "hold"  // is called, and cannot fail
	inner = "inner" // returns the thing to the function that began last
)

// Pairs is the table of all pairs.
var Pairs = slices.Concat(
	memoryPairs, notifierPairs, tracingPairs, netPairs, driverPairs, devicePairs, fsPairs, referencePairs)

// pairOf finds pairs by their kinds.
var pairOf = func() map[string]*Pair {
	byKind := make(map[string]*Pair, len(Pairs))
	for i := range Pairs {
		byKind[Pairs[i].Kind()] = &Pairs[i]
	}
	return byKind
}()

// what is the pair's thing without its name.
func (p *Pair) what() string {
	what, name, _ := strings.Cut(p.One, " (")
	if !strings.Contains(name, "%s") {
		return p.One
	}
	return what
}

// says returns in words what was left behind of a pair's things.
func (p *Pair) says(s *sum) string {
	what := p.One
	switch n := strings.Count(p.One, "%s"); {
	case n > 0 && (s.name == "" || strings.Contains(s.name+s.next, "%")): // a format, or a name that was not read
		what = p.what()
	case n == 1:
		what = fmt.Sprintf(p.One, s.name)
	case n == 2:
		what = fmt.Sprintf(p.One, s.name, s.next)
	}
	if s.count > 1 {
		what = fmt.Sprintf("%d %s", s.count, p.Many)
	}
	switch bytes := plural(s.bytes, "byte", "bytes"); {
	case s.bytes == 0:
	case s.pages && s.count == 1:
		what = fmt.Sprintf("%s (%s)", plural(s.bytes/pageSize, "page", "pages"), bytes)
	default:
		what += fmt.Sprintf(" (%s)", bytes)
	}
	return what
}

func plural(n uint64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// undo is the function that the module should have called: of those that give the thing back the one that it imports,
// or else the first that the kernel has.
func (p *Pair) undo(imports, has func(string) bool) (name string, imported bool) {
	if calls := strings.Fields(p.Undo); len(calls) > 0 {
		i := slices.IndexFunc(calls, imports)
		return calls[max(i, 0)], i >= 0
	}
	var first string
	for _, f := range p.gives() {
		if imports(f.name) {
			return f.name, true
		}
		if first == "" && has(f.name) {
			first = f.name
		}
	}
	return cmp.Or(first, p.gives()[0].name), false
}
