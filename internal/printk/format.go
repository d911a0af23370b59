// SPDX-License-Identifier: MIT

package printk

import (
	"regexp"
	"strings"
	"sync"
)

// Format is one line of a format string.
type Format struct {
	Level int // 0 to 7, Default or Continued
	// Init and Exit say that nothing but the module's init or exit uses the format, Functions which functions use it. All
	// are empty if the file does not show it.
	Init, Exit bool
	Functions  []string

	text   string // as in the source, without level and line break
	chunk  string // the longest piece without a conversion
	weight int    // letters and digits that must be there, and numbers
	gaps   int    // conversions
	open   bool   // no line break follows, so KERN_CONT may
	once   sync.Once
	whole  *regexp.Regexp // the line
	device *regexp.Regexp // the line after the name of a device
}

// strong is the weight at which a format does not fit a line by chance.
const strong = 8

// startOfHeader begins the level of a format string (KERN_SOH).
const startOfHeader = '\x01'

// formatsOf returns a format for each line of a string; none if it has nothing to print.
func formatsOf(s string) []*Format {
	level := Default
	for len(s) >= 2 && s[0] == startOfHeader {
		switch c := s[1]; {
		case level != Default: // the first level counts
		case c >= '0' && c <= '7':
			level = int(c - '0')
		case c == 'c':
			level = Continued
		}
		s = s[2:]
	}
	var formats []*Format
	lines := strings.Split(ansi.ReplaceAllString(s, ""), "\n") // as a line of the log is read
	for i, line := range lines {
		if strings.TrimSpace(line) == "" {
			continue
		}
		f := &Format{Level: level, text: line, open: i == len(lines)-1}
		f.weigh()
		formats = append(formats, f)
	}
	return formats
}

// piece is a part of a format: literal text, or a conversion.
type piece struct {
	literal string
	pattern string // of a conversion
	number  bool   // it prints a number
}

// weigh sets what a line must have.
func (f *Format) weigh() {
	for _, p := range pieces(f.text) {
		if p.pattern != "" {
			f.gaps++
		}
		if p.number {
			f.weight++
		}
		for _, c := range p.literal {
			if c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c > 0x7f {
				f.weight++
			}
		}
		if trimmed := strings.TrimRight(p.literal, " \t"); len(trimmed) > len(f.chunk) {
			f.chunk = trimmed
		}
	}
}

// Patterns of conversions, Documentation/core-api/printk-formats.rst.
const (
	anything = `.*`
	decimal  = ` *[-+]?\d+ *`
	unsigned = ` *\d+ *`
	hex      = ` *(?:0[xX])?[0-9a-fA-F]+ *`
	octal    = ` *[0-7]+ *`
	pointer  = ` *(?:(?:0x)?[0-9a-fA-F]{8,16}|\((?:____ptrval____|ptrval|null|efault|einval)\)) *`
)

// pieces splits a format at its conversions.
func pieces(format string) []piece {
	var list []piece
	var literal strings.Builder
	flush := func() {
		if literal.Len() > 0 {
			list = append(list, piece{literal: literal.String()})
			literal.Reset()
		}
	}
	for i := 0; i < len(format); {
		if format[i] != '%' {
			literal.WriteByte(format[i])
			i++
			continue
		}
		p, size := conversion(format[i:])
		i += size
		if p.pattern == "" {
			literal.WriteString(p.literal)
			continue
		}
		flush()
		list = append(list, p)
	}
	flush()
	return list
}

// conversion reads the conversion that a string begins with.
func conversion(s string) (p piece, size int) {
	i := 1
	skip := func(set string) {
		for i < len(s) && strings.IndexByte(set, s[i]) >= 0 {
			i++
		}
	}
	skip("-+ #0")
	skip("0123456789*")
	if i < len(s) && s[i] == '.' {
		i++
		skip("0123456789*")
	}
	skip("hlLzZt")
	if i == len(s) { // not a conversion that the kernel knows
		return piece{literal: s}, len(s)
	}
	c := s[i]
	i++
	switch c {
	case '%':
		return piece{literal: "%"}, i
	case 'd', 'i':
		return piece{pattern: decimal, number: true}, i
	case 'u':
		return piece{pattern: unsigned, number: true}, i
	case 'x', 'X':
		return piece{pattern: hex, number: true}, i
	case 'o':
		return piece{pattern: octal, number: true}, i
	case 'c':
		return piece{pattern: ` *(?s:.)? *`}, i
	case 'p':
		return pointerOf(s, i)
	}
	return piece{pattern: anything}, i
}

// pointerOf reads the extension of a %p: letters and digits, such as pI4 or pISpc.
func pointerOf(s string, i int) (piece, int) {
	const first = "fFsSBRrhbMmIiEUVKNGgdDaCtOxeT4"
	if i == len(s) || strings.IndexByte(first, s[i]) < 0 {
		return piece{pattern: pointer, number: true}, i
	}
	kind := s[i]
	for i < len(s) && (s[i] >= 'a' && s[i] <= 'z' || s[i] >= 'A' && s[i] <= 'Z' || s[i] >= '0' && s[i] <= '9') {
		i++
	}
	if kind == 'K' || kind == 'x' {
		return piece{pattern: pointer, number: true}, i
	}
	return piece{pattern: anything}, i
}

// deviceNames precede what dev_info, netdev_info and drm_info print: the driver, the device, the interface and its
// state.
const deviceNames = `(?:\[[^\]]{1,40}\] |\S+(?: \S+){0,3}: )+`

// compile makes the patterns. The kernel's log and consoles lose blanks at the end.
func (f *Format) compile() {
	f.once.Do(func() {
		var b strings.Builder
		for _, p := range pieces(f.text) {
			if p.pattern != "" {
				b.WriteString(p.pattern)
			} else {
				b.WriteString(regexp.QuoteMeta(p.literal))
			}
		}
		body := strings.TrimRight(b.String(), " \t") + `\s*`
		// A string that is too long or not UTF-8 has no pattern; it fits nothing.
		if f.whole, _ = regexp.Compile(`^` + body); f.whole != nil {
			f.whole.Longest()
		}
		if f.Level == Default {
			f.device, _ = regexp.Compile(`^` + deviceNames + body + `$`)
		}
	})
}

// fit says how a format fits a line.
type fit int

const (
	unfit  fit = iota
	begins     // the line continues after it
	fits
	named // it fits after a device's name
)

// budget bounds the work of comparing formats with lines: both come from strangers. A comparison takes as long as the
// line is long and the format has conversions.
type budget int

const (
	maxBudget budget = 2 << 20
	unitBytes        = 32 // of a line, for each conversion
)

// fit compares a format with a line, without regard to the level.
func (f *Format) fit(text string, left *budget) fit {
	if !strings.Contains(text, f.chunk) || *left <= 0 {
		return unfit
	}
	*left -= budget(1 + len(text)*(f.gaps+1)/unitBytes)
	f.compile()
	if f.whole == nil {
		return unfit
	}
	if at := f.whole.FindStringIndex(text); at != nil {
		if at[1] == len(text) {
			return fits
		}
		return begins
	}
	if f.device != nil && f.device.MatchString(text) {
		return named
	}
	return unfit
}
