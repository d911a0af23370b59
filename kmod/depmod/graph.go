// SPDX-License-Identifier: MIT

package depmod

import (
	"cmp"
	"slices"
	"strings"

	"github.com/kmodlab/kmodlab/kmod"
)

// rank ranks users before what they need. It takes modules from a stack of those without
// unranked users, the last one found first.
func (x *indexer) rank() error {
	left := make([]int, len(x.mods))
	var stack []*indexed
	for i, m := range x.mods {
		if left[i] = m.users; m.users == 0 {
			stack = append(stack, m)
		}
	}
	ranked := 0
	for len(stack) > 0 {
		m := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		m.rank = ranked
		ranked++
		for _, d := range m.deps {
			if left[d.index]--; left[d.index] == 0 {
				stack = append(stack, d)
			}
		}
	}
	if ranked == len(x.mods) {
		return nil
	}
	return x.cycles()
}

// cycles reports one cycle in each group of modules that need each other as a problem, and
// returns the first as an error.
func (x *indexer) cycles() error {
	var first []string
	count := 0
	for _, group := range tangles(x.mods) {
		ring := findRing(group)
		count += len(group)
		x.problem(true, group[0].path, nil, "Cycle detected: %s", strings.Join(ring, " -> "))
		if first == nil {
			first = ring
		}
	}
	x.problem(true, "", nil, "Found %d modules in dependency cycles!", count)
	return &kmod.CycleError{Names: first}
}

// tangles returns the groups of modules in which each needs every other, directly or not
// (Tarjan's strongly connected components), in the order of mods.
func tangles(mods []*indexed) [][]*indexed {
	t := tarjan{number: make([]int, len(mods)), low: make([]int, len(mods)), open: make([]bool, len(mods))}
	for _, m := range mods {
		if t.number[m.index] == 0 {
			t.visit(m)
		}
	}
	for _, g := range t.groups {
		slices.SortFunc(g, func(a, b *indexed) int { return a.index - b.index })
	}
	slices.SortFunc(t.groups, func(a, b []*indexed) int { return a[0].index - b[0].index })
	return t.groups
}

type tarjan struct {
	number, low []int // by index; number is 0 for what was not visited
	open        []bool
	path        []*indexed
	count       int
	groups      [][]*indexed
}

func (t *tarjan) visit(m *indexed) {
	t.count++
	i := m.index
	t.number[i], t.low[i], t.open[i] = t.count, t.count, true
	t.path = append(t.path, m)
	for _, d := range m.deps {
		if t.number[d.index] == 0 {
			t.visit(d)
			t.low[i] = min(t.low[i], t.low[d.index])
		} else if t.open[d.index] {
			t.low[i] = min(t.low[i], t.number[d.index])
		}
	}
	if t.low[i] < t.number[i] {
		return
	}
	at := slices.Index(t.path, m)
	group := slices.Clone(t.path[at:])
	t.path = t.path[:at]
	for _, g := range group {
		t.open[g.index] = false
	}
	if len(group) > 1 || slices.Contains(m.deps, m) {
		t.groups = append(t.groups, group)
	}
}

// findRing returns a shortest cycle through the first module of a group.
func findRing(group []*indexed) []string {
	start := group[0]
	from := map[*indexed]*indexed{}
	for queue := []*indexed{start}; len(queue) > 0; queue = queue[1:] {
		m := queue[0]
		for _, d := range m.deps {
			if d == start {
				ring := []string{start.name}
				for ; m != start; m = from[m] {
					ring = append(ring, m.name)
				}
				ring = append(ring, start.name)
				slices.Reverse(ring)
				return ring
			}
			if from[d] == nil && slices.Contains(group, d) {
				from[d] = m
				queue = append(queue, d)
			}
		}
	}
	return []string{start.name}
}

// allDeps appends direct and indirect dependencies to list, by rank: loading takes them
// from the last to the first. It marks what it has seen with m.
func (m *indexed) allDeps(list []*indexed) []*indexed {
	m.mark = m
	list = m.collect(list, m)
	slices.SortFunc(list, func(a, b *indexed) int { return cmp.Compare(a.rank, b.rank) })
	return list
}

func (m *indexed) collect(list []*indexed, asked *indexed) []*indexed {
	for _, d := range m.deps {
		if d.mark != asked {
			d.mark = asked
			list = append(list, d)
			list = d.collect(list, asked)
		}
	}
	return list
}
