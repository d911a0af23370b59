// SPDX-License-Identifier: MIT

// Package rundiff finds what changed between two runs: verdict, modules, threads and their stages, requests, signals,
// what modules print, tests and their calls, order, and times beyond noise. It is pure.
//
// Pids, addresses and offsets differ between any two runs and are ignored, and so is the background. Things are matched
// by name and order of appearance. What one of the two runs could not record is not a change.
package rundiff

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/kmodlab/kmodlab/result"
)

// Schema names the JSON of a Diff.
const Schema = "kmodlab.diff/1"

// Diff is what changed. Its lists are never null.
type Diff struct {
	Schema  string   `json:"schema"`
	Before  Side     `json:"before"`
	After   Side     `json:"after"`
	Noise   Noise    `json:"noise"`
	Changes []Change `json:"changes"`
	// Notes say what could not be compared; they are not changes.
	Notes []string `json:"notes"`
}

// Side is one of the two runs.
type Side struct {
	Kernel  string       `json:"kernel"`
	Name    string       `json:"name"`
	Accel   string       `json:"accel"`
	Verdict result.Class `json:"verdict"`
}

// Noise is how much a time may differ without being a change: a change exceeds both the factor and the floor.
type Noise struct {
	Compared bool    `json:"compared"` // whether times are compared at all
	Factor   float64 `json:"factor"`
	FloorNS  int64   `json:"floor_ns"`
	Why      string  `json:"why"`
}

// Change is one difference.
type Change struct {
	Kind   string `json:"kind"` // verdict, module, thread, request, signal, message, test, call, order, crash, leak
	Name   string `json:"name"` // of what changed
	Field  string `json:"field"`
	Before string `json:"before"`
	After  string `json:"after"`
	// BeforeNS and AfterNS are set if the field is a time.
	BeforeNS *int64 `json:"before_ns,omitempty"`
	AfterNS  *int64 `json:"after_ns,omitempty"`
}

// differ compares two results.
type differ struct {
	a, b *result.Result
	Diff
}

// Compare finds what changed from a to b.
func Compare(a, b *result.Result) *Diff {
	d := &differ{a: a, b: b, Diff: Diff{
		Schema: Schema, Before: side(a), After: side(b), Noise: noiseOf(a, b), Changes: []Change{}, Notes: []string{},
	}}
	d.verdict()
	d.modules()
	d.threads()
	d.requests()
	d.signals()
	d.messages()
	d.tests()
	d.calls()
	d.order()
	d.crashes()
	d.leaks()
	d.tracing()
	return &d.Diff
}

func side(r *result.Result) Side {
	return Side{Kernel: r.Machine.Kernel, Name: r.Machine.Name, Accel: r.Machine.Accel, Verdict: r.Verdict.Class}
}

// noiseOf says how much two runs of the same thing differ. Software emulation stretches single steps by a time slice of
// the host, some ten milliseconds: with these bounds, four runs of the demo on a busy machine show no change. The
// bounds for real processors are an estimate.
func noiseOf(a, b *result.Result) Noise {
	switch before, after := a.Machine.Accel, b.Machine.Accel; {
	case before != after:
		return Noise{Why: fmt.Sprintf("times of %s and %s cannot be compared",
			cmp.Or(before, "no machine"), cmp.Or(after, "no machine"))}
	case before == "tcg":
		return Noise{Compared: true, Factor: 4, FloorNS: int64(30 * time.Millisecond), Why: "both runs were emulated (tcg)"}
	default:
		return Noise{Compared: true, Factor: 2, FloorNS: int64(2 * time.Millisecond), Why: "both runs used real processors"}
	}
}

func (d *differ) add(kind, name, field string, before, after any) {
	if x, y := fmt.Sprint(before), fmt.Sprint(after); x != y {
		d.Changes = append(d.Changes, Change{Kind: kind, Name: name, Field: field, Before: x, After: y})
	}
}

// span compares a time that both runs have.
func (d *differ) span(kind, name, field string, before, after *int64) {
	if before == nil || after == nil || !d.Noise.Compared {
		return
	}
	low, high := min(*before, *after), max(*before, *after)
	if high-low < d.Noise.FloorNS || float64(high) < d.Noise.Factor*float64(max(low, 1)) {
		return
	}
	d.Changes = append(d.Changes, Change{Kind: kind, Name: name, Field: field, Before: words(*before),
		After: words(*after), BeforeNS: before, AfterNS: after})
}

func words(ns int64) string { return fmt.Sprintf("%.1f ms", float64(ns)/1e6) }

// gap is the time between two moments, nil if one was not seen.
func gap(from, to *int64) *int64 {
	if from == nil || to == nil {
		return nil
	}
	ns := *to - *from
	return &ns
}

// unlike removes from a text whatever differs between any two runs.
func unlike(s string) string { return variable.ReplaceAllString(s, "…") }

var variable = regexp.MustCompile(`0x[0-9a-f]+|\b[0-9a-f]{8,}\b|\[\d+\]|\b\d+(\.\d+)? ?m?s\b|\bCPU \d+\b`)

// function removes the offset from a place in code.
func function(site string) string { return offset.ReplaceAllString(site, "") }

var offset = regexp.MustCompile(`\+0x[0-9a-f]+`)

// numbered gives each member of a list its name, with a number from the second member of the same name on.
func numbered[T any](list []T, background func(*T) bool, name func(*T) string) (names []string, by map[string]*T) {
	by = make(map[string]*T)
	seen := make(map[string]int)
	for i := range list {
		if background(&list[i]) {
			continue
		}
		n := name(&list[i])
		if seen[n]++; seen[n] > 1 {
			n = fmt.Sprintf("%s, number %d", n, seen[n])
		}
		names = append(names, n)
		by[n] = &list[i]
	}
	return names, by
}

// pairs calls both for what the two runs share, and reports what only one has.
func pairs[T any](d *differ, kind string, a, b []T, background func(*T) bool, name func(*T) string,
	both func(name string, a, b *T)) {
	before, first := numbered(a, background, name)
	after, second := numbered(b, background, name)
	for _, n := range before {
		if second[n] == nil {
			d.add(kind, n, "there", "yes", "no")
			continue
		}
		both(n, first[n], second[n])
	}
	for _, n := range after {
		if first[n] == nil {
			d.add(kind, n, "there", "no", "yes")
		}
	}
}

func (d *differ) verdict() {
	a, b := &d.a.Verdict, &d.b.Verdict
	d.add("verdict", "verdict", "class", a.Class, b.Class)
	if a.Class == b.Class && a.Class != result.Pass && unlike(a.Message) != unlike(b.Message) {
		d.add("verdict", "verdict", "message", a.Message, b.Message)
	}
}

func (d *differ) crashes() {
	never := func(*result.Crash) bool { return false }
	name := func(c *result.Crash) string { return string(c.Class) + " " + c.Type }
	pairs(d, "crash", d.a.Crashes, d.b.Crashes, never, name, func(n string, a, b *result.Crash) {
		d.add("crash", n, "guilty", guilty(a), guilty(b))
	})
}

func guilty(c *result.Crash) string {
	if f := c.GuiltyFrame(); f != nil {
		return function(f.Place())
	}
	return "nobody"
}

func (d *differ) leaks() {
	never := func(*result.Leftover) bool { return false }
	name := func(l *result.Leftover) string {
		return strings.TrimSpace(l.Kind + " " + unlike(l.What) + " " + function(l.Site))
	}
	pairs(d, "leak", d.a.Leaks, d.b.Leaks, never, name, func(string, *result.Leftover, *result.Leftover) {})
}

// tracing notes what one of the runs could not record, or lost: the rest of the comparison must be read with that in
// mind.
func (d *differ) tracing() {
	var kinds []string
	for _, r := range []*result.Result{d.a, d.b} {
		for kind := range r.Unknown {
			kinds = append(kinds, kind)
		}
	}
	slices.Sort(kinds)
	for _, kind := range slices.Compact(kinds) {
		_, a := d.a.Unknown[kind]
		_, b := d.b.Unknown[kind]
		if a != b {
			d.Notes = append(d.Notes, fmt.Sprintf("only one of the runs could record %s", kind))
		}
	}
	for i, r := range []*result.Result{d.a, d.b} {
		if n := r.Dropped.Total; n > 0 {
			d.Notes = append(d.Notes, fmt.Sprintf("the %s run lost %d records", [...]string{"first", "second"}[i], n))
		}
	}
	if !d.Noise.Compared {
		d.Notes = append(d.Notes, d.Noise.Why)
	}
}
