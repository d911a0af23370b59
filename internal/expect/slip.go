// SPDX-License-Identifier: MIT

package expect

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"

	"github.com/kmodlab/kmodlab/internal/plain"
)

// Slip is what is wrong with an expectation's text, and where.
type Slip struct {
	Line, Column int    // from 1; columns count characters
	Message      string // a sentence without a stop
	Text         string // the whole text
}

// Error implements error, on one line.
func (s *Slip) Error() string { return fmt.Sprintf("%d:%d: %s", s.Line, s.Column, s.Message) }

// Wrong says what is wrong in an expectation, nil if nothing is.
func Wrong(text string) *Slip {
	_, err := Compile(text)
	var slip *Slip
	if err != nil && !errors.As(err, &slip) {
		slip = &Slip{Line: 1, Column: 1, Message: err.Error(), Text: text}
	}
	return slip
}

// aroundCaret is how much of a long line is shown on each side of the caret.
const aroundCaret = 50

// String returns the message, the line that it is about, and below it a caret at the place.
func (s *Slip) String() string {
	lines := strings.Split(s.Text, "\n")
	if s.Line < 1 || s.Line > len(lines) {
		return s.Error()
	}
	line := []rune(strings.TrimRight(lines[s.Line-1], "\r"))
	at := min(max(s.Column-1, 0), len(line))
	from, to := max(at-aroundCaret, 0), min(at+aroundCaret, len(line))
	before, after := plain.Text(string(line[from:at])), plain.Text(string(line[at:to]))
	if from > 0 {
		before = "…" + before
	}
	if to < len(line) {
		after += "…"
	}
	return fmt.Sprintf("%s\n    %s%s\n    %s^", s.Error(), before, after,
		strings.Repeat(" ", utf8.RuneCountInString(before)))
}

// checkText refuses what is not worth parsing.
func checkText(text string) *Slip {
	switch {
	case strings.TrimSpace(text) == "":
		return &Slip{Line: 1, Column: 1, Message: "the expectation is empty", Text: text}
	case len(text) > maxText:
		return &Slip{
			Line: 1, Column: 1, Text: text,
			Message: fmt.Sprintf("the expectation has %d bytes; %d are allowed: make several of it", len(text), maxText),
		}
	case !utf8.ValidString(text):
		return &Slip{Line: 1, Column: 1, Message: "the expectation is not UTF-8", Text: text}
	}
	return nil
}

// checkExpression refuses what the types allow and an expectation must not be.
func checkExpression(text string, checked *ast.AST) *Slip {
	slip := func(e ast.Expr, format string, args ...any) *Slip {
		return slipAt(text, checked, e.ID(), fmt.Sprintf(format, args...))
	}
	if t := checked.GetType(checked.Expr().ID()); t.Kind() != types.BoolKind || t.IsAssignableType(types.NullType) {
		return &Slip{Line: 1, Column: 1, Text: text,
			Message: "an expectation is true or false; this is " + describe(t)}
	}
	var found *Slip
	ast.PostOrderVisit(checked.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		switch {
		case found != nil:
		case e.Kind() == ast.StructKind:
			found = slip(e, "an expectation looks at a result and makes no %s", e.AsStruct().TypeName())
		case e.Kind() == ast.CallKind:
			if why := wrongLiteral(e.AsCall()); why != "" {
				found = slip(e, "%s", why)
			}
		}
	}))
	return found
}

// wrongLiteral says what is wrong with a literal argument of a function.
func wrongLiteral(call ast.CallExpr) string {
	args := call.Args()
	if len(args) == 0 || args[len(args)-1].Kind() != ast.LiteralKind {
		return ""
	}
	text, ok := args[len(args)-1].AsLiteral().(types.String)
	if !ok {
		return ""
	}
	switch call.FunctionName() {
	case "version":
		if v, err := readVersion(string(text)); err != nil || v.String() != string(text) {
			return quoted(string(text)) + ` is no version; write two numbers, such as "6.1"`
		}
	case "matches", "@printed_like":
		if _, err := regexp.Compile(string(text)); err != nil {
			return "the pattern is wrong: " + phrase(strings.TrimPrefix(err.Error(), "error parsing regexp: "))
		}
	}
	return ""
}

func slipAt(text string, tree *ast.AST, id int64, message string) *Slip {
	at := tree.SourceInfo().GetStartLocation(id)
	return &Slip{Line: max(at.Line(), 1), Column: max(at.Column()+1, 1), Message: message, Text: text}
}
