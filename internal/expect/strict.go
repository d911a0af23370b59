// SPDX-License-Identifier: MIT

package expect

import (
	"errors"

	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
	"cel.dev/cel-go/interpreter"
)

// strict makes what was not seen an error of whatever needs it, which says what that was.
//
// CEL compares null with anything by == and !=, so stop_ret != 0 would hold of a thread whose stop did not return.
// Here such a comparison is neither true nor false. A comparison with the word null itself stays what it is. && and ||,
// and with them all() and exists(), need only the side that decides: t.stop_ret != null && t.stop_ret == 0 is false.
func strict(i interpreter.InterpretableV2) (interpreter.InterpretableV2, error) {
	call, ok := i.(interpreter.InterpretableCall)
	if !ok {
		return i, nil
	}
	switch call.Function() {
	case operators.Equals, operators.NotEquals:
		args := call.Args()
		return &comparison{InterpretableCall: call, left: args[0], right: args[1]}, nil
	case operators.In:
		return &membership{call}, nil
	case functionOrder:
		return i, nil
	}
	return &guarded{call}, nil
}

// comparison is == or !=.
type comparison struct {
	interpreter.InterpretableCall
	left, right interpreter.InterpretableV2
}

// Exec implements interpreter.InterpretableV2.
func (c *comparison) Exec(frame *interpreter.ExecutionFrame) ref.Val {
	left := c.left.Exec(frame)
	if types.IsError(left) {
		return left
	}
	right := c.right.Exec(frame)
	if types.IsError(right) {
		return right
	}
	result := equal(left, right)
	if b, ok := result.(types.Bool); ok && c.Function() == operators.NotEquals {
		result = !b
	}
	if costs := frame.CostTracker(); costs != nil {
		costs.EvalBinary(frame, c.ID(), c.InterpretableCall, left, right, result)
	}
	return result
}

// Eval implements interpreter.Interpretable.
func (c *comparison) Eval(vars interpreter.Activation) ref.Val {
	return interpreter.EvalActivation(vars, c.Exec)
}

func equal(left, right ref.Val) ref.Val {
	for _, side := range [2][2]ref.Val{{left, right}, {right, left}} {
		if a, ok := side[0].(*absent); ok {
			if side[1] == types.NullValue {
				return types.True
			}
			return types.WrapErr(a.unseen())
		}
	}
	for _, side := range []ref.Val{left, right} {
		if a := absentIn(side); a != nil {
			if types.Equal(plainNulls(left), plainNulls(right)) == types.True {
				return types.True
			}
			return types.WrapErr(a.unseen())
		}
	}
	return types.Equal(left, right)
}

// plainNulls puts CEL's null, which is equal to the word in an expression, in place of those of a result.
func plainNulls(v ref.Val) ref.Val {
	if _, ok := v.(*absent); ok {
		return types.NullValue
	}
	list, ok := v.(traits.Lister)
	if !ok {
		return v
	}
	var members []ref.Val
	for it := list.Iterator(); it.HasNext() == types.True; {
		members = append(members, plainNulls(it.Next()))
	}
	return types.NewRefValList(types.DefaultTypeAdapter, members)
}

// absentIn is the first null of a list that was not seen, nil if there is none.
func absentIn(v ref.Val) *absent {
	list, ok := v.(traits.Lister)
	if !ok {
		return nil
	}
	for it := list.Iterator(); it.HasNext() == types.True; {
		member := it.Next()
		if a, ok := member.(*absent); ok {
			return a
		}
		if a := absentIn(member); a != nil {
			return a
		}
	}
	return nil
}

// membership is x in list.
type membership struct{ interpreter.InterpretableCall }

// Exec implements interpreter.InterpretableV2.
func (m *membership) Exec(frame *interpreter.ExecutionFrame) ref.Val {
	args := m.Args()
	sought := args[0].Exec(frame)
	if a, ok := sought.(*absent); ok {
		return types.WrapErr(a.unseen())
	}
	result := m.InterpretableCall.Exec(frame)
	if result != types.False {
		return result
	}
	a := absentIn(args[1].Exec(frame))
	switch {
	case a == nil:
		return result
	case sought == types.NullValue:
		return types.True
	}
	return types.WrapErr(a.unseen()) // it may be the one
}

// Eval implements interpreter.Interpretable.
func (m *membership) Eval(vars interpreter.Activation) ref.Val {
	return interpreter.EvalActivation(vars, m.Exec)
}

// guarded is any other call, which fails of a null by itself, but does not say of which.
type guarded struct{ interpreter.InterpretableCall }

// Exec implements interpreter.InterpretableV2.
func (g *guarded) Exec(frame *interpreter.ExecutionFrame) ref.Val {
	result := g.InterpretableCall.Exec(frame)
	err, failed := result.(*types.Err)
	if !failed || ours(err) {
		return result
	}
	for _, arg := range g.Args() {
		if a, ok := arg.Exec(frame).(*absent); ok {
			return types.WrapErr(a.unseen())
		}
	}
	return result
}

// Eval implements interpreter.Interpretable.
func (g *guarded) Eval(vars interpreter.Activation) ref.Val {
	return interpreter.EvalActivation(vars, g.Exec)
}

// ours reports whether an error says by itself what is wrong.
func ours(err error) bool {
	var u *unseen
	var m *missing
	return errors.As(err, &u) || errors.As(err, &m)
}
