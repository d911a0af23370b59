// SPDX-License-Identifier: MIT

package expect

import (
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"github.com/kmodlab/kmodlab/result"
)

// cleanFunction is the helper clean() as the macro makes it.
const cleanFunction = "@clean"

func cleanHelper() helper {
	return helper{
		name: "clean", signature: "clean() → bool", run: true,
		does: "Whether the kernel complained of nothing (no oops, no warning, no lockup, no hung task), nothing was left " +
			"behind, and all ended in time. A load that is refused, and a program that fails, do not count.",
		example:   `clean()`,
		overloads: []overload{{"clean_run", nil, types.BoolType, clean}},
	}
}

// complaints are the verdicts that say that the modules harmed the kernel, or that it cannot be told what they did. A
// build or a load that fails is none: it may be what was asked for. Nor is a program that fails, or an expectation.
func complaints(r *result.Result) []result.Verdict {
	var list []result.Verdict
	all := append([]result.Verdict{r.Verdict}, r.Verdict.Also...)
	for _, v := range all {
		switch v.Class {
		case result.Leak, result.Oops, result.Panic, result.Lockup, result.Hung, result.Timeout, result.Lost:
			list = append(list, v)
		}
	}
	return list
}

// clean is the function of that name.
func clean(args ...ref.Val) ref.Val {
	r := args[0].(*object).v.Addr().Interface().(*result.Result)
	return types.Bool(len(complaints(r)) == 0)
}

// whyClean says what there was to complain of.
func (x *explainer) whyClean(want bool, at place) []clue {
	if !want {
		return at.clue("the kernel complained of nothing, and nothing was left behind")
	}
	var clues []clue
	for _, v := range complaints(x.scope.result) {
		clues = append(clues, at.clue("%s: %s", phrase(string(v.Class)), phrase(v.Message))...)
	}
	return clues
}
