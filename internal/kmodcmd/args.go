// SPDX-License-Identifier: MIT

package kmodcmd

import (
	"fmt"
	"strings"
)

// option is one flag of a command; short is 0 for a flag with a long name only.
type option struct {
	short byte
	long  string
	value bool // takes one
}

// parsed are the flags given, by long name, and the operands.
type parsed struct {
	flags    map[string]string
	repeated map[string][]string // every value of a flag, in order
	operands []string
}

func (p parsed) has(long string) bool {
	_, ok := p.flags[long]
	return ok
}

func (p parsed) set(name, value string) {
	p.flags[name] = value
	p.repeated[name] = append(p.repeated[name], value)
}

// parseArgs reads flags as getopt_long does: they may stand together (-rv),
// among the operands, and up to "--".
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

func (p parsed) long(name string, args []string, options []option) ([]string, error) {
	name, value, given := strings.Cut(name, "=")
	for _, o := range options {
		if o.long != name {
			continue
		}
		if !o.value && given {
			return nil, fmt.Errorf("option --%s takes no value", name)
		}
		if o.value && !given {
			if len(args) == 0 {
				return nil, fmt.Errorf("option --%s needs a value", name)
			}
			value, args = args[0], args[1:]
		}
		p.set(name, value)
		return args, nil
	}
	return nil, fmt.Errorf("unknown option --%s; see --help", name)
}

func (p parsed) shorts(letters string, args []string, options []option) ([]string, error) {
	for i := range len(letters) {
		o, ok := findShort(letters[i], options)
		if !ok {
			return nil, fmt.Errorf("unknown option -%c; see --help", letters[i])
		}
		if !o.value {
			p.set(o.long, "")
			continue
		}
		value := letters[i+1:]
		if value == "" {
			if len(args) == 0 {
				return nil, fmt.Errorf("option -%c needs a value", o.short)
			}
			value, args = args[0], args[1:]
		}
		p.set(o.long, value)
		return args, nil
	}
	return args, nil
}

func findShort(letter byte, options []option) (option, bool) {
	for _, o := range options {
		if o.short == letter {
			return o, true
		}
	}
	return option{}, false
}
