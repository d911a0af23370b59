// SPDX-License-Identifier: MIT

package expect

import (
	"slices"
	"strings"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"github.com/kmodlab/kmodlab/internal/plain"
)

// isTime says whether a part of an expression is a number of nanoseconds: a member whose name says so, what a helper
// such as seconds() makes, or a sum or difference of such.
func isTime(e ast.Expr) bool {
	switch e.Kind() {
	case ast.SelectKind:
		s := e.AsSelect()
		return !s.IsTestOnly() && (isNS(s.FieldName()) || s.Operand().Kind() == ast.SelectKind &&
			isNS(s.Operand().AsSelect().FieldName()))
	case ast.CallKind:
		c := e.AsCall()
		switch name := strings.TrimPrefix(c.FunctionName(), "@"); name {
		case operators.Add, operators.Subtract, operators.Negate:
			return slices.ContainsFunc(c.Args(), isTime)
		default:
			return slices.Contains([]string{"us", "ms", "seconds", "jiffies"}, name)
		}
	}
	return false
}

// isUnit says whether a part is a literal time, such as seconds(2).
func isUnit(e ast.Expr) bool {
	if e.Kind() != ast.CallKind {
		return false
	}
	c := e.AsCall()
	return slices.Contains([]string{"us", "ms", "seconds"}, c.FunctionName()) && c.Args()[0].Kind() == ast.LiteralKind
}

func isNS(name string) bool { return strings.HasSuffix(name, "_ns") }

// showAs is show, which writes a number with the unit that a person reads if it is a time.
func showAs(time bool) func(ref.Val) string {
	return func(v ref.Val) string {
		if ns, ok := v.(types.Int); ok && time {
			return plain.Moment(int64(ns))
		}
		return show(v)
	}
}
