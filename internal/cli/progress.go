// SPDX-License-Identifier: MIT

package cli

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// progress shows what is worked at, on one line that a terminal overwrites; into
// a file it prints a line for each phase that a person would wait for.
type progress struct {
	w        io.Writer
	terminal bool

	mu      sync.Mutex
	text    string // of the phase that goes on
	since   time.Time
	drawn   bool
	stop    chan struct{}
	stopped sync.WaitGroup
}

// phaseNames are the words for the phases of a run; a phase without words is
// too short to be shown.
var phaseNames = map[string]string{
	"kernel":  "looking for the kernel",
	"build":   "building the modules",
	"install": "installing the modules",
	"boot":    "booting the guest",
	"attach":  "attaching the tracer",
	"run":     "letting the modules run",
	"trace":   "tracing",
	"report":  "collecting the trace",
}

func newProgress(w io.Writer) *progress {
	p := &progress{w: w, terminal: isTerminal(w), stop: make(chan struct{})}
	if p.terminal {
		p.stopped.Go(p.tick)
	}
	return p
}

// tick redraws, so that the time goes on while nothing else does.
func (p *progress) tick() {
	t := time.NewTicker(200 * time.Millisecond)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			p.mu.Lock()
			p.draw()
			p.mu.Unlock()
		case <-p.stop:
			return
		}
	}
}

// phase is kmodlab.Watch.Phase.
func (p *progress) phase(name, detail string, done, total int64) {
	text := phaseNames[name]
	if detail != "" {
		text = detail
	}
	if total > 0 && p.terminal {
		text = fmt.Sprintf("%s %d%%", text, done*100/total)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	// In a file the parts of one step, such as packages, would be a hundred lines.
	if text == p.text || done > 0 && !p.terminal {
		return
	}
	p.text, p.since = text, time.Now()
	if p.terminal {
		p.draw()
	} else if text != "" {
		fmt.Fprintf(p.w, "kmodlab: %s\n", text)
	}
}

func (p *progress) draw() {
	p.erase()
	if p.text == "" {
		return
	}
	elapsed := ""
	if d := time.Since(p.since); d >= time.Second {
		elapsed = fmt.Sprintf(" %.0f s", d.Seconds())
	}
	fmt.Fprintf(p.w, "%s …%s", p.text, elapsed)
	p.drawn = true
}

func (p *progress) erase() {
	if p.drawn {
		fmt.Fprint(p.w, "\r\x1b[K")
		p.drawn = false
	}
}

// print writes whole lines between two drawings of the progress line.
func (p *progress) print(w io.Writer, text string) { p.printTo(w, text) }

// printTo is print for output that may have nobody who reads it.
func (p *progress) printTo(w io.Writer, text string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.erase()
	_, err := io.WriteString(w, text)
	return err
}

// close ends the drawing. It can be called again.
func (p *progress) close() {
	p.mu.Lock()
	p.erase()
	p.text = ""
	select {
	case <-p.stop:
	default:
		close(p.stop)
	}
	p.mu.Unlock()
	p.stopped.Wait()
}
