// SPDX-License-Identifier: MIT

package hang

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/kmodlab/kmodlab/internal/code"
	"github.com/kmodlab/kmodlab/result"
)

// Sample is what a CPU does at one moment.
type Sample struct {
	CPU    int
	At     time.Duration // since the step began
	Place  string        // function+offset [module], if the CPU executes a module's code
	Called []string      // places in modules to which it will return, innermost first
	State  string        // its general registers
	Task   uint64        // where the kernel keeps its task, 0 if that is unknown
	Timer  bool          // it calls the functions of high-resolution timers
	Timers []string      // of the modules' functions, those that this may be
}

const (
	spinWindow   = 7 * time.Second // that is looked back
	spinSpread   = 5 * time.Second // at least between the first and the last sample
	spinSamples  = 12
	betweenCalls = 2 // of a timer's function
	loopSamples  = 3 // of a loop that nothing can end; a CPU that prints is seldom seen in the module
	spinStates   = 4 // different contents of the registers; a loop that only waits has few
)

// Spin is a CPU on which a module's code makes no progress.
type Spin struct {
	CPU    int
	Site   string // in the module
	Called bool   // the module called the function that the CPU is in: Site is where that returns to
	Task   uint64 // that most samples have
	Timer  bool   // the kernel calls it again and again, as it restarts its timer without moving it forward
	waits  bool   // another CPU may end it
}

// Spins finds the CPUs on which a module's code makes no progress: a loop that no path leaves, or one whose registers
// are the same again and again, while no other CPU works in the modules, which may end that. A long computation has
// ever new registers, or counts in memory, and a way out of its loops.
func (s *Study) Spins(samples []Sample) []Spin {
	of := recent(samples)
	var spins []Spin
	works := false
	for _, cpu := range slices.Sorted(maps.Keys(of)) {
		list := of[cpu]
		if spin, ok := Restarts(list); ok && list[len(list)-1].At-list[0].At >= spinSpread {
			// Another CPU may only wait for this one.
			return []Spin{spin}
		}
		spin, ours := s.spins(list)
		if spin.Site != "" {
			spins = append(spins, spin)
		}
		works = works || ours && spin.Site == ""
	}
	return slices.DeleteFunc(spins, func(spin Spin) bool { return works && spin.waits })
}

// recent are the samples that are looked back at, by CPU.
func recent(samples []Sample) map[int][]Sample {
	of := make(map[int][]Sample)
	for _, sample := range samples {
		if samples[len(samples)-1].At-sample.At <= spinWindow {
			of[sample.CPU] = append(of[sample.CPU], sample)
		}
	}
	return of
}

// Deaf reports whether a guest cannot answer: a module keeps a CPU, and the others do nothing, or always the same.
func (s *Study) Deaf(samples []Sample) bool {
	spins := s.Spins(samples)
	if len(spins) == 0 {
		return false
	}
	for cpu, list := range recent(samples) {
		var states []string
		for _, at := range list {
			states = append(states, at.State)
		}
		spinning := slices.ContainsFunc(spins, func(spin Spin) bool { return spin.Timer || spin.CPU == cpu })
		if !spinning && !most(repeated(states), len(states)) {
			return false
		}
	}
	return true
}

// spins judges the samples of one CPU; ours reports whether it is in the modules. Of the places in its loop it names
// the first, so that it names the same each time.
func (s *Study) spins(list []Sample) (spin Spin, ours bool) {
	all := len(list)
	list = slices.DeleteFunc(slices.Clone(list), func(at Sample) bool { return len(at.frames()) == 0 || s.naps(at) })
	if len(list) < loopSamples || list[len(list)-1].At-list[0].At < spinSpread {
		return Spin{}, false
	}
	// The rest are of interrupts, and of other tasks, which get their share of the CPU.
	enough := len(list) >= spinSamples && len(list)*10 >= all*6
	var loops []Spin
	closed := 0                     // of these, loops of which all that they call is known
	in := make(map[string][]Sample) // by the innermost function
	for _, at := range list {
		if site, known, ok := s.neverEnds(at); ok {
			loops = append(loops, Spin{CPU: at.CPU, Site: site, Called: site != at.Place})
			if known {
				closed++
			}
		}
		name := function(at.frames()[0])
		in[name] = append(in[name], at)
	}
	if most(len(loops), len(list)) && (enough || most(closed, len(list))) {
		spin = slices.MinFunc(loops, bySite)
	}
	for _, samples := range in {
		if enough && spin.Site == "" && most(len(samples), len(list)) && s.repeats(samples) {
			spin = spinAt(samples)
		}
	}
	spin.Task = mostly(list)
	return spin, enough
}

// Restarts finds the function of a timer that a CPU calls again and again in all its samples. Timers that are moved
// forward, however little, leave the CPU to others in between: the kernel sees to that. A function that never returns
// is met in every sample; one that is called again is not.
func Restarts(list []Sample) (Spin, bool) {
	if len(list) < spinSamples {
		return Spin{}, false
	}
	count := make(map[string]int)
	between := 0 // samples of the kernel's loop itself
	for _, at := range list {
		if !at.Timer {
			return Spin{}, false
		}
		if frames := at.frames(); len(frames) > 0 {
			p := placeOf(frames[len(frames)-1])
			count[p.function+"+0x0 ["+p.module+"]"]++
			continue
		}
		between++
		for _, function := range at.Timers {
			count[function]++
		}
	}
	if len(count) == 0 || between < betweenCalls {
		return Spin{}, false
	}
	site := slices.MaxFunc(slices.Sorted(maps.Keys(count)), func(a, b string) int { return count[a] - count[b] })
	return Spin{CPU: list[0].CPU, Site: site, Timer: true}, true
}

func bySite(a, b Spin) int { return cmp.Compare(placeOf(a.Site).offset, placeOf(b.Site).offset) }

// spinAt is the spin of samples in one function.
func spinAt(samples []Sample) Spin {
	var places []Spin
	for _, at := range samples {
		site := at.frames()[0]
		places = append(places, Spin{CPU: at.CPU, Site: site, Called: site != at.Place, waits: true})
	}
	return slices.MinFunc(places, bySite)
}

// repeats reports whether samples in one function have the same registers again and again, and the loop goes on in
// nothing that registers do not show.
func (s *Study) repeats(samples []Sample) bool {
	var states []string
	sites := make(map[string]bool)
	runs, unseen, spinner := false, false, false // the module's own code; it counts in memory; the kernel's own loop
	for _, at := range samples {
		states = append(states, at.State)
		site := at.frames()[0]
		runs = runs || at.Place != ""
		if sites[site] {
			continue
		}
		sites[site] = true
		p := placeOf(site)
		if c := s.code(p.module); c != nil {
			flow, ok := c.Flow(p.function, p.offset)
			unseen = unseen || ok && flow.Loops && flow.Unseen
			spinner = spinner || Spinner(c.Callee(p.function, p.offset))
		}
	}
	if spinner && !runs && len(sites) == 1 { // it is in the kernel's loop, and never comes back
		return true
	}
	round := runs || len(sites) > 1 // else it stays in one call, as that of a spinlock
	return most(repeated(states), len(states)) && !(unseen && round)
}

// Unhelped are the spins but those that wait for something that a task of the modules may still do after a nap, as far
// as a look not long ago tells.
func (w *Watch) Unhelped(spins []Spin, now time.Duration) []Spin {
	if now-w.at > 3*Pause {
		return spins
	}
	naps := func(l *life) bool {
		return l.present && w.waitOf(&l.now).ends && w.siteOf(&l.now) != "" && w.canHelp(l)
	}
	for _, l := range w.since {
		if naps(l) {
			return slices.DeleteFunc(spins, func(spin Spin) bool { return spin.waits })
		}
	}
	return spins
}

// most is four of five: an interrupt, or another task that was on the CPU, does not count.
func most(n, of int) bool { return n*5 >= of*4 }

// repeated is how many samples have one of the few commonest states.
func repeated(states []string) int {
	count := make(map[string]int)
	for _, state := range states {
		count[state]++
	}
	numbers := slices.Sorted(maps.Values(count))
	sum := 0
	for _, n := range numbers[max(0, len(numbers)-spinStates):] {
		if n > 1 {
			sum += n
		}
	}
	return sum
}

// mostly is the task of most samples.
func mostly(list []Sample) uint64 {
	count := make(map[uint64]int)
	most := uint64(0)
	for _, at := range list {
		if count[at.Task]++; at.Task != 0 && count[at.Task] > count[most] || most == 0 {
			most = at.Task
		}
	}
	return most
}

// function is that of a frame.
func function(frame string) string {
	p := placeOf(frame)
	return p.function + " " + p.module
}

func (at *Sample) frames() []string {
	if at.Place != "" {
		return append([]string{at.Place}, at.Called...)
	}
	return at.Called
}

// neverEnds finds the place of a CPU in a loop that no path leaves, and that does not sleep. known reports whether all
// that the loop calls is known to return at once.
func (s *Study) neverEnds(at Sample) (site string, known, ok bool) {
	for _, frame := range at.frames() {
		p := placeOf(frame)
		c := s.code(p.module)
		if c == nil {
			continue
		}
		if flow, ok := c.Flow(p.function, p.offset); ok && flow.Endless && !naps(flow) {
			strange := func(name string) bool { return !code.Stateless(name) }
			return frame, !slices.ContainsFunc(flow.Calls, strange), true
		}
	}
	return "", false, false
}

// AtWork reports whether a CPU executes the modules' code, or what that has called, but for a call that sleeps.
func (s *Study) AtWork(at Sample) bool { return len(at.frames()) > 0 && !s.naps(at) }

// naps reports whether a CPU is in a call that sleeps: on its way there, or back.
func (s *Study) naps(at Sample) bool {
	if at.Place != "" {
		return false
	}
	p := placeOf(at.Called[0])
	c := s.code(p.module)
	if c == nil {
		return false
	}
	callee := c.Callee(p.function, p.offset)
	return !Spinner(callee) && (ending(callee) || endless(callee))
}

func naps(flow code.Flow) bool {
	return slices.ContainsFunc(flow.Calls, func(name string) bool { return ending(name) || endless(name) })
}

// SpinsFor notes what a task spins for, if its place is a call that takes a spinlock, or waits without sleeping.
func (s *Study) SpinsFor(t *result.Stuck) {
	function, offset, module := Place(t.Site)
	c := s.code(module)
	if c == nil {
		return
	}
	if callee := c.Callee(function, offset); TakesSpinlock(callee) || Spinner(callee) {
		t.Wait, t.Object = callee, c.Object(function, offset).Name
	}
}
