// SPDX-License-Identifier: MIT

package expect

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/parser"

	"github.com/kmodlab/kmodlab/internal/plain"
)

// maxFound bounds the sentences of a finding.
const maxFound = 6

// explainer finds out why an expectation does not hold: it evaluates the parts that decide, with the variables that
// macros bind, and makes sentences of them.
type explainer struct {
	e        *Expectation
	scope    *scope
	programs map[int64]cel.Program // of parts, by their number
	spent    uint64                // of maxCost, the evaluation of the whole included
}

// clue is one reason. path names the members that lead to it, from the outside.
type clue struct {
	path []string
	text string
	at   *int64
}

// place is where in the expression's macros a part is evaluated.
type place struct {
	vars     cel.Activation
	variable string  // of the innermost macro, empty outside of all
	member   *object // what it stands for, nil if that is no struct
}

// finding explains the whole expression.
func (x *explainer) finding() Finding {
	var f Finding
	clues := x.why(x.e.checked.Expr(), true, place{vars: x.scope})
	seen := make(map[string]bool)
	for _, c := range clues {
		if f.AtNS == nil && c.at != nil {
			at := *c.at
			f.AtNS = &at
		}
		sentence := strings.Join(append(c.path, c.text), ": ")
		if seen[sentence] {
			continue
		}
		seen[sentence] = true
		if len(f.Found) < maxFound {
			f.Found = append(f.Found, sentence)
		}
	}
	if more := len(seen) - len(f.Found); more > 0 {
		f.Found = append(f.Found[:maxFound-1], fmt.Sprintf("and %d more", more+1))
	}
	return f
}

// value evaluates a part. Once the bound is reached all is an error.
func (x *explainer) value(e ast.Expr, at place) (ref.Val, error) {
	if e.Kind() == ast.LiteralKind {
		return e.AsLiteral(), nil
	}
	if x.spent >= maxCost {
		return nil, errEnough
	}
	program, ok := x.programs[e.ID()]
	if !ok {
		var err error
		if program, err = x.e.plan(e); err != nil {
			return nil, err
		}
		x.programs[e.ID()] = program
	}
	value, details, err := program.Eval(at.vars)
	x.spent++
	if details != nil && details.ActualCost() != nil {
		x.spent += *details.ActualCost()
	}
	return value, err
}

var errEnough = errors.New("the explanation takes too many steps")

// why says why a part is not what it should be.
func (x *explainer) why(e ast.Expr, want bool, at place) []clue {
	switch e.Kind() {
	case ast.CallKind:
		return x.whyCall(e, want, at)
	case ast.ComprehensionKind:
		return x.whyMacro(e, want, at)
	}
	value, err := x.value(e, at)
	if err != nil {
		return x.failed(e, err, at)
	}
	return at.clue("%s is %s", x.text(e, at), show(value))
}

func (x *explainer) whyCall(e ast.Expr, want bool, at place) []clue {
	call := e.AsCall()
	args := call.Args()
	switch name := call.FunctionName(); name {
	case operators.LogicalAnd, operators.LogicalOr:
		var clues []clue
		for _, arg := range args {
			if value, err := x.value(arg, at); err != nil || value != types.Bool(want) {
				clues = append(clues, x.why(arg, want, at)...)
			}
		}
		return clues
	case operators.LogicalNot:
		return x.why(args[0], !want, at)
	case operators.Conditional:
		value, err := x.value(args[0], at)
		switch {
		case err != nil:
			return x.why(args[0], true, at)
		case value == types.True:
			return x.why(args[1], want, at)
		}
		return x.why(args[2], want, at)
	case operators.Equals, operators.NotEquals, operators.Less, operators.LessEquals, operators.Greater,
		operators.GreaterEquals, operators.In:
		return x.whyCompared(e, name, want, at)
	case functionOrder:
		return x.whyOrder(args[0].AsList().Elements(), want, at)
	case cleanFunction:
		return x.whyClean(want, at)
	}
	return x.whyFunction(e, at)
}

// instead says of an operator what the left side is not, if the operator should be true.
var instead = map[string]string{
	operators.Equals: "not ", operators.Less: "not below ", operators.LessEquals: "not at most ",
	operators.Greater: "not above ", operators.GreaterEquals: "not at least ", operators.In: "not in ",
}

func (x *explainer) whyCompared(e ast.Expr, operator string, want bool, at place) []clue {
	left, right := e.AsCall().Args()[0], e.AsCall().Args()[1]
	if left.Kind() == ast.LiteralKind && right.Kind() != ast.LiteralKind && operator != operators.In {
		left, right, operator = right, left, mirrored(operator)
	}
	l, err := x.value(left, at)
	if err != nil {
		return x.failed(left, err, at)
	}
	r, err := x.value(right, at)
	if err != nil {
		return x.failed(right, err, at)
	}
	if _, err := x.value(e, at); err != nil {
		return x.failed(e, err, at)
	}
	if operator == operators.In && left.Kind() == ast.LiteralKind {
		with := "with "
		if want {
			with = "without "
		}
		return at.clue("%s is %s, %s", x.text(right, at), show(r), with+show(l))
	}
	show := showAs(isTime(left) || isTime(right))
	text := x.text(left, at) + " is " + show(l)
	if not := instead[operator]; want && not != "" {
		text += ", " + not
		if right.Kind() == ast.LiteralKind || right.Kind() == ast.ListKind || isUnit(right) {
			text += show(r)
		} else {
			text += x.text(right, at) + ", which is " + show(r)
		}
	}
	return append(at.clue("%s", text), x.whySize(left, l, r, at)...)
}

// mirrored is the operator with its sides exchanged.
func mirrored(operator string) string {
	switch operator {
	case operators.Less:
		return operators.Greater
	case operators.LessEquals:
		return operators.GreaterEquals
	case operators.Greater:
		return operators.Less
	case operators.GreaterEquals:
		return operators.LessEquals
	}
	return operator
}

// whyOrder says which time is missing or out of its place.
func (x *explainer) whyOrder(times []ast.Expr, want bool, at place) []clue {
	if !want {
		return at.clue("the times are in order")
	}
	var last types.Int
	before := ""
	var clues []clue
	for _, e := range times {
		value, err := x.value(e, at)
		if err != nil {
			return x.failed(e, err, at)
		}
		when, seen := value.(types.Int)
		name := x.text(e, at)
		switch {
		case !seen:
			clues = append(clues, at.clue("%s was not seen", name)...)
			continue
		case before != "" && when < last:
			clues = append(clues, at.clue("%s (%s) is before %s (%s)", name, plain.Moment(int64(when)), before,
				plain.Moment(int64(last)))...)
		}
		last, before = when, name
	}
	return clues
}

// whyFunction names a call of a function, and the values that it was given.
func (x *explainer) whyFunction(e ast.Expr, at place) []clue {
	value, err := x.value(e, at)
	if err != nil {
		return x.failed(e, err, at)
	}
	text := x.text(e, at) + " is " + show(value)
	call := e.AsCall()
	args := call.Args()
	if call.IsMemberFunction() {
		args = append([]ast.Expr{call.Target()}, args...)
	}
	for _, arg := range args {
		if arg.Kind() != ast.SelectKind {
			continue
		}
		if v, err := x.value(arg, at); err == nil {
			text += "; " + x.text(arg, at) + " is " + show(v)
		}
	}
	return at.clue("%s", text)
}

// failed is about a part that has no value.
func (x *explainer) failed(e ast.Expr, err error, at place) []clue {
	var u *unseen
	var m *missing
	switch {
	case errors.As(err, &u):
		return at.clue("%s", u.text(at.member))
	case errors.As(err, &m):
		return at.clue("%s", m.text)
	case errors.Is(err, errEnough) || tooCostly(err):
		return at.clue("the rest is not looked at, for it takes too many steps")
	}
	return at.clue("%s has no value: %s", x.text(e, at), phrase(err.Error()))
}

func (p place) clue(format string, args ...any) []clue {
	c := clue{text: fmt.Sprintf(format, args...)}
	if p.member != nil {
		c.at = p.member.at()
	}
	return []clue{c}
}

// text is a part as the person wrote it, without the variable of the macro that it is in: the sentence begins with
// what that stands for.
func (x *explainer) text(e ast.Expr, at place) string {
	text, err := parser.Unparse(e, x.e.checked.SourceInfo(), parser.WrapOnColumn(2*maxText))
	if err != nil {
		return "it"
	}
	if at.variable == "" || at.member == nil {
		return phrase(text)
	}
	own, err := regexp.Compile(`("(?:[^"\\]|\\.)*")|(^|[^\w.])` + regexp.QuoteMeta(at.variable) + `\.`)
	if err != nil {
		return phrase(text)
	}
	return phrase(own.ReplaceAllString(text, "$1$2"))
}
