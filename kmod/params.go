// SPDX-License-Identifier: MIT

package kmod

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// ParamError says what is wrong with a parameter. The kernel accepts an unknown
// parameter without an error, and only logs that it ignored it.
type ParamError struct {
	Module, Param string
	Value         string
	Type          string   // that the module states; empty for an unknown parameter
	Reason        string   // why Type does not accept Value; empty for an unknown parameter
	Has           []string // for an unknown parameter: the parameters that the module has
}

// Unknown reports whether the module does not have the parameter; otherwise its value
// is bad.
func (e *ParamError) Unknown() bool { return e.Reason == "" }

// Error says why the type does not accept the value, or which parameters the module has.
func (e *ParamError) Error() string {
	if !e.Unknown() {
		return fmt.Sprintf("parameter %s of %s does not take %q: %s", e.Param, e.Module, e.Value, e.Reason)
	}
	has := "has none"
	if len(e.Has) > 0 {
		has = "has " + strings.Join(e.Has, ", ")
	}
	return fmt.Sprintf("%s has no parameter %s, which the kernel would ignore; it %s", e.Module, e.Param, has)
}

// Is makes a ParamError an ErrParameter.
func (e *ParamError) Is(target error) bool { return target == ErrParameter }

// CheckParams checks parameters, written as for the kernel, against the types that the
// module states. Each error is a *ParamError. A parameter with code of its own
// (module_param_cb) states no type and is not checked; one that the module does not
// mention may be such a parameter.
func (m *Module) CheckParams(params string) []error {
	if m == nil {
		return []error{errNoModule}
	}
	var errs []error
	known := m.Info.Params()
	for w := range cmdlineWords(params) {
		name, value, given := strings.Cut(strings.Trim(w, `"`), "=")
		value = strings.Trim(value, `"`)
		key := strings.ReplaceAll(name, "-", "_")
		i := slices.IndexFunc(known, func(p Param) bool { return strings.ReplaceAll(p.Name, "-", "_") == key })
		if i < 0 {
			if key != "async_probe" && key != "dyndbg" && name != "--" {
				errs = append(errs, &ParamError{Module: m.Name, Param: name, Value: value, Has: paramNames(known)})
			}
			continue
		}
		if reason := badValue(known[i].Type, value, given); reason != "" {
			p := known[i]
			errs = append(errs, &ParamError{Module: m.Name, Param: p.Name, Value: value, Type: p.Type, Reason: reason})
		}
	}
	return errs
}

func paramNames(params []Param) []string {
	var names []string
	for _, p := range params {
		names = append(names, p.Name)
	}
	return names
}

// intTypes are the kernel's integers, by size in bits; negative is signed.
var intTypes = map[string]int{
	"byte": 8, "hexint": 32, "short": -16, "ushort": 16, "int": -32, "uint": 32, "long": -64, "ulong": 64, "ullong": 64,
}

// maxString is the longest value of a charp parameter.
const maxString = 1024

// badValue says why a type does not accept a value, "" if it does or may.
func badValue(typ, value string, given bool) string {
	if elem, ok := strings.CutPrefix(typ, "array of "); ok {
		for v := range strings.SplitSeq(value, ",") {
			if reason := badValue(elem, v, given); reason != "" {
				return reason
			}
		}
		return ""
	}
	if bits, ok := intTypes[typ]; ok {
		return badInt(typ, value, bits)
	}
	switch typ {
	case "bool", "invbool":
		if given && !isBool(value) {
			return "not a bool (y, n, 1, 0, on, off)"
		}
	case "charp":
		switch {
		case !given:
			return "it needs a value"
		case len(value) > maxString:
			return fmt.Sprintf("longer than %d bytes", maxString)
		}
	}
	return ""
}

// badInt reads a number as the kernel does: hexadecimal after 0x, octal after 0.
func badInt(typ, value string, bits int) string {
	var err error
	digits := strings.ToLower(strings.TrimLeft(value, "+-"))
	// Go would accept these
	if strings.Contains(digits, "_") || strings.HasPrefix(digits, "0b") || strings.HasPrefix(digits, "0o") {
		return "not a number of type " + typ
	}
	switch {
	case bits < 0:
		_, err = strconv.ParseInt(value, 0, -bits)
	default:
		_, err = strconv.ParseUint(strings.TrimPrefix(value, "+"), 0, bits)
	}
	if err == nil {
		return ""
	}
	if ne, ok := err.(*strconv.NumError); ok && ne.Err == strconv.ErrRange {
		return "out of range for its type " + typ
	}
	return "not a number of type " + typ
}

func isBool(v string) bool {
	if v == "" {
		return false
	}
	switch v[0] {
	case 'y', 'Y', 't', 'T', '1', 'n', 'N', 'f', 'F', '0':
		return true
	case 'o', 'O':
		return len(v) > 1 && strings.ContainsRune("nNfF", rune(v[1]))
	}
	return false
}
