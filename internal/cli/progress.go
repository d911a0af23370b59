// SPDX-License-Identifier: MIT

package cli

import (
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/kmodlab/kmodlab"
	"github.com/kmodlab/kmodlab/internal/plain"
	"github.com/kmodlab/kmodlab/internal/report"
)

// progress shows the current phase: in a terminal on a line that is redrawn, below the lanes where a run is followed;
// in a file as a line for each phase worth waiting for, and now and then a line that says how far it is.
type progress struct {
	w   io.Writer
	now func() time.Time

	mu      sync.Mutex
	block   *block // nil if nothing can be redrawn
	inBlock bool   // the phase is a line of block; else it goes to w as lines
	lanes   func(columns, rows int) []string
	text    string // the current phase in words
	at      amount
	said    time.Time // when w last got a line
	closed  bool
	stop    chan struct{}
	stopped sync.WaitGroup
}

// phaseNames are the phases of a run in words. A phase that is missing here is too short to be shown.
var phaseNames = map[string]string{
	"kernel":  "looking for the kernel",
	"build":   "building the modules",
	"install": "installing the modules",
	"boot":    "booting the guest",
	"core":    "writing the guest's memory",
	"attach":  "attaching the tracer",
	"run":     "running the modules",
	"trace":   "tracing",
	"report":  "collecting the trace",
}

// drawEvery is how often a terminal is redrawn, sayEvery how often a file gets a line about a long phase.
const (
	drawEvery = 100 * time.Millisecond
	sayEvery  = 5 * time.Second
)

func newProgress(w io.Writer) *progress {
	p := &progress{w: w, stop: make(chan struct{}), now: time.Now}
	if isTerminal(w) {
		p.block, p.inBlock = &block{w: w}, true
		p.stopped.Go(p.tick)
	}
	return p
}

// follow draws lanes above the phase from now on. out is a terminal.
func (p *progress) follow(out io.Writer, lanes func(columns, rows int) []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	if p.block == nil { // w is a file
		p.block = new(block)
		p.stopped.Go(p.tick)
	}
	p.block.erase()
	p.block.w, p.lanes = out, lanes
	p.draw()
}

// tick redraws, so that the clock advances while nothing happens, and follows the terminal's size.
func (p *progress) tick() {
	t := time.NewTicker(drawEvery)
	defer t.Stop()
	resized := make(chan os.Signal, 1)
	signal.Notify(resized, syscall.SIGWINCH)
	defer signal.Stop(resized)
	for {
		select {
		case <-t.C:
		case <-resized:
		case <-p.stop:
			return
		}
		p.mu.Lock()
		p.draw()
		p.mu.Unlock()
	}
}

// phase implements kmodlab.Watch.Phase.
func (p *progress) phase(to kmodlab.Progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	ended := p.at.ended()
	fresh := !p.at.sameThing(to)
	if fresh {
		p.at = amount{begun: now}
	}
	p.at.add(to, now)
	before := p.text
	if p.text = phaseNames[to.Phase]; to.Detail != "" {
		p.text = report.Printable(to.Detail)
	}
	switch {
	case p.inBlock:
		if p.text != before {
			p.draw()
		}
	case p.text != before:
		p.say("", now)
	case p.at.ended():
		if s := p.at.summary(now); s != "" && (fresh || !ended) {
			p.say(s, now)
		}
	case now.Sub(p.said) >= sayEvery:
		if s := p.at.text(now); s != "" {
			p.say(s, now)
		}
	}
}

// say writes a line about the phase to a file.
func (p *progress) say(more string, now time.Time) {
	if p.text == "" {
		return
	}
	if more != "" {
		more = ": " + more
	}
	fmt.Fprintf(p.w, "kmodlab: %s%s\n", p.text, more)
	p.said = now
}

// line is the phase as a terminal shows it.
func (p *progress) line() string {
	now := p.now()
	if far := p.at.text(now); far != "" {
		return p.text + " … " + far
	}
	if d := now.Sub(p.at.begun); d >= time.Second {
		return fmt.Sprintf("%s … %.0f s", p.text, d.Seconds())
	}
	return p.text + " …"
}

// draw redraws everything, if there is a terminal.
func (p *progress) draw() {
	if p.block == nil || p.closed {
		return
	}
	columns, rows := terminalSize(p.block.w)
	columns-- // a full line would leave the cursor past the edge
	var lines []string
	if p.lanes != nil {
		lines = p.lanes(columns, rows-2)
	}
	if p.inBlock && p.text != "" {
		lines = append(lines, report.Clip(p.line(), columns))
	}
	p.block.draw(lines)
}

// print writes whole lines between two drawings.
func (p *progress) print(w io.Writer, text string) { p.printTo(w, text) }

// teller says something that a person should know.
func (p *progress) teller(w io.Writer) func(line string) {
	return func(line string) { p.print(w, "kmodlab: "+plain.Lines(line)+"\n") }
}

// printTo is print for output that may have lost its reader.
func (p *progress) printTo(w io.Writer, text string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.block != nil {
		p.block.erase()
	}
	_, err := io.WriteString(w, text)
	if p.lanes != nil && strings.HasSuffix(text, "\n") {
		p.draw()
	}
	return err
}

// lineWriter writes whole lines between two drawings.
type lineWriter struct {
	p *progress
	w io.Writer
}

func (l lineWriter) Write(text []byte) (int, error) {
	if err := l.p.printTo(l.w, string(text)); err != nil {
		return 0, err
	}
	return len(text), nil
}

// close ends the drawing. It may be called more than once.
func (p *progress) close() {
	p.mu.Lock()
	if p.block != nil {
		p.block.erase()
	}
	if !p.closed {
		close(p.stop)
	}
	p.closed = true
	p.mu.Unlock()
	p.stopped.Wait()
}
