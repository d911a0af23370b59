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
	"github.com/kmodlab/kmodlab/internal/report"
)

// progress shows what is worked at: in a terminal on a line that is drawn over,
// below the lanes where a run is followed; in a file as a line for each phase
// that a person would wait for, and now and then one for how far it is.
type progress struct {
	w   io.Writer
	now func() time.Time

	mu      sync.Mutex
	block   *block // nil where nothing can be drawn over
	inBlock bool   // the phase is a line of it; else it is told in lines of w
	lanes   func(columns, rows int) []string
	text    string // of the phase that goes on
	at      amount
	said    time.Time // when w was told of it last
	closed  bool
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

// drawEvery is how often a terminal is drawn anew; sayEvery how often a file gets
// a line of something that goes on.
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

// follow draws lanes above the phase from now on, on out, a terminal.
func (p *progress) follow(out io.Writer, lanes func(columns, rows int) []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	if p.block == nil { // what is said goes into a file
		p.block = new(block)
		p.stopped.Go(p.tick)
	}
	p.block.erase()
	p.block.w, p.lanes = out, lanes
	p.draw()
}

// tick redraws, so that the time goes on while nothing else does, and follows the
// terminal's size.
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

// phase is kmodlab.Watch.Phase.
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

// say tells a file of the phase.
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

// draw draws what there is, if that is a terminal.
func (p *progress) draw() {
	if p.block == nil || p.closed {
		return
	}
	columns, rows := terminalSize(p.block.w)
	columns-- // a full line would leave the cursor behind the edge
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

// printTo is print for output that may have nobody who reads it.
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

// close ends the drawing. It can be called again.
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
