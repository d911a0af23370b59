// SPDX-License-Identifier: MIT

package result

// Normalize sets the schema and makes every nil slice an empty one, so that readers of the JSON find [] and never null.
func (r *Result) Normalize() {
	r.Schema = Schema
	r.Phases = some(r.Phases)
	r.Modules = some(r.Modules)
	r.Threads = some(r.Threads)
	r.Requests = some(r.Requests)
	r.Signals = some(r.Signals)
	r.Hooks = some(r.Hooks)
	r.Crashes = some(r.Crashes)
	r.Commands = some(r.Commands)
	for i := range r.Modules {
		r.Modules[i].Depends = some(r.Modules[i].Depends)
	}
	for i := range r.Requests {
		r.Requests[i].Loaded = some(r.Requests[i].Loaded)
		if h := r.Requests[i].Helper; h != nil {
			h.Argv = some(h.Argv)
		}
	}
	for _, list := range [][]Crash{r.Crashes, r.Unrelated} {
		normalize(list)
	}
	for i := range r.Tests {
		r.Tests[i].Argv = some(r.Tests[i].Argv)
	}
	for i := range r.Commands {
		r.Commands[i].Argv = some(r.Commands[i].Argv)
	}
}

func normalize(crashes []Crash) {
	for i := range crashes {
		c := &crashes[i]
		c.Taint, c.Frames, c.Log = some(c.Taint), some(c.Frames), some(c.Log)
	}
}

func some[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
