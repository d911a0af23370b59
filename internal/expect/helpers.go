// SPDX-License-Identifier: MIT

package expect

import (
	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/parser"
)

// helper is a function of ours. docs/expectations.md has a row for each.
type helper struct {
	name      string
	signature string
	does      string
	example   string
	overloads []overload
	// run says that the function needs the whole result. Such a function is a macro: thread("k1") becomes
	// @thread(@run, "k1"). list says that its arguments become one list.
	run, list bool
	member    bool // it is called as x.name(…)
}

// overload is one form of a function.
type overload struct {
	id     string
	args   []*types.Type
	result *types.Type
	do     func(args ...ref.Val) ref.Val
}

const functionOrder = "@order"

// helperTable are all helpers.
func helperTable(t *typeTable) []helper {
	text, number, truth := types.StringType, types.IntType, types.BoolType
	object := func(name string) *types.Type { return t.byName[name].cel }
	lookup := func(name, list, example, does string) helper {
		return helper{
			name: name, signature: name + "(name) → " + object(list).TypeName(), does: does, example: example, run: true,
			overloads: []overload{{name + "_name", []*types.Type{text}, object(list), lookUp(name+"s", name)}},
		}
	}
	list := []helper{
		lookup("thread", "Thread", `thread("k1").stops == 1`,
			"The one thread of that name. A name may end with a star. No such thread, or several, is a failure that says "+
				"which there are."),
		lookup("module", "Module", `module("hello").unloaded`, "The one module of that name; - and _ are the same."),
		lookup("request", "Request", `request("foo").returned == 0`, "The one request_module for that name."),
		lookup("test", "Test", `test("try.sh").outcome == "pass"`, "The one program of that name that ran beside the modules."),
		{
			name: "signal", signature: "signal(name, to) → Signal", run: true,
			does:    "The one signal of that name to a task of that name.",
			example: `signal("SIGUSR1", "k1").outcome == "consumed"`,
			overloads: []overload{
				{"signal_name_to", []*types.Type{text, text}, object("Signal"), lookUpSignal},
			},
		},
		{
			name: "of", signature: "x.of(module) → bool", member: true,
			does: "Whether a thread's function is in the module; whether the module's code made a request, sent a signal, " +
				"or is where a task was; whether the module printed a message.",
			example:   `threads.filter(t, t.of("hello")).size() == 2`,
			overloads: ofOverloads(object),
		},
		{
			name: "order", signature: "order(time, time, …) → bool", list: true,
			does:    "Whether all the times were seen, and none is before the one left of it.",
			example: `threads.all(t, order(t.stages_ns.stop_asked, t.stages_ns.exited, t.stages_ns.stop_returned))`,
			overloads: []overload{
				{"order_times", []*types.Type{types.NewListType(types.NewNullableType(number))}, truth, order},
			},
		},
		{
			name: "printed", signature: "printed(text) → bool", run: true,
			does:      "Whether a module printed a line that has the text in it.",
			example:   `printed("hello, world")`,
			overloads: []overload{{"printed_text", []*types.Type{text}, truth, printed}},
		},
		{
			name: "printed_like", signature: "printed_like(pattern) → bool", run: true,
			does:      "Whether a module printed a line in which the regular expression (RE2) is found.",
			example:   `printed_like("^took [0-9]+ ms$")`,
			overloads: []overload{{"printed_like_text", []*types.Type{text}, truth, printedLike}},
		},
		cleanHelper(),
	}
	return append(list, measures()...)
}

// measures are the helpers for times and versions.
func measures() []helper {
	number := types.IntType
	unit := func(name, does, example string, ns int64) helper {
		return helper{
			name: name, signature: name + "(n) → int", does: does, example: example,
			overloads: []overload{
				{name + "_int", []*types.Type{number}, number, times(ns)},
				{name + "_double", []*types.Type{types.DoubleType}, number, times(ns)},
			},
		}
	}
	return []helper{
		unit("us", "Microseconds, as the nanoseconds that all times are in.", `signals.all(s, s.sent_ns >= us(100))`, 1_000),
		unit("ms", "Milliseconds in nanoseconds.", `thread("k1").stages_ns.exited < ms(500)`, 1_000_000),
		unit("seconds", "Seconds in nanoseconds.", `thread("k1").stages_ns.exited < seconds(2)`, 1_000_000_000),
		{
			name: "jiffies", signature: "jiffies(n) → int", run: true,
			does: "How long n jiffies may take on this machine, in nanoseconds: 4 ms each (HZ=250, as distributions' kernels " +
				"have it), times slow.",
			example: `signals.all(s, s.consumed_ns - s.sent_ns <= jiffies(2))`,
			overloads: []overload{
				{"jiffies_int", []*types.Type{number}, number, jiffies},
			},
		},
		{
			name: "version", signature: "version(text) → Version",
			does:      "A kernel's version, such as 6.1, to compare kernel with.",
			example:   `kernel < version("6.1") || threads.size() == 2`,
			overloads: []overload{{"version_text", []*types.Type{types.StringType}, versionType, parseVersion}},
		},
	}
}

// options declare a helper.
func (h *helper) options() []cel.EnvOption {
	name := h.name
	var options []cel.EnvOption
	if h.run || h.list {
		name = "@" + h.name
		options = append(options, cel.Macros(cel.GlobalVarArgMacro(h.name, h.expand)))
	}
	for _, o := range h.overloads {
		args, declare := o.args, cel.Overload
		if h.run {
			args = append([]*types.Type{types.NewObjectType("Result")}, args...)
		}
		if h.member {
			declare = cel.MemberOverload
		}
		options = append(options, cel.Function(name, declare(o.id, args, o.result, cel.FunctionBinding(o.do))))
	}
	if h.name == "version" {
		options = append(options, comparisons()...)
	}
	return options
}

// expand is the macro of a helper.
func (h *helper) expand(f parser.ExprHelper, _ ast.Expr, args []ast.Expr) (ast.Expr, *cel.Error) {
	if h.list {
		return f.NewCall("@"+h.name, f.NewList(args...)), nil
	}
	return f.NewCall("@"+h.name, append([]ast.Expr{f.NewIdent(nameRun)}, args...)...), nil
}

// comparisons let <, <=, > and >= compare versions; package cel calls version.Compare for them.
func comparisons() []cel.EnvOption {
	var options []cel.EnvOption
	for id, name := range map[string]string{
		"less": operators.Less, "less_equals": operators.LessEquals,
		"greater": operators.Greater, "greater_equals": operators.GreaterEquals,
	} {
		options = append(options, cel.Function(name,
			cel.Overload(id+"_version", []*types.Type{versionType, versionType}, types.BoolType)))
	}
	return options
}

func ofOverloads(object func(string) *types.Type) []overload {
	var list []overload
	for _, name := range []string{"Thread", "Request", "Signal", "Message", "Task"} {
		list = append(list, overload{
			"of_" + name, []*types.Type{object(name), types.StringType}, types.BoolType, ofModule,
		})
	}
	return list
}
