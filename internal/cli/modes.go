// SPDX-License-Identifier: MIT

package cli

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
)

// modes passes on what a program writes to a terminal, and notes what it has set there that is not as before: the
// second screen of an editor, a hidden cursor, how the terminal pastes. A program that is killed sets nothing back.
type modes struct {
	w io.Writer

	mu    sync.Mutex
	at    int             // how far in a sequence: ESC, [, ?, then numbers
	text  []byte          // the numbers
	other map[string]bool // modes that are not as they are by default, by number
}

// onByDefault are the modes that are on in a terminal that nobody has changed: wrapping, and a cursor that is seen.
var onByDefault = map[string]bool{"7": true, "25": true}

// secondScreen are the modes of the second screen, which is left first.
var secondScreen = []string{"1049", "1047", "47"}

func (m *modes) Write(p []byte) (int, error) {
	m.mu.Lock()
	for _, c := range p {
		m.next(c)
	}
	m.mu.Unlock()
	return m.w.Write(p)
}

// mostNumbers bounds the numbers of a sequence.
const mostNumbers = 64

func (m *modes) next(c byte) {
	const start = "\x1b[?"
	switch {
	case c == start[0]:
		m.at, m.text = 1, m.text[:0]
	case m.at > 0 && m.at < len(start) && c == start[m.at]:
		m.at++
	case m.at == len(start) && (c >= '0' && c <= '9' || c == ';') && len(m.text) < mostNumbers:
		m.text = append(m.text, c)
	case m.at == len(start) && (c == 'h' || c == 'l'):
		m.set(strings.Split(string(m.text), ";"), c == 'h')
		m.at = 0
	default:
		m.at = 0
	}
}

func (m *modes) set(numbers []string, on bool) {
	if m.other == nil {
		m.other = make(map[string]bool)
	}
	for _, n := range numbers {
		switch {
		case on == onByDefault[n]:
			delete(m.other, n)
		case len(m.other) < mostNumbers:
			m.other[n] = on
		}
	}
}

// undo is what sets the terminal back.
func (m *modes) undo() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var b strings.Builder
	back := func(n string) {
		if on, is := m.other[n]; is {
			fmt.Fprintf(&b, "\x1b[?%s%c", n, map[bool]rune{true: 'l', false: 'h'}[on])
			delete(m.other, n)
		}
	}
	for _, n := range secondScreen {
		back(n)
	}
	for _, n := range slices.Sorted(maps.Keys(m.other)) {
		back(n)
	}
	return b.String()
}
