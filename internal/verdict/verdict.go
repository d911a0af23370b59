// SPDX-License-Identifier: MIT

// Package verdict turns evidence into a result: the tracer's records into the lives of
// threads, requests and modules, the console into crashes, places into source lines,
// and all of it into one verdict. It is pure, and does the same for a run that has just
// ended and for a recording of it.
package verdict

import (
	"math"
	"slices"

	"github.com/kmodlab/kmodlab/internal/code"
	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/internal/oops"
	"github.com/kmodlab/kmodlab/result"
	"github.com/kmodlab/kmodlab/tracer/symbols"
	"github.com/kmodlab/kmodlab/tracer/timeline"
)

// Of returns the result that follows from the evidence.
func Of(e *evidence.Evidence) *result.Result {
	return newMaker(e).make()
}

// OfAndUsed is Of, and also returns which part of the evidence a recording must keep
// to give the same result.
func OfAndUsed(e *evidence.Evidence) (*result.Result, evidence.Used) {
	m := newMaker(e)
	m.table.Remember()
	res := m.make()
	// A later version may show more of the places that the records name.
	for i := range e.Trace.Events {
		for _, addr := range e.Trace.Events[i].Stack {
			m.table.Site(addr, e.Trace.Events[i].Time)
		}
	}
	return res, evidence.Used{Kallsyms: m.table.Used(), Sources: m.locator.shown}
}

// maker makes one result.
type maker struct {
	e       *evidence.Evidence
	res     *result.Result
	table   *symbols.Table          // names for addresses
	locator *locator                // source lines for places
	code    map[string]*code.Module // by module; nil for one that cannot be read
	start   uint64                  // CLOCK_MONOTONIC at which the result's times begin
	story   *timeline.Timeline      // nil for a guest that was not traced
	// programs are the tests' files that were opened, by their paths in the guest.
	programs map[string]openedProgram
}

func newMaker(e *evidence.Evidence) *maker {
	ofModule := func(name string) *symbols.Module { return symbols.OfModule(e.Files[name].Data) }
	table := symbols.New(e.Trace.Kernel, e.Trace.Events, ofModule)
	return &maker{
		e: e, table: table, locator: newLocator(e, table), code: make(map[string]*code.Module),
		res: &result.Result{
			Schema: result.Schema, Title: e.Title, Folder: e.Folder, Date: e.Date, Machine: e.Machine, Console: e.Console,
			Phases: slices.Clone(e.Phases), Commands: slices.Clone(e.Commands), Modules: slices.Clone(e.Modules),
			Warnings: slices.Clone(e.Warnings), Artifacts: slices.Clone(e.Artifacts),
		},
	}
}

func (m *maker) make() *result.Result {
	if m.e.Trace.AgentPID != 0 {
		m.trace()
		m.placeCode()
	}
	m.res.Failures, m.res.Exits = m.failures(), m.exits()
	m.res.Crashes, m.res.Unrelated = m.splitUnrelated(m.crashes())
	endCrashed(m.res.Threads, m.res.Crashes)
	m.res.Messages = m.messages()
	m.res.Sources = m.locator.locateAll(m.res.Places())
	if m.e.Trace.AgentPID != 0 {
		m.res.Leaks, m.res.Misuse, m.res.Keepers = m.left(), m.misuse(), m.keepers()
	}
	m.res.Unpaired, m.res.Unchecked = m.unpaired(), m.unchecked()
	m.res.Stuck = m.stuck()
	m.res.Tests = m.tests()
	m.res.Witness = seen(m.e.Witness)
	m.res.Taint = oops.TaintWords(added(m.e.Taint))
	m.res.Verdict = Judge(m.ended(), m.res)
	m.res.Normalize()
	Expect(m.res, m.e.Expect)
	return m.res
}

// trace fills in what the records say.
func (m *maker) trace() {
	t := &m.e.Trace
	for _, h := range t.Hooks {
		m.res.Hooks = append(m.res.Hooks, h.Hook)
	}
	for kind, n := range t.Lost {
		if m.res.Dropped.ByKind == nil {
			m.res.Dropped.ByKind = make(map[string]uint64)
		}
		m.res.Dropped.ByKind[kind] += n
		m.res.Dropped.Total += n
	}
	blind := blind(t.Hooks, t.Events)
	for kind, why := range blind {
		if m.res.Unknown == nil {
			m.res.Unknown = make(map[string]string)
		}
		m.res.Unknown[kind.String()] = why
	}
	story := timeline.Build(t.Events, m.table.Site, timeline.Options{
		AgentTGID: t.AgentPID, Modules: m.e.Studied, Blind: blind,
	})
	m.start = story.Start
	threads, requests, signals, modules := FromTimeline(story)
	m.res.Threads, m.res.Requests, m.res.Signals = threads, requests, signals
	m.res.Processes, m.res.Calls = FollowedProcesses(story, m.roots(), m.e.Studied)
	m.story = story
	m.nameTimers()
	m.unjumpStops()
	m.res.Contradictions = contradictions(m.e, threads, modules, story.Taints, blind)
	m.res.Modules = MergeModules(m.res.Modules, withoutHelper(m.e, modules))
	odd := oops.OddInits(append([]byte(m.e.Console), m.e.KernelLog...))
	for i := range m.res.Modules {
		if l := &m.res.Modules[i]; l.Loaded && l.InitRet == 0 {
			l.InitRet = odd[l.Name]
		}
	}
}

// ended returns the evidence with what the records and the CPUs say about the run's end.
func (m *maker) ended() *evidence.Evidence {
	e := *m.e
	e.Failures = slices.Clone(e.Failures)
	if e.Finished && e.Trace.Broken != "" {
		// The guest reported success, but its records are not complete.
		e.Failures = append(e.Failures, evidence.Failure{Kind: evidence.Lost, Message: e.Trace.Broken})
	}
	m.explainKill(e.Failures)
	if lost := e.Failed(evidence.Lost); lost != nil {
		m.explainEnd(lost)
	}
	return &e
}

// studied reports whether a module is under study in this run.
func (m *maker) studied(module string) bool { return slices.Contains(m.e.Studied, module) }

// placeOf names the function at an address at a time, and its module. Both are empty
// for a guest that was not traced.
func (m *maker) placeOf(addr, at uint64) (site, module string) {
	s := m.table.Site(addr, at)
	return s.String(), s.Module
}

// atEnd is a time after all records: the last module placed at an address counts.
const atEnd = math.MaxUint64
