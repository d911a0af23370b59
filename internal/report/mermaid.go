// SPDX-License-Identifier: MIT

package report

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/kmodlab/kmodlab/result"
	"github.com/kmodlab/kmodlab/tracer/timeline"
)

// maxMessages bounds a diagram: nobody reads a longer one, and Mermaid refuses to draw it.
const maxMessages = 200

// kernelActor receives finit_module and delete_module.
const kernelActor = "kernel"

// message is an arrow of a sequence diagram; if to is empty, it is a note over from.
type message struct {
	at       int64
	from, to string
	arrow    string
	text     string
}

// The kinds of Mermaid arrows that we use.
const (
	arrowCall   = "->>"
	arrowReturn = "-->>"
	arrowLost   = "-x"
)

// Mermaid writes the story as a Mermaid sequence diagram: a participant per task, in order of first appearance, and an
// arrow where one requests, wakes, signals or stops another. The background is left out.
func Mermaid(w io.Writer, r *result.Result) error {
	list := messages(r)
	more := len(list) - maxMessages
	list = list[:min(len(list), maxMessages)]
	names := make(map[string]string)
	var actors []string
	for _, m := range list {
		for _, name := range []string{m.from, m.to} {
			if _, known := names[name]; !known && name != "" {
				names[name] = fmt.Sprintf("t%d", len(actors))
				actors = append(actors, name)
			}
		}
	}
	buf := bufio.NewWriter(w)
	fmt.Fprintln(buf, "sequenceDiagram")
	for _, name := range actors {
		fmt.Fprintf(buf, "    participant %s as %s\n", names[name], mermaidText(name))
	}
	for _, m := range list {
		if m.to == "" {
			fmt.Fprintf(buf, "    Note over %s: %s\n", names[m.from], mermaidText(m.text))
			continue
		}
		fmt.Fprintf(buf, "    %s%s%s: %s\n", names[m.from], m.arrow, names[m.to], mermaidText(m.text))
	}
	switch {
	case len(actors) == 0:
		fmt.Fprintf(buf, "    participant t0 as kmodlab\n    Note over t0: %s\n",
			mermaidText(cut(string(r.Verdict.Class)+": "+clean(r.Verdict.Message))))
	case more > 0:
		fmt.Fprintf(buf, "    Note over t0: %d more not shown\n", more)
	}
	if err := buf.Flush(); err != nil {
		return fmt.Errorf("write Mermaid diagram: %w", err)
	}
	return nil
}

// mermaidText writes whatever Mermaid could parse as its own language as entities: everything but letters, digits and a
// few marks, and the word end.
func mermaidText(s string) string {
	s = cut(unglue(s))
	var b strings.Builder
	for _, r := range s {
		switch {
		case r >= 0x80 || r == ' ' || strings.ContainsRune("()[].,_+-/='", r),
			r >= '0' && r <= '9', r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z':
			b.WriteRune(r)
		default:
			fmt.Fprintf(&b, "#%d;", r)
		}
	}
	words := strings.Split(b.String(), " ")
	for i, word := range words {
		if strings.EqualFold(word, "end") {
			words[i] = fmt.Sprintf("#%d;%s", word[0], word[1:])
		}
	}
	if text := strings.TrimSpace(strings.Join(words, " ")); text != "" {
		return text
	}
	return "?"
}

func messages(r *result.Result) []message {
	var list []message
	for i := range r.Modules {
		if m := &r.Modules[i]; !m.Background {
			list = append(list, moduleMessages(m)...)
		}
	}
	for i := range r.Threads {
		if t := &r.Threads[i]; !t.Background {
			list = append(list, threadMessages(t)...)
		}
	}
	for i := range r.Requests {
		if q := &r.Requests[i]; !q.Background {
			list = append(list, requestMessages(q)...)
		}
	}
	for i := range r.Signals {
		if s := &r.Signals[i]; !s.Background {
			list = append(list, signalMessage(s))
		}
	}
	list = append(list, programMessages(r)...)
	slices.SortStableFunc(list, func(a, b message) int { return cmp.Compare(a.at, b.at) })
	return list
}

func moduleMessages(m *result.Module) []message {
	var list []message
	if m.LoadedNS != nil {
		list = append(list, message{*m.LoadedNS, whoever(m.By), kernelActor, arrowCall, "finit_module " + clean(m.Name)})
	}
	if m.FreedNS != nil {
		list = append(list, message{*m.FreedNS, whoever(m.FreedBy), kernelActor, arrowCall, clean(m.Name) + " is gone"})
	}
	return list
}

func threadMessages(t *result.Thread) []message {
	const kthreadd = "kthreadd[2]"
	name := fmt.Sprintf("%s[%d]", clean(t.Name), t.PID)
	s := &t.Stages
	var list []message
	add := func(at *int64, from, to, arrow, text string) {
		if at != nil {
			list = append(list, message{*at, from, to, arrow, text})
		}
	}
	add(s.Requested, who(t.Requester), kthreadd, arrowCall, "asks for kthread "+clean(t.Name))
	if t.PID == 0 {
		add(s.Created, kthreadd, who(t.Requester), arrowReturn, clean(t.Ended))
		return list
	}
	add(s.FirstRun, kthreadd, name, arrowCall, "first run")
	if t.WokenBy != nil {
		add(s.Woken, who(*t.WokenBy), name, arrowCall, "wakes it")
	}
	for _, list := range wakesOf(t) {
		what := "wakes it"
		if n := wakeups(list); n > 1 {
			what = fmt.Sprintf("wakes it %d times", n)
		}
		add(&list[0].AtNS, who(list[0].By), name, arrowCall, what)
	}
	add(s.Function, name, "", "", clean(t.Function))
	for _, stop := range stopCalls(t) {
		add(&stop.AskedNS, who(stop.By), name, arrowCall, "kthread_stop")
		if stop.Ret != nil {
			add(stop.ReturnedNS, name, who(stop.By), arrowReturn, fmt.Sprintf("kthread_stop returned %d", *stop.Ret))
		}
	}
	if len(stopCalls(t)) == 0 {
		add(s.Exited, name, "", "", clean(t.Ended))
	}
	return list
}

func requestMessages(q *result.Request) []message {
	began := first(q.Stages.Asked, q.Stages.Throttled, q.Stages.Queued, q.Stages.Forked, q.Stages.Exec)
	if began == nil {
		return nil
	}
	helper := "modprobe"
	if q.Helper != nil && q.Helper.PID != 0 {
		helper = fmt.Sprintf("modprobe[%d]", q.Helper.PID)
	}
	list := []message{{*began, who(q.By), helper, arrowCall, fmt.Sprintf("request_module(%s)", clean(q.Name))}}
	if q.Stages.Loaded != nil && len(q.Loaded) > 0 {
		list = append(list, message{*q.Stages.Loaded, helper, "", "", "loaded " + clean(strings.Join(q.Loaded, ", "))})
	}
	if q.Stages.Returned != nil && q.Returned != nil {
		list = append(list, message{*q.Stages.Returned, helper, who(q.By), arrowReturn,
			fmt.Sprintf("returned %d", *q.Returned)})
	}
	return list
}

func signalMessage(s *result.Signal) message {
	m := message{s.SentNS, who(s.From), who(s.To), arrowCall, clean(s.Name + " " + string(s.Outcome))}
	switch s.Outcome {
	case result.NotASignal:
		m.text = "wakes it without a signal"
	case result.Consumed, result.Delivered:
		if s.ConsumedNS != nil {
			m.text += " after " + timeline.Span(max(0, *s.ConsumedNS-s.SentNS))
		}
	default:
		m.arrow = arrowLost
	}
	return m
}
