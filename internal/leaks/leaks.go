// SPDX-License-Identifier: MIT

// Package leaks finds what modules took and did not give back: memory and
// references, from the text of the guest's own kernel trace (tracefs), and names
// of files, devices and threads, from two lists of them. It is pure. The text
// comes from a guest that is not trusted: any bytes give a bounded answer.
package leaks

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/kmodlab/kmodlab/internal/lazyregexp"
	"github.com/kmodlab/kmodlab/internal/wire"
	"github.com/kmodlab/kmodlab/result"
)

// Group is the group of the kprobe events, whose names follow.
const (
	Group  = "kmodlab"
	PidGet = "pid_get" // a kretprobe, with pid=
	TaskPx = "task_pid_get"
	PidPut = "pid_put" // a kprobe, with pid= and site=
)

const (
	maxHeld  = 1 << 20 // allocations without a free that are remembered
	maxLeaks = 64      // that are told
)

// Place is a call site: named by the kernel while its module was there, or else
// an address and the time at which it meant something.
type Place struct {
	Name   string // function+0x1 [module]
	Addr   uint64
	AtNS   uint64
	Module string
}

// taking is one that was not given back yet.
type taking struct {
	place Place
	what  string // slab or pid
	bytes uint64
}

// Book is what a trace says of takings and givings.
type Book struct {
	held  map[string][]taking // by what and pointer
	order []string            // keys as they first came
	n     int
	// Overrun says that the kernel's buffer was too small, so that nothing can be
	// said of what is held.
	Overrun bool
}

var (
	record  = lazyregexp.New(`^.{0,40}-\d{1,10} +\[\d+\] +\S+ +(\d{1,12})\.(\d{6}): (\w+): (.*)$`)
	returns = lazyregexp.New(`^\((.+?) <- \S+\)`)
	field   = lazyregexp.New(`\b(call_site|ptr|bytes_req|pid|site)=(0x[0-9a-f]+|\([^)]*\)|[^ ]+)( \[[\w-]+\])?`)
	counts  = lazyregexp.New(`^# entries-in-buffer/entries-written: (\d+)/(\d+)`)
	named   = lazyregexp.New(`^"?([A-Za-z_.$][\w.$]*\+0x[0-9a-f]+)/0x[0-9a-f]+(?: \[([\w-]+)\])?"?$`)
)

// Read reads the contents of a tracefs file named trace.
func Read(trace []byte) *Book {
	b := &Book{held: make(map[string][]taking)}
	for line := range bytes.Lines(trace) {
		line = bytes.TrimRight(line, "\n")
		if m := counts.FindSubmatch(line); m != nil && !bytes.Equal(m[1], m[2]) {
			b.Overrun = true
		}
		if m := record.FindSubmatch(line); m != nil {
			b.add(nanoseconds(m[1], m[2]), string(m[3]), string(m[4]))
		}
	}
	return b
}

func nanoseconds(sec, usec []byte) uint64 {
	s, _ := strconv.ParseUint(string(sec), 10, 63)
	u, _ := strconv.ParseUint(string(usec), 10, 63)
	return s*1e9 + u*1e3
}

func (b *Book) add(at uint64, event, text string) {
	f := fields(text)
	switch event {
	case "kmalloc", "kmalloc_node", "kmem_cache_alloc", "kmem_cache_alloc_node":
		size, _ := strconv.ParseUint(f["bytes_req"], 10, 63)
		b.take("m"+f["ptr"], taking{place: place(f["call_site"], at), what: "memory", bytes: size})
	case "kfree", "kmem_cache_free":
		b.give("m" + f["ptr"])
	case PidGet, TaskPx:
		if m := returns.FindStringSubmatch(text); m != nil && f["pid"] != "0x0" {
			b.take("p"+f["pid"], taking{place: place(m[1], at), what: "pid"})
		}
	case PidPut:
		b.give("p" + f["pid"])
	}
}

func fields(text string) map[string]string {
	values := make(map[string]string)
	for _, m := range field.FindAllStringSubmatch(text, 16) {
		values[m[1]] = m[2] + m[3]
	}
	return values
}

func place(text string, at uint64) Place {
	p := Place{AtNS: at}
	if m := named.FindStringSubmatch(text); m != nil {
		p.Name, p.Module = m[1], m[2]
		if p.Module != "" {
			p.Name += " [" + p.Module + "]"
		}
		return p
	}
	p.Addr, _ = strconv.ParseUint(strings.TrimPrefix(text, "0x"), 16, 64)
	return p
}

func (b *Book) take(key string, t taking) {
	if b.n == maxHeld {
		b.Overrun = true
		return
	}
	b.n++
	if b.held[key] == nil {
		b.order = append(b.order, key)
	}
	b.held[key] = append(b.held[key], t)
}

func (b *Book) give(key string) {
	if list := b.held[key]; len(list) > 0 {
		b.held[key] = list[:len(list)-1]
		b.n--
	}
}

// Left tells what the modules took and never gave back, summed up by call site.
// name finds the function of an address that the kernel could not name any more.
// Memory is left out where a module frees through RCU: such frees are not traced.
func (b *Book) Left(modules []string, rcu map[string]bool, name func(addr, at uint64) (site, module string)) []result.Leftover {
	if b.Overrun {
		return nil
	}
	type sum struct {
		what         string
		count, bytes uint64
	}
	sums := map[string]*sum{}
	var sites []string
	for _, key := range b.order {
		for _, t := range b.held[key] {
			site, module := t.place.Name, t.place.Module
			if site == "" {
				site, module = name(t.place.Addr, t.place.AtNS)
			}
			if !slices.Contains(modules, module) || t.what == "memory" && rcu[module] {
				continue
			}
			id := t.what + " " + site
			if sums[id] == nil {
				sums[id] = &sum{what: t.what}
				sites = append(sites, id)
			}
			sums[id].count++
			sums[id].bytes += t.bytes
		}
	}
	var left []result.Leftover
	for _, id := range sites[:min(len(sites), maxLeaks)] {
		s := sums[id]
		l := result.Leftover{Kind: "memory", What: fmt.Sprintf("%d bytes", s.bytes)}
		if s.what == "pid" {
			l.Kind, l.What = "reference", "a reference to a pid"
		}
		if s.count > 1 {
			l.What = fmt.Sprintf("%s in %d takings", l.What, s.count)
		}
		_, l.Site, _ = strings.Cut(id, " ")
		left = append(left, l)
	}
	return left
}

// Names tells which files and devices there are after and were not before.
func Names(before, after *wire.SnapshotResult) []result.Leftover {
	var left []result.Leftover
	for _, f := range added(before.Files, after.Files) {
		if parent := strings.LastIndex(f, "/"); len(left) > 0 && left[len(left)-1].What == f[:parent] {
			continue // what is inside came with its folder
		}
		left = append(left, result.Leftover{Kind: "file", What: f})
	}
	for _, d := range added(before.Devices, after.Devices) {
		left = append(left, result.Leftover{Kind: "device", What: d})
	}
	return left[:min(len(left), maxLeaks)]
}

// Threads are the kernel threads that there are after and were not before.
func Threads(before, after *wire.SnapshotResult) []string {
	return added(before.Threads, after.Threads)
}

func added(before, after []string) []string {
	had := make(map[string]bool, len(before))
	for _, s := range before {
		had[s] = true
	}
	return slices.DeleteFunc(slices.Clone(after), func(s string) bool { return had[s] })
}
