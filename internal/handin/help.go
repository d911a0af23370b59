// SPDX-License-Identifier: MIT

package handin

import (
	"slices"

	"github.com/kmodlab/kmodlab/internal/lazyregexp"
)

// Left is how many pieces of further help have not been asked for.
func (s *Start) Left(state *State) int { return len(s.left(state)) }

func (s *Start) left(state *State) []Step {
	return slices.DeleteFunc(slices.Clone(s.Steps), func(step Step) bool {
		return slices.ContainsFunc(state.Asked, func(a Asked) bool {
			return a.File == step.File && a.Task == step.Task && a.Level == step.Level
		})
	})
}

// About is the check that help is wanted for.
type About struct {
	Texts []string // its title and its hint, which may name TODOs
	File  string   // that it is about; may be empty
}

// Next is the next piece of further help, nil if there is none. Of those that are left, the ones for the TODOs that the
// check's texts name come first, then those of its file, then all others; within these, the lower level comes first.
func (s *Start) Next(state *State, a About) *Step {
	var named []string
	for _, text := range a.Texts {
		for _, m := range todo.FindAllStringSubmatch(text, -1) {
			named = append(named, m[0])
		}
	}
	rank := func(step *Step) int {
		switch {
		case slices.Contains(named, todoOf(step.Task)):
			return 0
		case a.File != "" && step.File == a.File:
			return 1
		}
		return 2
	}
	left := s.left(state)
	slices.SortStableFunc(left, func(x, y Step) int { // they are sorted by level
		return rank(&x) - rank(&y)
	})
	if len(left) == 0 {
		return nil
	}
	return &left[0]
}

var todo = lazyregexp.New(`TODO [0-9]+`)

// todoOf is the name of a TODO, "" if the text has none.
func todoOf(task string) string {
	if m := todo.FindStringSubmatch(task); m != nil {
		return m[0]
	}
	return ""
}
