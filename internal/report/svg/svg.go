// SPDX-License-Identifier: MIT

// Package svg draws a result.Result as one static picture, for slides and pages: the lanes of internal/report/lanes,
// with room for every event, readable on light and dark backgrounds. It also holds the colours of all pictures.
//
// The light colours are attributes; a style sheet replaces them if the reader's colour scheme is dark. So programs that
// ignore style sheets show the picture too. Texts are escaped and isolated in direction; there are no scripts, links or
// outside resources.
package svg

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/kmodlab/kmodlab/internal/plain"
	"github.com/kmodlab/kmodlab/internal/report/lanes"
	"github.com/kmodlab/kmodlab/result"
)

// Sizes, in pixels.
const (
	gutter   = 172
	margin   = 20
	head     = 58 // the verdict
	axis     = 44
	row      = 22
	rowGap   = 3
	pad      = 14
	least    = 48 // height of a lane
	nameRoom = 14 // more where arrows with names begin
	perUnit  = 8  // of the axis
	maxAxis  = 6000
	openRoom = 60 // after the last moment, for what continues
)

// readable is how wide a picture is, unless so much happens that it needs more room. A README shows it some 800 pixels
// wide, and its texts, of which the smallest has 11 pixels, must remain readable there.
const (
	readable  = 880
	smallText = 11
)

// maxLanes bounds the picture; the HTML report shows all lanes.
const maxLanes = 80

// SVG writes the picture of r without the background.
func SVG(w io.Writer, r *result.Result) error {
	out := bufio.NewWriter(w)
	p := newPicture(out, lanes.Build(r))
	p.draw(r)
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write SVG picture: %w", err)
	}
	return nil
}

// picture is what is drawn, with its measures.
type picture struct {
	canvas
	story  *lanes.Story
	shown  []laid      // the lanes, from top to bottom
	at     map[int]int // index in shown of each lane of the story
	hidden int         // lanes that did not fit
	// crashes are when the lanes' tasks crashed.
	crashes map[*lanes.Lane]int64
	scale   scale
	top     float64 // of the first lane
	right   float64 // end of the axis
	bottom  float64
}

// laid is a lane with its place.
type laid struct {
	*lanes.Lane
	y, height float64
}

func newPicture(w *bufio.Writer, s *lanes.Story) *picture {
	p := &picture{canvas: canvas{w: w}, story: s, at: map[int]int{}, top: head + axis,
		crashes: map[*lanes.Lane]int64{}}
	for _, e := range s.Events {
		if e.Moment == "crash" && e.Lane >= 0 {
			p.crashes[&s.Lanes[e.Lane]] = e.At
		}
	}
	named := map[int]bool{} // lanes that need room for the names of arrows
	for i := range s.Arrows {
		if a := &s.Arrows[i]; a.To.Lane > a.From.Lane && len(arrowWords(a)) > 0 {
			named[a.From.Lane] = true
		}
	}
	y := p.top
	for i := range s.Lanes {
		l := &s.Lanes[i]
		switch {
		case l.Background:
			continue
		case len(p.shown) == maxLanes:
			p.hidden++
			continue
		}
		height := max(least, float64(2*pad+l.Rows*(row+rowGap)-rowGap))
		if named[i] {
			height += nameRoom
		}
		p.at[i] = len(p.shown)
		p.shown = append(p.shown, laid{l, y, height})
		y += height
	}
	p.bottom = y
	after := float64(margin)
	if p.continues() {
		after += openRoom
	}
	left := float64(gutter + margin/2)
	p.scale = newScale(p.moments(), left, readable-left-after, p.rooms())
	p.right = p.scale.right + after
	return p
}

// rooms are what calls need to have their names on them. A call takes little time, and is what a test is about.
func (p *picture) rooms() []room {
	var all []room
	for _, l := range p.shown {
		for _, g := range l.Segments {
			if (g.Stage == lanes.Call || g.Stage == lanes.Refused) && !g.Open {
				all = append(all, room{g.Begin, g.End, measure(g.Brief, 12) + 13})
			}
		}
	}
	return all
}

// continues reports whether something has no end within the picture.
func (p *picture) continues() bool {
	return slices.ContainsFunc(p.shown, func(l laid) bool {
		return slices.ContainsFunc(l.Segments, func(g lanes.Segment) bool { return g.Open })
	})
}

// moments are all times at which something shown begins or ends.
func (p *picture) moments() []int64 {
	var all, said []int64
	for _, e := range p.story.Events {
		switch {
		case p.lane(e.Lane) == nil || e.Background:
		case p.story.Subjects[e.Subject].Kind == "message":
			said = append(said, e.At)
		default:
			all = append(all, e.At)
		}
	}
	for _, l := range p.shown {
		for _, g := range l.Segments {
			all = append(all, g.Begin, g.End)
		}
	}
	return append(all, outside(said, all)...)
}

// outside returns those of some moments that do not lie between others. A module may print a lot; messages get no room
// of their own.
func outside(some, others []int64) []int64 {
	if len(others) == 0 {
		return some
	}
	first, last := slices.Min(others), slices.Max(others)
	return slices.DeleteFunc(some, func(t int64) bool { return t >= first && t <= last })
}

// lane returns where a lane of the story lies, nil if it is not shown.
func (p *picture) lane(i int) *laid {
	if at, ok := p.at[i]; ok {
		return &p.shown[at]
	}
	return nil
}

func (p *picture) rowTop(l *laid, i int) float64 {
	return l.y + pad + float64(i*(row+rowGap))
}

func (p *picture) draw(r *result.Result) {
	height := p.bottom + 36
	p.open(p.right, height, title(r), p.words())
	p.rect("ground", 0, 0, p.right, height, 8)
	p.verdict(r)
	p.bands()
	p.ticks()
	p.arrows()
	p.segments()
	p.points()
	p.arrowNames()
	p.names()
	p.foot(r, height)
	p.close()
}

func title(r *result.Result) string {
	if r.Verdict.Class == "" {
		return "kmodlab: " + lanes.Short(r.Verdict.Message)
	}
	return "kmodlab: " + lanes.Short(string(r.Verdict.Class)) + ": " + lanes.Short(r.Verdict.Message)
}

// words tell the story to those who cannot see the picture.
func (p *picture) words() string {
	text := fmt.Sprintf("%d lanes.", len(p.shown))
	for n, e := range p.story.Events {
		if n == 60 {
			return text + " …"
		}
		if l := p.lane(e.Lane); l != nil && !e.Background {
			text += fmt.Sprintf(" %s %s %s.", plain.Moment(e.At), l.Title(), e.What)
		}
	}
	return text
}

func (p *picture) verdict(r *result.Result) {
	tone := "bad"
	if r.Verdict.Class == result.Pass {
		tone = "good"
	}
	class := lanes.Short(string(r.Verdict.Class))
	x := float64(margin)
	if class != "" { // a part of a story has none
		width := measure(class, 13) + 26
		p.rect(tone, margin, 18, width, 26, 13)
		p.text("ground", margin+13, 35.5, 13, bold, class)
		x += width + 14
	}
	message, size := lanes.Short(r.Verdict.Message), 15
	for size > 12 && measureBold(message, size) > p.right-x-margin {
		size--
	}
	p.text("ink", x, 36.5, size, bold, fit(message, size, p.right-x-margin))
}

func (p *picture) foot(r *result.Result, height float64) {
	m := &r.Machine
	text := "kmodlab · time in steps, not to scale"
	if m.Kernel != "" {
		text = "Linux " + lanes.Short(m.Kernel) + " · " + text
	}
	if p.hidden > 0 {
		text = fmt.Sprintf("the HTML report has %d more lanes · %s", p.hidden, text)
	}
	text = fit(text, 11, p.right-2*margin)
	p.text("soft", p.right-margin-measure(text, 11), height-13, 11, regular, text)
}

func (p *picture) bands() {
	for i, l := range p.shown {
		if i%2 == 1 {
			p.rect("band", 0, l.y, p.right, l.height, 0)
		}
	}
	for i := range p.shown {
		if l := &p.shown[i]; l.Kind == lanes.Module && i > 0 && p.shown[i-1].Kind != lanes.Module {
			p.line("soft", 0, l.y, p.right, l.y, 1)
		}
	}
}

// ticks names moments on the axis, and the time between them.
func (p *picture) ticks() {
	const apart = 86
	last, lastAt := 0.0, int64(0)
	for i, t := range p.scale.at {
		x := p.scale.x(t)
		if i > 0 && x-last < apart {
			continue
		}
		p.line("line", x, head+axis-8, x, p.bottom, 1)
		text := tick(t)
		p.text("ink", min(x-measure(text, 11)/2, p.right-measure(text, 11)-4), head+12, 11, regular, text)
		if i > 0 {
			gap := "+" + span(t-lastAt)
			if width := measure(gap, 11); width < x-last-16 {
				p.text("soft", (x+last-width)/2, head+29, 11, regular, gap)
				p.line("line", last+5, head+25, (x+last-width)/2-5, head+25, 1)
				p.line("line", (x+last+width)/2+5, head+25, x-5, head+25, 1)
			}
		}
		last, lastAt = x, t
	}
	p.line("line", 0, p.top, p.right, p.top, 1)
}

func (p *picture) names() {
	p.line("line", gutter-8, p.top, gutter-8, p.bottom, 1)
	for i := range p.shown {
		l := &p.shown[i]
		y := l.y + min(l.height/2, 32)
		name := fit(l.Name, 13, gutter-60)
		colour := "ink"
		if l.Mark != "" {
			colour = "bad"
		}
		p.text(colour, margin, y-2, 13, bold, name)
		if l.Kind != lanes.Module {
			p.text("soft", margin+measureBold(name, 13)+6, y-2, 11, regular, fmt.Sprint(l.PID))
		}
		if l.Mark != "" {
			p.text("bad", margin, y+13, smallText, regular, fit("✕ "+l.Mark, smallText, gutter-margin-12))
		} else {
			colour, text := "soft", kindWords[l.Kind]
			if l.Note != "" {
				colour, text = cmp.Or(string(l.Tone), colour), l.Note
			}
			p.text(colour, margin, y+13, smallText, regular, fit(text, smallText, gutter-margin-12))
		}
	}
}

var kindWords = map[lanes.Kind]string{
	lanes.Process: "task", lanes.Kthreadd: "creates kernel threads", lanes.Kthread: "kernel thread",
	lanes.Helper: "usermode helper", lanes.Module: "module", lanes.Test: "test", lanes.Program: "program",
}

func (p *picture) segments() {
	for i := range p.shown {
		l := &p.shown[i]
		for _, g := range l.Segments {
			x1, x2 := p.span(&g)
			y := p.rowTop(l, g.Row)
			width := max(1.5, x2-x1-1)
			p.titled(g.Name+", "+plain.Moment(g.End-g.Begin), func() {
				p.rect("stage-"+string(g.Stage), x1, y, width, row, min(4, width/2))
				indent := 6.0
				if at, ok := p.crashes[l.Lane]; ok && at == g.Begin { // beside the mark of a crash
					indent = 14
				}
				p.text("ink", x1+indent, y+row/2+4.2, 12, regular, label(&g, width-indent-5))
			})
		}
	}
}

// span is from where to where a segment is drawn.
func (p *picture) span(g *lanes.Segment) (x1, x2 float64) {
	if g.Open {
		return p.scale.x(g.Begin), p.right
	}
	return p.scale.x(g.Begin), p.scale.x(g.End)
}

// label is a segment's name, or what of it has room.
func label(g *lanes.Segment, room float64) string {
	text := fit(g.Name, 12, room)
	if text != g.Name && g.Brief != "" {
		text = fit(g.Brief, 12, room)
	}
	if utf8.RuneCountInString(text) < 7 && strings.HasSuffix(text, "…") {
		return ""
	}
	return text
}

func (p *picture) points() {
	for _, e := range p.story.Events {
		l := p.lane(e.Lane)
		if l == nil || !e.Point || e.Background {
			continue
		}
		if e.Moment == "crash" || e.Cross {
			p.titled(e.What+", "+e.How, func() { p.cross(string(e.Tone), p.scale.x(e.At), p.rowTop(l, 0)+row/2) })
			continue
		}
		colour, radius := string(e.Tone), 3.0
		if e.Tone == "" {
			colour = "soft"
		}
		if e.Tone == lanes.Bad {
			radius = 5
		}
		p.titled(e.What+", "+e.How, func() { p.circle(colour, p.scale.x(e.At), p.rowTop(l, 0)+row+1, radius) })
	}
}

// cross is the mark of a task that the kernel complained about, or that a signal ended, on its bar.
func (p *picture) cross(colour string, x, y float64) {
	p.circle(colour, x, y, 8)
	p.line("ground", x-3.2, y-3.2, x+3.2, y+3.2, 2)
	p.line("ground", x-3.2, y+3.2, x+3.2, y-3.2, 2)
}
