// SPDX-License-Identifier: MIT

package expect

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"

	"github.com/kmodlab/kmodlab/internal/linuxversion"
	"github.com/kmodlab/kmodlab/result"
)

// maxNames is how many names a sentence lists.
const maxNames = 8

// members are those of a list of the result that are not background. The error is an *unseen.
func (o *object) members(list string) ([]*object, error) {
	v, err := o.get(o.of.field(list))
	if err != nil {
		return nil, err
	}
	var members []*object
	for it := foreground(v).Iterator(); it.HasNext() == types.True; {
		members = append(members, it.Next().(*object))
	}
	return members, nil
}

// foreground leaves out of a list what does not concern the modules under study. Other lists stay as they are.
func foreground(v ref.Val) traits.Lister {
	list := v.(traits.Lister)
	var kept []ref.Val
	for it := list.Iterator(); it.HasNext() == types.True; {
		member := it.Next()
		o, ok := member.(*object)
		if !ok || o.of.background < 0 {
			return list
		}
		if !o.v.Field(o.of.background).Bool() {
			kept = append(kept, member)
		}
	}
	return types.NewRefValList(types.DefaultTypeAdapter, kept)
}

// lookUp makes the function that finds a list's one member by its name.
func lookUp(list, kind string) func(args ...ref.Val) ref.Val {
	return func(args ...ref.Val) ref.Val {
		name := string(args[1].(types.String))
		return one(args[0].(*object), list, kind+" "+phrase(name), func(m *object) (string, bool) {
			its := m.v.FieldByName("Name").String()
			return its, matchesName(name, its, kind == "module")
		})
	}
}

// lookUpSignal is the function signal.
func lookUpSignal(args ...ref.Val) ref.Val {
	name, to := string(args[1].(types.String)), string(args[2].(types.String))
	return one(args[0].(*object), "signals", "signal "+phrase(name)+" to "+phrase(to), func(m *object) (string, bool) {
		s := m.v.Addr().Interface().(*result.Signal)
		return s.Name + " to " + s.To.Comm, matchesName(name, s.Name, false) && matchesName(to, s.To.Comm, false)
	})
}

// one is the only member that is chosen. choose also gives the member's name, to say what there is instead.
func one(run *object, list, what string, choose func(*object) (string, bool)) ref.Val {
	members, err := run.members(list)
	if err != nil {
		return types.WrapErr(err)
	}
	var chosen []*object
	for _, m := range members {
		if _, ok := choose(m); ok {
			chosen = append(chosen, m)
		}
	}
	var names []string
	switch {
	case len(chosen) == 1:
		return chosen[0]
	case len(members) == 0:
		return types.WrapErr(&missing{fmt.Sprintf("there is no %s, and %s is empty", what, list)})
	case len(chosen) == 0:
		for _, m := range members {
			name, _ := choose(m)
			names = append(names, name)
		}
		slices.Sort(names)
		return types.WrapErr(&missing{fmt.Sprintf("there is no %s; %s has %s", what, list, enumerate(slices.Compact(names)))})
	}
	for _, m := range chosen[:min(len(chosen), maxNames+1)] {
		names = append(names, m.String())
	}
	return types.WrapErr(&missing{fmt.Sprintf("%s is not one, there are %d: %s; look at each with %s.all(…) or exists(…)",
		what, len(chosen), enumerate(names), list)})
}

// matchesName reports whether a name is the one that is wanted, which may end with a star.
func matchesName(want, name string, module bool) bool {
	if module {
		want, name = strings.ReplaceAll(want, "-", "_"), strings.ReplaceAll(name, "-", "_")
	}
	if beginning, open := strings.CutSuffix(want, "*"); open {
		return strings.HasPrefix(name, beginning)
	}
	return want == name
}

// enumerate lists the first of some names, and says that there are more.
func enumerate(names []string) string {
	var list []string
	for _, name := range names[:min(len(names), maxNames)] {
		list = append(list, phrase(name))
	}
	if len(names) > maxNames {
		list = append(list, "…")
	}
	return strings.Join(list, ", ")
}

// ofModule is the function of.
func ofModule(args ...ref.Val) ref.Val {
	want := strings.ReplaceAll(string(args[1].(types.String)), "-", "_")
	in := func(place string) ref.Val { return types.Bool(strings.HasSuffix(place, "["+want+"]")) }
	switch m := args[0].(*object).v.Addr().Interface().(type) {
	case *result.Thread:
		return in(m.Function)
	case *result.Request:
		return in(m.By.Site)
	case *result.Signal:
		return in(m.From.Site)
	case *result.Task:
		return in(m.Site)
	case *result.Message:
		return types.Bool(m.Module == want)
	}
	return types.NoSuchOverloadErr()
}

// order is the function order.
func order(args ...ref.Val) ref.Val {
	last := types.Int(math.MinInt64)
	for it := args[0].(traits.Lister).Iterator(); it.HasNext() == types.True; {
		when, seen := it.Next().(types.Int)
		if !seen || when < last {
			return types.False
		}
		last = when
	}
	return types.True
}

// messages are what the modules printed, and how many of their lines are not known.
func messages(run ref.Val) ([]result.Message, int) {
	r := run.(*object).v.Addr().Interface().(*result.Result)
	lost := r.LogLost
	for i := range r.Messages {
		lost += r.Messages[i].Omitted
	}
	return r.Messages, lost
}

// notPrinted is the answer if no line matches: none of those that are known.
func notPrinted(lost int) ref.Val {
	if lost == 0 {
		return types.False
	}
	return types.WrapErr(&unseen{path: "messages", unrecorded: true,
		why: fmt.Sprintf("no line that is known matches, and %d lines of the log are not known", lost)})
}

// printed is the function of that name.
func printed(args ...ref.Val) ref.Val {
	list, lost := messages(args[0])
	text := string(args[1].(types.String))
	if slices.ContainsFunc(list, func(m result.Message) bool { return strings.Contains(m.Text, text) }) {
		return types.True
	}
	return notPrinted(lost)
}

// printedLike is the function printed_like. Package regexp takes time that is linear in the text, whatever the pattern.
func printedLike(args ...ref.Val) ref.Val {
	list, lost := messages(args[0])
	pattern, err := regexp.Compile(string(args[1].(types.String)))
	if err != nil {
		return types.WrapErr(&missing{"the pattern of printed_like is wrong: " + phrase(err.Error())})
	}
	if slices.ContainsFunc(list, func(m result.Message) bool { return pattern.MatchString(m.Text) }) {
		return types.True
	}
	return notPrinted(lost)
}

// times makes a function of a unit of time.
func times(ns int64) func(args ...ref.Val) ref.Val {
	return func(args ...ref.Val) ref.Val {
		if n, ok := args[0].(types.Int); ok {
			return n.Multiply(types.Int(ns))
		}
		n, _ := args[0].(types.Double)
		return (n * types.Double(ns)).ConvertToType(types.IntType)
	}
}

// jiffyNS is a jiffy of the kernels that distributions build, with HZ=250. A result does not say what HZ was.
const jiffyNS = 4_000_000

// slowdown is how much slower than a real machine the guest was: the factor for deadlines, vm.DeadlineScale.
func slowdown(r *result.Result) types.Int {
	if r.Machine.Accel == "tcg" {
		return 10
	}
	return 1
}

// jiffies is the function of that name.
func jiffies(args ...ref.Val) ref.Val {
	r := args[0].(*object).v.Addr().Interface().(*result.Result)
	return args[1].(types.Int).Multiply(jiffyNS * slowdown(r))
}

// parseVersion is the function version.
func parseVersion(args ...ref.Val) ref.Val {
	text := string(args[0].(types.String))
	v, err := readVersion(text)
	if err != nil || v.String() != text {
		return types.WrapErr(&missing{fmt.Sprintf("%s is no version such as 6.1", quoted(text))})
	}
	return v
}

// readVersion reads the beginning of a release.
func readVersion(release string) (version, error) {
	major, minor, ok := linuxversion.Parse(release)
	if !ok {
		return version{}, fmt.Errorf("%s does not begin with a version", quoted(release))
	}
	return version{major, minor}, nil
}
