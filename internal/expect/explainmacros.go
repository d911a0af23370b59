// SPDX-License-Identifier: MIT

package expect

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

// nearest is how many members are shown that come nearest to what none fulfils.
const nearest = 3

// macro is a call of all, exists, exists_one or filter.
type macro struct {
	name      string
	list      ast.Expr
	variable  string
	predicate ast.Expr
}

// macroOf reads a macro back from what it was expanded to.
func (x *explainer) macroOf(e ast.Expr) (macro, bool) {
	call, ok := x.e.checked.SourceInfo().GetMacroCall(e.ID())
	if !ok || e.Kind() != ast.ComprehensionKind || call.Kind() != ast.CallKind {
		return macro{}, false
	}
	c := e.AsComprehension()
	m := macro{name: call.AsCall().FunctionName(), list: c.IterRange(), variable: c.IterVar()}
	if c.LoopStep().Kind() != ast.CallKind {
		return macro{}, false
	}
	step := c.LoopStep().AsCall().Args()
	switch m.name {
	case operators.All, operators.Exists: // accumulator && predicate
		m.predicate = step[1]
	case operators.ExistsOne, operators.Filter: // predicate ? more : accumulator
		m.predicate = step[0]
	default:
		return macro{}, false
	}
	return m, true
}

// judged is a member of a macro's list, and what the predicate says of it.
type judged struct {
	at    place
	name  string
	holds bool
	err   error
}

// judge evaluates a macro's predicate for each member. The keys of a map are its members.
func (x *explainer) judge(m macro, at place) ([]judged, error) {
	value, err := x.value(m.list, at)
	if err != nil {
		return nil, err
	}
	list, ok := value.(traits.Iterable)
	if !ok {
		return nil, fmt.Errorf("%s is no list", x.text(m.list, at))
	}
	var all []judged
	for it := list.Iterator(); it.HasNext() == types.True; {
		member := it.Next()
		j := judged{name: show(member), at: place{
			vars: &bindings{parent: at.vars, name: m.variable, value: member}, variable: m.variable,
		}}
		if o, ok := member.(*object); ok {
			j.at.member, j.name = o, o.String()
		} else {
			j.name = fmt.Sprintf("%s %s", m.variable, j.name)
		}
		var holds ref.Val
		holds, j.err = x.value(m.predicate, j.at)
		j.holds = j.err == nil && holds == types.True
		all = append(all, j)
		if x.spent >= maxCost {
			break
		}
	}
	return all, nil
}

func (x *explainer) whyMacro(e ast.Expr, want bool, at place) []clue {
	m, ok := x.macroOf(e)
	if !ok {
		value, err := x.value(e, at)
		if err != nil {
			return x.failed(e, err, at)
		}
		return at.clue("%s is %s", x.text(e, at), show(value))
	}
	all, err := x.judge(m, at)
	if err != nil {
		return x.failed(m.list, err, at)
	}
	holding := held(all)
	switch {
	case m.name == operators.All && want:
		return x.each(m, all)
	case m.name == operators.All:
		return at.clue("all %s fulfil it", x.count(m.list, len(all), at))
	case m.name == operators.Exists && !want, m.name == operators.ExistsOne && len(holding) > 0:
		return at.clue("%d of %s fulfil it: %s", len(holding), x.count(m.list, len(all), at), enumerate(holding))
	}
	return x.none(m, all, at)
}

func held(all []judged) []string {
	var names []string
	for _, j := range all {
		if j.holds {
			names = append(names, j.name)
		}
	}
	return names
}

// each explains the members that do not fulfil a predicate. Those that are false come before those that cannot be told.
func (x *explainer) each(m macro, all []judged) []clue {
	var clues []clue
	for _, failed := range []bool{false, true} {
		for _, j := range all {
			if j.holds || (j.err != nil) != failed {
				continue
			}
			clues = append(clues, under(j.name, x.why(m.predicate, true, j.at))...)
		}
	}
	return clues
}

// under puts what is found about a member below its name.
func under(name string, clues []clue) []clue {
	for i := range clues {
		clues[i].path = append([]string{name}, clues[i].path...)
	}
	return clues
}

// none is about a list of which no member fulfils a predicate: those that come nearest are shown.
func (x *explainer) none(m macro, all []judged, at place) []clue {
	if len(all) == 0 {
		return at.clue("%s is empty", x.text(m.list, at))
	}
	clues := at.clue("none of %s fulfils it", x.count(m.list, len(all), at))
	return append(clues, x.near(m, all)...)
}

// count is a number of a list's members: 3 threads, or 3 members of a list without a name.
func (x *explainer) count(list ast.Expr, n int, at place) string {
	if list.Kind() == ast.IdentKind && n != 1 {
		return fmt.Sprintf("%d %s", n, list.AsIdent())
	}
	return fmt.Sprintf("%d in %s", n, x.text(list, at))
}

// near explains the members that lack the least.
func (x *explainer) near(m macro, all []judged) []clue {
	var lists [][]clue
	for _, j := range all {
		if !j.holds {
			lists = append(lists, under("nearest, "+j.name, x.why(m.predicate, true, j.at)))
		}
	}
	slices.SortStableFunc(lists, func(a, b []clue) int { return cmp.Compare(len(a), len(b)) })
	var clues []clue
	for _, list := range lists[:min(nearest, len(lists))] {
		if clues = append(clues, list[0]); len(list) > 1 {
			last := &clues[len(clues)-1]
			for _, c := range list[1:min(nearest, len(list))] {
				last.text += ", " + c.text
			}
		}
	}
	return clues
}

// whySize is more about the size of a filtered list: which members fulfil the predicate, or which come nearest.
func (x *explainer) whySize(e ast.Expr, is, should ref.Val, at place) []clue {
	if e.Kind() != ast.CallKind || e.AsCall().FunctionName() != "size" {
		return nil
	}
	call := e.AsCall()
	list := call.Target()
	if !call.IsMemberFunction() {
		list = call.Args()[0]
	}
	m, ok := x.macroOf(list)
	if !ok || m.name != operators.Filter {
		return nil
	}
	all, err := x.judge(m, at)
	if err != nil {
		return nil
	}
	n, known := is.(types.Int)
	wanted, number := should.(types.Int)
	if known && number && n < wanted {
		return x.near(m, all)
	}
	return at.clue("these fulfil it: %s", enumerate(held(all)))
}

// show is a value in a sentence.
func show(v ref.Val) string {
	switch v := v.(type) {
	case types.String:
		return quoted(string(v))
	case *absent:
		return "null"
	case *object:
		return v.String()
	case traits.Lister:
		var list []string
		for it := v.Iterator(); it.HasNext() == types.True && len(list) <= maxNames; {
			list = append(list, show(it.Next()))
		}
		if len(list) > maxNames {
			list[maxNames] = "…"
		}
		return shorten("[" + strings.Join(list, ", ") + "]")
	case traits.Mapper:
		return fmt.Sprintf("a map of %v", v.Size().Value())
	case fmt.Stringer:
		return v.String()
	case types.Null:
		return "null"
	}
	return phrase(fmt.Sprint(v.Value()))
}
