// SPDX-License-Identifier: MIT

package kmodcmd

import (
	"fmt"
	"slices"
	"strings"
)

// option is one flag of a command; short is 0 for a flag that has only a long name. long may
// hold several names with one meaning, separated by |; the first is the key in parsed.
type option struct {
	short byte
	long  string
	value bool // takes a value
}

func (o option) key() string {
	key, _, _ := strings.Cut(o.long, "|")
	return key
}

// parsed are the flags given, by key, and the operands.
type parsed struct {
	flags    map[string]string
	repeated map[string][]string // every value of a flag, in order
	operands []string
}

func (p parsed) has(key string) bool {
	_, ok := p.flags[key]
	return ok
}

func (p parsed) set(o option, value string) {
	p.flags[o.key()] = value
	p.repeated[o.key()] = append(p.repeated[o.key()], value)
}

// parseArgs reads flags as getopt_long does: short ones may be combined (-rv), long ones
// shortened, and both may come between operands, up to "--".
func parseArgs(args []string, options []option) (parsed, error) {
	p := parsed{flags: map[string]string{}, repeated: map[string][]string{}}
	for len(args) > 0 {
		a := args[0]
		args = args[1:]
		var err error
		switch {
		case a == "--":
			p.operands = append(p.operands, args...)
			return p, nil
		case strings.HasPrefix(a, "--"):
			args, err = p.long(a[2:], args, options)
		case len(a) > 1 && a[0] == '-':
			args, err = p.shorts(a[1:], args, options)
		default:
			p.operands = append(p.operands, a)
		}
		if err != nil {
			return p, err
		}
	}
	return p, nil
}

func (p parsed) long(arg string, args []string, options []option) ([]string, error) {
	name, value, given := strings.Cut(arg, "=")
	o, full, err := findLong(name, options)
	if err != nil {
		return nil, err
	}
	if !o.value && given {
		return nil, fmt.Errorf("option '--%s' doesn't allow an argument", full)
	}
	if o.value && !given {
		if len(args) == 0 {
			return nil, fmt.Errorf("option '--%s' requires an argument", full)
		}
		value, args = args[0], args[1:]
	}
	p.set(o, value)
	return args, nil
}

// findLong accepts an unambiguous beginning of a long name, and returns the whole.
func findLong(name string, options []option) (option, string, error) {
	var found []option
	var names []string
	for _, o := range options {
		for long := range strings.SplitSeq(o.long, "|") {
			if long == name {
				return o, long, nil
			}
			if strings.HasPrefix(long, name) {
				found, names = append(found, o), append(names, long)
			}
		}
	}
	if len(found) == 0 {
		return option{}, "", fmt.Errorf("unrecognized option '--%s'", name)
	}
	if slices.ContainsFunc(found, func(o option) bool { return o.key() != found[0].key() }) {
		return option{}, "", fmt.Errorf("option '--%s' is ambiguous; possibilities: '--%s'",
			name, strings.Join(names, "' '--"))
	}
	return found[0], names[0], nil
}

func (p parsed) shorts(letters string, args []string, options []option) ([]string, error) {
	for i := range len(letters) {
		at := slices.IndexFunc(options, func(o option) bool { return o.short == letters[i] })
		if at < 0 {
			return nil, fmt.Errorf("invalid option -- '%c'", letters[i])
		}
		o := options[at]
		if !o.value {
			p.set(o, "")
			continue
		}
		value := letters[i+1:]
		if value == "" {
			if len(args) == 0 {
				return nil, fmt.Errorf("option requires an argument -- '%c'", o.short)
			}
			value, args = args[0], args[1:]
		}
		p.set(o, value)
		return args, nil
	}
	return args, nil
}

// splitOptions splits the text of MODPROBE_OPTIONS at blanks outside of quotes, and removes
// the quotes.
func splitOptions(text string) []string {
	var args []string
	var b strings.Builder
	quote, inside := byte(0), false
	for i := range len(text) {
		switch c := text[i]; {
		case quote == 0 && (c == '\'' || c == '"'):
			quote, inside = c, true
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == ' ' || c == '\t' || c == '\n'):
			if inside {
				args = append(args, b.String())
				b.Reset()
			}
			inside = false
		default:
			b.WriteByte(c)
			inside = true
		}
	}
	if inside {
		args = append(args, b.String())
	}
	return args
}
