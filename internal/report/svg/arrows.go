// SPDX-License-Identifier: MIT

package svg

import (
	"math"
	"slices"
	"strings"

	"github.com/kmodlab/kmodlab/internal/report/lanes"
)

// flight is where an arrow leaves and lands.
type flight struct{ x1, y1, x2, y2 float64 }

func (f flight) down() bool { return f.y2 > f.y1 }

// flight returns an arrow's flight, and false if one of its ends is not shown.
func (p *picture) flight(a *lanes.Arrow) (flight, bool) {
	from, to := p.lane(a.From.Lane), p.lane(a.To.Lane)
	if from == nil || to == nil || p.story.Events[a.Event].Background {
		return flight{}, false
	}
	f := flight{x1: p.scale.x(a.From.At), y1: p.rowTop(from, a.From.Row), x2: p.scale.x(a.To.At),
		y2: p.rowTop(to, a.To.Row)}
	if to.y > from.y {
		f.y1 += row
	} else {
		f.y2 += row
	}
	return f, true
}

func (p *picture) arrows() {
	strength := math.Max(0.35, 1-float64(len(p.story.Arrows))/300)
	for i := range p.story.Arrows {
		a := &p.story.Arrows[i]
		f, ok := p.flight(a)
		if !ok {
			continue
		}
		draw := func() { p.curve(linkColour(a), f, f.bend(), f.tip(), a.Link == lanes.LinkAnswer, strength) }
		if words := arrowWords(a); len(words) > 0 {
			p.titled(words[0], draw)
		} else {
			draw()
		}
	}
}

// bend and tip shape an arrow's curve: it leaves and lands upright, and ends where the head begins.
func (f flight) bend() float64 { return (f.y2 - f.y1) / 2 }

func (f flight) tip() float64 {
	if f.down() {
		return -7
	}
	return 7
}

// crosses reports whether an arrow's curve goes through a box, in steps so small that no text lies between two.
func (f flight) crosses(b box) bool {
	const steps, near = 48, 2
	y := [4]float64{f.y1, f.y1 + f.bend(), f.y2 + f.tip() - f.bend(), f.y2 + f.tip()}
	x := [4]float64{f.x1, f.x1, f.x2, f.x2}
	lastX, lastY := f.x1, f.y1
	for i := 1; i <= steps; i++ {
		t := float64(i) / steps
		u := 1 - t
		at := func(p [4]float64) float64 {
			return u*u*u*p[0] + 3*u*u*t*p[1] + 3*u*t*t*p[2] + t*t*t*p[3]
		}
		nextX, nextY := at(x), at(y)
		piece := box{min(lastX, nextX) - near, min(lastY, nextY), max(lastX, nextX) + near, max(lastY, nextY)}
		if piece.meets(b) {
			return true
		}
		lastX, lastY = nextX, nextY
	}
	return false
}

// box is a part of the picture.
type box struct{ x1, y1, x2, y2 float64 }

func (a box) meets(b box) bool { return a.x1 <= b.x2 && a.x2 >= b.x1 && a.y1 <= b.y2 && a.y2 >= b.y1 }

func linkColour(a *lanes.Arrow) string {
	if a.Link == lanes.LinkSignal && a.Tone != "" {
		return string(a.Tone)
	}
	return "link-" + string(a.Link)
}

// mostNamed bounds the arrows that get names: among more, a name would belong to none that a reader can tell.
const mostNamed = 300

// arrowNames writes the name of each arrow at one of its ends, where no other line or text is.
func (p *picture) arrowNames() {
	var flights []flight
	for i := range p.story.Arrows {
		if f, ok := p.flight(&p.story.Arrows[i]); ok {
			flights = append(flights, f)
		}
	}
	if len(flights) > mostNamed {
		return
	}
	taken := p.bars()
	for i := range p.story.Arrows {
		a := &p.story.Arrows[i]
		f, ok := p.flight(a)
		if !ok {
			continue
		}
		free := func(b box) bool {
			return b.x1 >= gutter && b.x2 <= p.right-4 && b.y1 >= p.top && b.y2 <= p.bottom &&
				!slices.ContainsFunc(taken, b.meets) &&
				!slices.ContainsFunc(flights, func(f flight) bool { return f.crosses(b) })
		}
		for _, name := range arrowWords(a) {
			places := f.places(measure(name, smallText))
			if at := slices.IndexFunc(places, free); at >= 0 {
				b := places[at]
				taken = append(taken, b)
				p.text(linkColour(a), b.x1+3, b.y2-2.5, smallText, regular, name)
				break
			}
		}
	}
}

// arrowWords are the name of an arrow, and what of it to write where that has no room; none for most arrows.
func arrowWords(a *lanes.Arrow) []string {
	outcome := strings.ReplaceAll(a.Outcome, "-", " ")
	name := strings.TrimSpace(a.Name + " " + outcome)
	if name == "" {
		return nil
	}
	words := []string{fit(name, smallText, 190)}
	if a.Name != "" && outcome != "" {
		words = append(words, outcome)
	}
	return words
}

// places are where an arrow's name may stand: beside its tail, its head and its middle.
func (f flight) places(width float64) []box {
	off := -7.0
	if f.down() {
		off = 7
	}
	var all []box
	for _, at := range [][2]float64{{f.x1, f.y1 + off}, {f.x2, f.y2 - 2*off}, {(f.x1 + f.x2) / 2, (f.y1 + f.y2) / 2}} {
		x, y := at[0], at[1]
		all = append(all, box{x + 4, y - 6, x + 8 + width, y + 6}, box{x - 8 - width, y - 6, x - 4, y + 6})
	}
	return all
}

// bars are the places of all segments.
func (p *picture) bars() []box {
	var all []box
	for i := range p.shown {
		l := &p.shown[i]
		for _, g := range l.Segments {
			x1, x2 := p.span(&g)
			y := p.rowTop(l, g.Row)
			all = append(all, box{x1, y, x2, y + row})
		}
	}
	return all
}
