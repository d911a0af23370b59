// SPDX-License-Identifier: MIT

// Package expect checks what a run found out against an expectation: an expression in CEL over package result, whose
// names are those of the JSON. docs/expectations.md is the user's page. It is pure.
//
//	e, err := expect.Compile(`threads.all(t, t.stops == 1)`)
//	finding := e.Check(res)
package expect

import (
	"errors"
	"fmt"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/checker"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/interpreter"

	"github.com/kmodlab/kmodlab/result"
)

// Expectation is an expression that was checked against the types of a result. Goroutines can share it.
type Expectation struct {
	text     string
	language *language
	checked  *ast.AST
	program  cel.Program
}

// String returns the expectation's text.
func (e *Expectation) String() string { return e.text }

// Finding is what an expectation says of a result.
type Finding struct {
	Holds bool
	// Unknown says why it can neither be said that the expectation holds nor that it does not: something was not seen, or
	// is not recorded. Unrecorded tells the two apart: nothing on this kernel records it, so it is no fault of the
	// modules.
	Unknown    string
	Unrecorded bool
	// Found says what was found instead, a sentence without a stop each, at most maxFound of them.
	Found []string
	// AtNS is the time of the first member that does not fulfil the expectation, if it has one.
	AtNS *int64
}

// Compile reads an expectation and checks it against the types of a result. The error of a text that is wrong is a
// *Slip.
//
// The language is made once in a process, when it is first needed: it was measured to take 1 to 2 ms, and an expression
// as long.
func Compile(text string) (*Expectation, error) {
	l, err := theLanguage()
	if err != nil {
		return nil, err
	}
	if slip := checkText(text); slip != nil {
		return nil, slip
	}
	parsed, issues := l.env.Parse(text)
	if issues.Err() != nil {
		return nil, syntaxSlip(text, issues.Errors())
	}
	checked, errs := checker.Check(parsed.NativeRep(), parsed.Source(), l.check)
	if list := errs.GetErrors(); len(list) > 0 {
		return nil, l.typeSlip(text, checked, list)
	}
	if slip := checkExpression(text, checked); slip != nil {
		return nil, slip
	}
	e := &Expectation{text: text, language: l, checked: checked}
	if e.program, err = e.plan(checked.Expr()); err != nil {
		return nil, &Slip{Line: 1, Column: 1, Message: "it cannot be evaluated: " + phrase(err.Error()), Text: text}
	}
	return e, nil
}

// plan makes a program of the whole expression or of a part of it.
func (e *Expectation) plan(part ast.Expr) (cel.Program, error) {
	tree := ast.NewCheckedAST(ast.NewAST(part, e.checked.SourceInfo()), e.checked.TypeMap(), e.checked.ReferenceMap())
	return e.language.env.PlanProgram(tree, cel.CustomDecoratorV2(strict), cel.CostLimit(maxCost),
		cel.CostTracking(costs{}))
}

// Holds reports whether the expectation holds of a result, without the reasons, which take longer to find.
func (e *Expectation) Holds(r *result.Result) bool {
	value, _, err := e.program.Eval(newScope(e.language.types, r))
	return err == nil && value == types.True
}

// Check says whether the expectation holds of a result, and if not, what was found instead. It does not change the
// result.
func (e *Expectation) Check(r *result.Result) Finding {
	f, _ := e.CheckCounted(r)
	return f
}

// MaxSteps is about the most that CheckCounted counts.
const MaxSteps = maxCost

// CheckCounted is Check, and also returns how many steps it took, for whoever checks many expectations.
func (e *Expectation) CheckCounted(r *result.Result) (f Finding, steps uint64) {
	s := newScope(e.language.types, r)
	value, details, err := e.program.Eval(s)
	x := &explainer{e: e, scope: s, programs: make(map[int64]cel.Program)}
	if details != nil && details.ActualCost() != nil {
		x.spent = *details.ActualCost()
	}
	if value == types.True && err == nil {
		return Finding{Holds: true}, x.spent
	}
	f = x.finding()
	var u *unseen
	switch {
	case errors.As(err, &u):
		f.Unknown, f.Unrecorded = u.Error(), u.unrecorded
	case tooCostly(err):
		f = Finding{Unknown: fmt.Sprintf("to evaluate it takes more than the %d steps that are allowed", maxCost)}
		x.spent = max(x.spent, maxCost)
	}
	return f, x.spent
}

func tooCostly(err error) bool {
	var cancelled interpreter.EvalCancelledError
	return errors.As(err, &cancelled)
}

// scope has the values of the names in an expression, for one check of one result.
type scope struct {
	table  *typeTable
	result *result.Result
	whole  *object
	made   map[string]any
}

func newScope(t *typeTable, r *result.Result) *scope {
	return &scope{table: t, result: r, whole: t.whole(r), made: make(map[string]any)}
}

// ResolveName implements cel.Activation.
func (s *scope) ResolveName(name string) (any, bool) {
	if v, ok := s.made[name]; ok {
		return v, true
	}
	v := s.make(name)
	if v == nil {
		return nil, false
	}
	s.made[name] = v
	return v, true
}

// Parent implements cel.Activation.
func (s *scope) Parent() cel.Activation { return nil }

func (s *scope) make(name string) ref.Val {
	switch name {
	case nameEverything, nameRun:
		return s.whole
	case nameSlow:
		return slowdown(s.result)
	case nameKernel:
		v, err := readVersion(s.result.Machine.Kernel)
		if err != nil {
			return types.WrapErr(&unseen{path: name, unrecorded: true, why: "the kernel's version is not known: " + err.Error()})
		}
		return v
	}
	f := s.whole.of.field(name)
	if f == nil {
		return nil
	}
	v, err := s.whole.get(f)
	if err != nil {
		return types.WrapErr(err)
	}
	if _, ok := v.(*absent); !ok && f.cel.Kind() == types.ListKind {
		return foreground(v)
	}
	return v
}

// bindings are the variables of macros around the part that is evaluated.
type bindings struct {
	parent cel.Activation
	name   string
	value  ref.Val
}

// ResolveName implements cel.Activation.
func (b *bindings) ResolveName(name string) (any, bool) {
	if name == b.name {
		return b.value, true
	}
	return b.parent.ResolveName(name)
}

// Parent implements cel.Activation.
func (b *bindings) Parent() cel.Activation { return b.parent }

// costs says what our functions cost that look at whole lists. Package cel knows its own.
type costs struct{}

// CallCost implements cost.ActualCostEstimator.
func (costs) CallCost(function, _ string, args []ref.Val, _ ref.Val) *uint64 {
	if len(args) == 0 {
		return nil
	}
	run, ok := args[0].(*object)
	if !ok || run.of.name != "Result" {
		return nil
	}
	r := run.v.Addr().Interface().(*result.Result)
	// A member that is looked at costs as much as three steps, and so do 50 bytes that are searched, or 6 that are
	// matched.
	n := 3 * uint64(1+len(r.Threads)+len(r.Requests)+len(r.Signals)+len(r.Modules)+len(r.Tests))
	switch function {
	case "@printed":
		n = printedBytes(r)/16 + 1
	case "@printed_like":
		n = printedBytes(r)/2 + 1
	case "@jiffies":
		n = 1
	}
	return &n
}

func printedBytes(r *result.Result) uint64 {
	n := 0
	for i := range r.Messages {
		n += 16 + len(r.Messages[i].Text)
	}
	return uint64(n)
}
