// SPDX-License-Identifier: MIT

package printk

import (
	"math"
	"slices"
	"strings"
)

// Module is a module that may have printed something.
type Module struct {
	Name    string
	Studied bool // its lines are wanted; those of others are only told apart
	File    *File
	// Lives are the times during which it was loaded, by the log's clock; nil if they are not known.
	Lives   []Life
	Callers map[string]bool // tasks that run its code alone, as the log names callers
}

// Life is a module's life, in microseconds.
type Life struct{ From, Initialized, To int64 }

// Said is a line that a module printed.
type Said struct {
	Line
	Module string  // "" if several modules under study print the same
	Format *Format // nil if no format shows it
	// Default says that printk was called without a level, which the kernel logs as a warning.
	Default bool
}

// Attribute returns the lines that the modules under study printed. report reports whether a line is part of a report
// of the kernel.
func Attribute(lines []Line, modules []Module, report func(text string) bool) []Said {
	var said []Said
	a := attributor{modules, report, maxBudget}
	var last *Said // of the line before
	for i := range lines {
		l := &lines[i]
		s, ok := a.line(l)
		if !ok && last != nil && last.US == l.US && last.Level == l.Level && last.Caller == l.Caller &&
			l.US >= 0 && !a.excluded(l) { // the same record, with a text of several lines
			s, ok = Said{Line: *l, Module: last.Module, Format: last.Format}, true
		}
		last = nil
		if ok {
			said = append(said, s)
			last = &s
		}
	}
	return said
}

type attributor struct {
	modules []Module
	report  func(string) bool
	left    budget
}

// rank says how good a reason there is to believe that a module printed a line.
type rank int

const (
	no       rank = iota
	byName        // the line begins with the module's name
	byWeak        // a format fits that might fit others' lines
	byPlain       // a string without a level fits, which has enough of its own
	byFormat      // a format fits that no other would
)

// claim is a module's claim to a line.
type claim struct {
	module *Module
	rank   rank
	weight int
	format *Format
}

func (a *attributor) line(l *Line) (Said, bool) {
	if l.User {
		return Said{}, false
	}
	var best []claim
	for i := range a.modules {
		c := a.claim(&a.modules[i], l)
		switch {
		case c.rank == no:
			continue
		case len(best) > 0 && better(best[0], c):
			continue
		case len(best) > 0 && better(c, best[0]):
			best = best[:0]
		}
		best = append(best, c)
	}
	best = a.narrow(best, l)
	if len(best) == 0 || slices.ContainsFunc(best, func(c claim) bool { return !c.module.Studied }) {
		return Said{}, false
	}
	s := Said{Line: *l, Format: best[0].format}
	s.Default = s.Format != nil && s.Format.Level == Default && l.Level == defaultLevel &&
		s.Format.fit(l.Text, &a.left) == fits && !best[0].module.File.levelByArgument(l, &a.left)
	if len(best) == 1 {
		s.Module = best[0].module.Name
	}
	return s, true
}

// levelByArgument reports whether a line may come from a format with %s before its text: then the level may be an
// argument.
func (file *File) levelByArgument(l *Line, left *budget) bool {
	fitting := func(f *Format) bool {
		return strings.HasPrefix(f.text, "%s") && f.text != "%s" && f.fit(l.Text, left) == fits
	}
	return file.levels || slices.ContainsFunc(file.own, fitting) || slices.ContainsFunc(file.plain, fitting)
}

func better(a, b claim) bool {
	return a.rank > b.rank || a.rank == b.rank && a.rank > byName && a.weight > b.weight
}

// narrow asks the other witnesses which of several modules that print alike it was.
func (a *attributor) narrow(claims []claim, l *Line) []claim {
	for _, witness := range []func(*Module) bool{
		func(m *Module) bool { return m.alive(l, Skew, Skew) },
		func(m *Module) bool { return m.Callers[l.Caller] },
		func(m *Module) bool { return namedFirst(m.Name, l.Text) },
		func(m *Module) bool { return m.initializing(l, Skew) },
		func(m *Module) bool { return m.initializing(l, 0) },
		func(m *Module) bool { return m.alive(l, 0, 0) },
	} {
		if len(claims) < 2 {
			break
		}
		var left []claim
		for _, c := range claims {
			if witness(c.module) {
				left = append(left, c)
			}
		}
		if len(left) > 0 {
			claims = left
		}
	}
	return firstToGo(claims, l)
}

// firstToGo narrows claims to lines that only an exit function prints: modules go one after the other, and each prints
// such a line before it is gone.
func firstToGo(claims []claim, l *Line) []claim {
	if len(claims) < 2 || l.US < 0 {
		return claims
	}
	first, at := -1, int64(math.MaxInt64)
	for i, c := range claims {
		if c.format == nil || !c.format.Exit {
			return claims
		}
		for _, life := range c.module.Lives {
			if life.To >= l.US && life.To < at {
				first, at = i, life.To
			}
		}
	}
	if first < 0 {
		return claims
	}
	return claims[first : first+1]
}

// claim is the best reason to believe that a module printed a line.
func (a *attributor) claim(m *Module, l *Line) claim {
	best := claim{module: m}
	take := func(r rank, f *Format) {
		if c := (claim{m, r, f.weight, f}); better(c, best) {
			best = c
		}
	}
	if m.unborn(l) {
		return best
	}
	excluded := !m.alive(l, slackBefore, slackAfter) || a.excluded(l)
	if m.File != nil {
		for _, f := range m.File.own {
			if m.File.fits(f, l, &a.left) {
				switch {
				case f.weight >= strong:
					take(byFormat, f)
				case !excluded && (f.weight > strong/4 || !ofKernel.MatchString(l.Text)):
					take(byWeak, f)
				}
			}
		}
		if !excluded {
			for _, f := range m.File.plain {
				r := m.File.plainRank(f, l, &a.left)
				if r == byPlain || r == byWeak && !ofKernel.MatchString(l.Text) {
					take(r, f)
				}
			}
			if best.rank == no && m.File.dumps && hexDump.MatchString(l.Text) {
				best.rank = byWeak
			}
		}
	}
	if best.rank == no && !excluded && namedFirst(m.Name, l.Text) {
		best.rank = byName
	}
	return best
}

// fits reports whether a format with a level fits a line.
func (file *File) fits(f *Format, l *Line, left *budget) bool {
	if f.Level != l.Level && l.Level != Unknown && f.Level >= 0 {
		return false
	}
	switch f.fit(l.Text, left) {
	case fits:
		return true
	case begins:
		return f.open && file.joined && f.Level != Continued
	case named: // of KERN_DEFAULT
		return f.Level == Default
	}
	return false
}

// defaultLevel is that of printk without a level (CONFIG_MESSAGE_LOGLEVEL_DEFAULT); pr_debug keeps its level elsewhere.
const (
	defaultLevel = 4
	debugLevel   = 7
)

// plainRank compares a string without a level, which may be anything, with a line.
func (file *File) plainRank(f *Format, l *Line, left *budget) rank {
	switch fit := f.fit(l.Text, left); {
	case fit == unfit,
		fit == fits && l.Level != defaultLevel && l.Level != debugLevel && l.Level != Unknown && !f.anyLevel(),
		fit == begins && (!f.open || !file.joined || f.weight < strong),
		fit == named && f.weight < strong/2:
		return no
	case f.weight >= strong:
		return byPlain
	}
	return byWeak
}

// anyLevel reports whether a string without a level may be printed with any: the level is an argument, "%sfan %d is
// off", or the string is, and says enough by itself.
func (f *Format) anyLevel() bool {
	return strings.HasPrefix(f.text, "%s") && f.weight > 0 || f.gaps == 0 && f.weight >= strong
}

// excluded reports whether a line is the kernel's own.
func (a *attributor) excluded(l *Line) bool {
	return aboutModules.MatchString(l.Text) || a.report(l.Text)
}

// Slack around a module's life, in microseconds: its parameters are set before it is announced.
const (
	slackBefore = 1_000_000
	slackAfter  = 50_000
)

// Skew remains between the log's clock and the trace's, however well one is converted into the other, in microseconds.
const Skew = 2_000

// alive reports whether a module was loaded when a line was printed, or somewhat later or earlier.
func (m *Module) alive(l *Line, before, after int64) bool {
	return m.Lives == nil || l.US < 0 || slices.ContainsFunc(m.Lives, func(life Life) bool {
		return l.US >= life.From-before && l.US <= life.To+after
	})
}

// unborn reports whether a line was printed before the module was first loaded. Lines of the boot may fit any format,
// such as "%s registered".
func (m *Module) unborn(l *Line) bool {
	return len(m.Lives) > 0 && l.US >= 0 && !slices.ContainsFunc(m.Lives, func(life Life) bool {
		return l.US >= life.From-slackBefore
	})
}

// initializing reports whether a module's init ran when a line was printed, give or take some microseconds.
func (m *Module) initializing(l *Line, slack int64) bool {
	return slices.ContainsFunc(m.Lives, func(life Life) bool {
		return l.US >= life.From-slack && l.US <= life.Initialized+slack
	})
}

// namedFirst reports whether a text begins with a module's name, as a prefix of messages.
func namedFirst(name, text string) bool {
	text = strings.TrimLeft(text, "[<(* ")
	if len(text) <= len(name) || !strings.EqualFold(strings.ReplaceAll(text[:len(name)], "-", "_"), name) {
		return false
	}
	return strings.ContainsRune(":] >),", rune(text[len(name)]))
}
