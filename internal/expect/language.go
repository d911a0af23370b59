// SPDX-License-Identifier: MIT

package expect

import (
	"fmt"
	"sync"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/checker"
	"cel.dev/cel-go/common/containers"
	"cel.dev/cel-go/common/decls"
	"cel.dev/cel-go/common/types"

	"github.com/kmodlab/kmodlab/internal/errno"
)

// The bounds of an expression and of its evaluation.
const (
	maxText    = 4096 // bytes
	maxNesting = 60
	maxNodes   = 4000  // of the expression, with its macros expanded
	maxRegexp  = 1_000 // instructions of a compiled pattern
	// maxCost is in steps of package cel, about one for each value that is looked at. Two million were measured to take
	// less than half a second on a busy machine. A comparison for each of 1,000 threads takes some thousand.
	maxCost = 2_000_000
)

// Names that an expression has besides the fields of the result.
const (
	nameEverything = "everything"
	nameKernel     = "kernel"
	nameSlow       = "slow"
	nameRun        = "@run" // for the helpers; no expression can write it
)

// language is what expressions are written in. It is made once and not changed.
type language struct {
	types *typeTable
	env   *cel.Env
	check *checker.Env
	// names and helpers are what may begin an expression.
	names   []string
	helpers []helper
}

// theLanguage makes the language when it is first needed.
var theLanguage = sync.OnceValues(newLanguage)

func newLanguage() (*language, error) {
	table, err := newTypeTable()
	if err != nil {
		return nil, err
	}
	l := &language{types: table}
	options := []cel.EnvOption{
		cel.CustomTypeProvider(table), cel.CustomTypeAdapter(table), cel.EnableMacroCallTracking(),
		cel.CrossTypeNumericComparisons(true),
		cel.ParserExpressionSizeLimit(maxText), cel.ParserRecursionLimit(maxNesting), cel.ExpressionNodeLimit(maxNodes),
		cel.RegexProgramSizeLimit(maxRegexp), cel.Macros(cel.StandardMacros...),
	}
	for _, f := range table.root().fields {
		options, l.names = append(options, cel.Variable(f.name, f.cel)), append(l.names, f.name)
	}
	for name, t := range map[string]*types.Type{
		nameEverything: table.root().cel, nameRun: table.root().cel, nameKernel: versionType, nameSlow: types.IntType,
	} {
		options = append(options, cel.Variable(name, t))
	}
	l.names = append(l.names, nameEverything, nameKernel, nameSlow)
	for n, name := range errnoNames() {
		options = append(options, cel.Constant("errno."+name, types.IntType, types.Int(n)))
	}
	l.helpers = helperTable(table)
	for i := range l.helpers {
		options = append(options, l.helpers[i].options()...)
	}
	if l.env, err = cel.NewEnv(options...); err != nil {
		return nil, fmt.Errorf("make the language of expectations: %w", err)
	}
	l.check, err = newChecker(l.env, table)
	return l, err
}

// newChecker makes a checker of the same declarations as the environment's own, which does not say what the types in
// an expression are if one of them is wrong. A slip cannot be explained without.
func newChecker(env *cel.Env, table *typeTable) (*checker.Env, error) {
	check, err := checker.NewEnv(containers.DefaultContainer, table, checker.CrossTypeNumericComparisons(true))
	if err == nil {
		err = check.AddIdents(env.Variables()...)
	}
	if err == nil {
		var functions []*decls.FunctionDecl
		for _, f := range env.Functions() {
			functions = append(functions, f)
		}
		err = check.AddFunctions(functions...)
	}
	if err != nil {
		return nil, fmt.Errorf("make the checker of expectations: %w", err)
	}
	return check, nil
}

// errnoNames are the kernel's names of its error numbers.
func errnoNames() map[int]string {
	const last = 531 // package errno's
	names := make(map[int]string)
	for n := 1; n <= last; n++ {
		if name := errno.Name(n); name[0] == 'E' {
			names[n] = name
		}
	}
	return names
}
