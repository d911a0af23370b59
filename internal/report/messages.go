// SPDX-License-Identifier: MIT

package report

import (
	"fmt"
	"strings"

	"github.com/kmodlab/kmodlab/result"
	"github.com/kmodlab/kmodlab/tracer/timeline"
)

// Of the lines of one module the story shows the first and the last; with -v it shows all that are kept, as the JSON
// does.
const (
	firstLines = 40
	lastOnes   = 20
)

// messageEntries are the lines that the modules printed. Equal lines in a row become one.
func messageEntries(r *result.Result, verbose bool) []entry {
	several := severalSpeak(r.Messages)
	groups := messageGroups(r.Messages)
	total, seen := make(map[string]int), make(map[string]int)
	for _, g := range groups {
		total[g[0].Module]++
	}
	hidden := make(map[string]int) // lines that the story leaves out
	hides := func(module string) bool {
		n := seen[module]
		return !verbose && n >= firstLines && n < total[module]-lastOnes
	}
	for _, g := range groups {
		if module := g[0].Module; hides(module) {
			hidden[module] += len(g) + g[len(g)-1].Omitted
		}
		seen[g[0].Module]++
	}
	clear(seen)
	var entries []entry
	untimed := false
	for _, g := range groups {
		m := &g[0]
		if m.AtNS == nil && !untimed {
			untimed = true
			entries = append(entries, entry{endOfStory, []row{{what: "When these lines were printed is not known:"}}})
		}
		switch {
		case !hides(m.Module):
			entries = append(entries, groupEntry(g, several))
		case seen[m.Module] == firstLines:
			note := "… " + plural(uint64(hidden[m.Module]), "more line of ", "more lines of ") + clean(m.Module)
			entries = append(entries, messageEntry(m.AtNS, row{what: note}, nil))
		}
		seen[m.Module]++
	}
	return entries
}

// messageGroups puts together what is alike and follows each other.
func messageGroups(list []result.Message) [][]result.Message {
	var groups [][]result.Message
	for len(list) > 0 {
		n := alike(list)
		groups, list = append(groups, list[:n]), list[n:]
	}
	return groups
}

func groupEntry(g []result.Message, several bool) entry {
	m, last := &g[0], &g[len(g)-1]
	var more []row
	if len(g) > 1 {
		more = append(more, row{what: moreLike(len(g)-1, m.AtNS, last.AtNS)})
	}
	if last.Omitted > 0 {
		more = append(more, row{what: fmt.Sprintf("… %s not kept",
			plural(uint64(last.Omitted), "line of "+clean(m.Module)+" is", "lines of "+clean(m.Module)+" are"))})
	}
	return messageEntry(m.AtNS, row{who: speaker(m), what: printed(m, several), color: levelColor(m.Level)}, more)
}

// endOfStory is later than any event.
const endOfStory = 1<<63 - 1

// messageEntry is an entry at a time, or at the end of the story if the time is not known.
func messageEntry(ns *int64, first row, more []row) entry {
	if ns != nil {
		return at(*ns, first, more...)
	}
	return entry{endOfStory, append([]row{first}, more...)}
}

// alike is how many of the messages are like the first, in a row.
func alike(list []result.Message) int {
	first := &list[0]
	n := 1
	for n < len(list) && list[n-1].Omitted == 0 && list[n].Text == first.Text && list[n].Module == first.Module &&
		list[n].Level == first.Level && sameTask(list[n].Task, first.Task) && (list[n].AtNS == nil) == (first.AtNS == nil) {
		n++
	}
	return n
}

func sameTask(a, b *result.Task) bool {
	return a == b || a != nil && b != nil && *a == *b
}

func moreLike(n int, from, to *int64) string {
	text := fmt.Sprintf("… %d more like it", n)
	if from != nil && to != nil {
		text += ", within " + span(max(0, *to-*from))
	}
	return text
}

// severalSpeak reports whether more than one module printed something, so that a task does not say which.
func severalSpeak(list []result.Message) bool {
	for i := range list {
		if list[i].Module != list[0].Module {
			return true
		}
	}
	return false
}

// speaker is the task, or the module if the task is not known.
func speaker(m *result.Message) string {
	switch {
	case m.Task != nil:
		return who(*m.Task)
	case m.Module == "":
		return "?"
	}
	return clean(m.Module)
}

// printed says what was printed, and as what if it is more than information.
func printed(m *result.Message, several bool) string {
	verb := "prints "
	if several && m.Task != nil && m.Module != "" && !strings.HasPrefix(m.Text, m.Module) {
		verb = clean(m.Module) + " prints "
	}
	return verb + levelWords[m.Level] + `"` + clean(m.Text) + `"`
}

// levelWords precede the text of a message. Information and debugging are what one expects.
var levelWords = map[string]string{
	result.LevelEmerg: "an emergency: ", result.LevelAlert: "an alert: ", result.LevelCrit: "a critical error: ",
	result.LevelErr: "an error: ", result.LevelWarning: "a warning: ",
}

func levelColor(level string) color {
	switch level {
	case result.LevelEmerg, result.LevelAlert, result.LevelCrit, result.LevelErr:
		return red
	case result.LevelWarning:
		return yellow
	}
	return ""
}

// messageLine is a message on a line of its own, for formats without a story.
func messageLine(m *result.Message) string {
	when := ""
	if m.AtNS != nil {
		when = timeline.Span(max(0, *m.AtNS)) + ": "
	}
	return when + speaker(m) + " " + printed(m, false)
}
