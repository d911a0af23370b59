// SPDX-License-Identifier: MIT

package expect

import (
	"maps"
	"slices"
	"strings"
	"unicode"

	"cel.dev/cel-go/common"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"

	"github.com/kmodlab/kmodlab/internal/hints"
	"github.com/kmodlab/kmodlab/internal/lazyregexp"
)

// first is the slip that comes first in the text: those after it often follow from it.
func first(errs []*common.Error) *common.Error {
	return slices.MinFunc(errs, func(a, b *common.Error) int {
		if a.Location.Line() != b.Location.Line() {
			return a.Location.Line() - b.Location.Line()
		}
		return a.Location.Column() - b.Location.Column()
	})
}

func newSlip(text string, e *common.Error, message string) *Slip {
	return &Slip{
		Line: max(e.Location.Line(), 1), Column: max(e.Location.Column()+1, 1), Message: message, Text: text,
	}
}

// The parser's messages, and what they say to a person.
var syntaxWords = []struct {
	pattern *lazyregexp.Regexp
	words   string
}{
	{lazyregexp.New(`token recognition error at: '= ?`), "a single = compares nothing; write =="},
	{lazyregexp.New(`token recognition error at: '(["'].*)'$`), "the text that begins here has no end"},
	{lazyregexp.New(`token recognition error at: '(.*)'$`), "$1 has no meaning here"},
	{lazyregexp.New(`(?:mismatched|extraneous) input '<EOF>'`), "the expression ends too early"},
	{lazyregexp.New(`missing '(.*)' at '<EOF>'`), "$1 is missing at the end"},
	{lazyregexp.New(`missing '(.*)' at '(.*)'`), "$1 is missing before $2"},
	{lazyregexp.New(`(?:mismatched|extraneous) input 'and'`), "write && for and"},
	{lazyregexp.New(`(?:mismatched|extraneous) input 'or'`), "write || for or"},
	{lazyregexp.New(`(?:mismatched|extraneous) input '(.*?)'`), "$1 is not expected here"},
	{lazyregexp.New(`no viable alternative at input '(.*)'`), "this cannot be read: $1"},
	{lazyregexp.New(`(?i)recursion (?:depth|limit)|max recursion`), "the parentheses are nested too deep"},
	{lazyregexp.New(`(?i)node count|node limit|exceeds limit`), "the expression has too many parts: make several of it"},
}

// syntaxSlip is about a text that is no expression.
func syntaxSlip(text string, errs []*common.Error) *Slip {
	e := first(errs)
	said := strings.TrimPrefix(e.Message, "Syntax error: ")
	for _, w := range syntaxWords {
		if m := w.pattern.FindStringSubmatchIndex(said); m != nil {
			return newSlip(text, e, phrase(string(w.pattern.ExpandString(nil, w.words, said, m))))
		}
	}
	said, _, _ = strings.Cut(said, " expecting {")
	return newSlip(text, e, phrase(said))
}

var (
	undefinedField  = lazyregexp.New(`^undefined field '(.*)'$`)
	undeclared      = lazyregexp.New(`^undeclared reference to '([^']*)'`)
	noOverload      = lazyregexp.New(`^found no matching overload for '(.*?)' applied to`)
	noSelection     = lazyregexp.New(`^type '.*' does not support field selection`)
	noRange         = lazyregexp.New(`cannot be range of a comprehension`)
	typesDiffer     = lazyregexp.New(`^expected type '(.*)' but found '(.*)'$`)
	standardMethods = []string{
		"all", "exists", "exists_one", "filter", "map", "size", "startsWith", "endsWith", "contains", "matches", "has", "of",
	}
)

// typeSlip is about an expression that does not fit a result.
func (l *language) typeSlip(text string, tree *ast.AST, errs []*common.Error) *Slip {
	e := first(errs)
	at := find(tree.Expr(), e.ExprID)
	said := func(pattern *lazyregexp.Regexp) []string { return pattern.FindStringSubmatch(e.Message) }
	if m := said(undefinedField); m != nil {
		return newSlip(text, e, l.noField(m[1], operandType(tree, at)))
	}
	if m := said(undeclared); m != nil {
		return newSlip(text, e, l.noName(tree, m[1], at))
	}
	if m := said(noOverload); m != nil {
		return newSlip(text, e, l.wrongArguments(tree, at, m[1]))
	}
	if m := said(typesDiffer); m != nil {
		return newSlip(text, e, "these must be of one type, and are "+describeName(m[1])+" and "+describeName(m[2]))
	}
	switch {
	case noSelection.MatchString(e.Message):
		return newSlip(text, e, describe(operandType(tree, at))+" has no fields")
	case noRange.MatchString(e.Message):
		return newSlip(text, e, describe(tree.GetType(e.ExprID))+" has no members to go through")
	}
	return newSlip(text, e, phrase(e.Message))
}

// find is the part of an expression with this number, nil if there is none.
func find(e ast.Expr, id int64) ast.Expr {
	var found ast.Expr
	ast.PostOrderVisit(e, ast.NewExprVisitor(func(part ast.Expr) {
		if part.ID() == id {
			found = part
		}
	}))
	return found
}

// operandType is the type of what stands before the dot.
func operandType(tree *ast.AST, e ast.Expr) *types.Type {
	if e == nil || e.Kind() != ast.SelectKind {
		return types.DynType
	}
	return tree.GetType(e.AsSelect().Operand().ID())
}

func (l *language) noField(name string, of *types.Type) string {
	fields, ok := l.types.FindStructFieldNames(of.TypeName())
	if !ok {
		return describe(of) + " has no field " + phrase(name)
	}
	return describe(of) + " has no field " + phrase(name) + meant(name, fields)
}

// meant is a hint at the name that somebody may have meant, or at what there is if that is not much.
func meant(name string, names []string) string {
	const few = 16
	if near := hints.Nearest(name, names); near != "" {
		return "; did you mean " + near + "?"
	}
	if len(names) > 0 && len(names) <= few {
		return "; it has " + strings.Join(names, ", ")
	}
	return ""
}

// noName is about a name that nothing has.
func (l *language) noName(tree *ast.AST, name string, at ast.Expr) string {
	switch {
	case at != nil && at.Kind() == ast.CallKind:
		return l.noFunction(name, at.AsCall().IsMemberFunction())
	case name == "errno" || strings.HasPrefix(name, "errno."):
		return noErrno(tree, at, strings.TrimPrefix(name, "errno."))
	}
	said := "there is no " + phrase(name) + " here"
	if near := hints.Nearest(name, l.names); near != "" {
		return said + "; did you mean " + near + "?"
	}
	return said + "; if it is text, write " + quoted(name)
}

func (l *language) noFunction(name string, member bool) string {
	if slices.Contains(standardMethods, name) {
		return name + " is not called like this" + usage(name)
	}
	names := standardMethods
	if !member {
		for i := range l.helpers {
			names = append(names[:len(names):len(names)], l.helpers[i].name)
		}
	}
	said := "there is no function " + phrase(name)
	if near := hints.Nearest(name, names); near != "" {
		return said + "; did you mean " + near + "?"
	}
	return said
}

// noErrno is about errno.NAME; where the name is not known, the slip is at errno.
func noErrno(tree *ast.AST, at ast.Expr, name string) string {
	ast.PostOrderVisit(tree.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() == ast.SelectKind && at != nil && e.AsSelect().Operand().ID() == at.ID() {
			name = e.AsSelect().FieldName()
		}
	}))
	if name == "errno" {
		return "errno is written with a name, such as errno.ENOMEM"
	}
	said := "the kernel has no error number " + phrase(name)
	if near := hints.Nearest(name, slices.Sorted(maps.Values(errnoNames()))); near != "" {
		return said + "; did you mean errno." + near + "?"
	}
	return said
}

// usage shows how a macro is called.
func usage(name string) string {
	switch name {
	case "all", "exists", "exists_one", "filter", "map":
		return "; write LIST." + name + "(x, x.FIELD == VALUE)"
	case "has":
		return "; write has(x.FIELD)"
	}
	return ""
}

// wrongArguments is about a function or an operator that does not take what it is given.
func (l *language) wrongArguments(tree *ast.AST, e ast.Expr, function string) string {
	if e == nil || e.Kind() != ast.CallKind {
		return "this does not fit " + phrase(function)
	}
	call := e.AsCall()
	var given []string
	args := call.Args()
	if call.IsMemberFunction() {
		args = append([]ast.Expr{call.Target()}, args...)
	}
	for _, arg := range args {
		if t := tree.GetType(arg.ID()); t.TypeName() != "Result" {
			given = append(given, describe(t))
		}
	}
	if symbol, ok := operators.FindReverse(function); ok && symbol != "" {
		if len(given) == 1 {
			return symbol + " cannot be used with " + given[0]
		}
		return symbol + " cannot be used between " + strings.Join(given, " and ")
	}
	if function == operators.Index {
		return "[] takes a number for a list and text for a map, not " + strings.Join(given, " and ")
	}
	name := strings.TrimPrefix(function, "@")
	said := name + " does not take " + strings.Join(given, " and ")
	if function == functionOrder {
		said = "order takes times, not " + describe(tree.GetType(args[0].ID()).Parameters()[0])
	}
	if len(given) == 0 {
		said = name + " needs something in its parentheses"
	}
	for i := range l.helpers {
		if form, _, _ := strings.Cut(l.helpers[i].signature, " →"); l.helpers[i].name == name {
			said += "; write " + form
		}
	}
	return said
}

// describe is a type in words.
func describe(t *types.Type) string {
	null := ""
	if t.Kind() != types.DynKind && t.Kind() != types.StructKind && t.IsAssignableType(types.NullType) &&
		t.Kind() != types.NullTypeKind {
		null = " that may be null"
	}
	switch t.Kind() {
	case types.BoolKind:
		return "true or false" + null
	case types.IntKind:
		return "a number" + null
	case types.DoubleKind:
		return "a number with a fraction" + null
	case types.StringKind:
		return "text" + null
	case types.ListKind:
		return "a list"
	case types.MapKind:
		return "a map"
	case types.NullTypeKind:
		return "null"
	case types.DynKind, types.ErrorKind:
		return "something"
	}
	return describeName(t.TypeName())
}

// describeName is a type's name in words: a thread, thread stages, an artifact.
func describeName(name string) string {
	switch name {
	case "int":
		return "a number"
	case "string":
		return "text"
	case "bool":
		return "true or false"
	case "Result":
		return "a result"
	}
	var words strings.Builder
	for i, r := range name {
		if i > 0 && unicode.IsUpper(r) {
			words.WriteByte(' ')
		}
		words.WriteRune(unicode.ToLower(r))
	}
	article := "a "
	if strings.ContainsRune("aeiou", rune(words.String()[0])) {
		article = "an "
	}
	if strings.HasSuffix(name, "Stages") {
		return "stages_ns of " + article + strings.TrimSuffix(words.String(), " stages")
	}
	return article + phrase(words.String())
}
