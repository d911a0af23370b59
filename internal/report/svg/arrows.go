// SPDX-License-Identifier: MIT

package svg

import (
	"math"
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
		tip := 7.0
		if f.down() {
			tip = -tip
		}
		bend := (f.y2 - f.y1) / 2
		p.curve(linkColour(a), f, bend, tip, a.Link == lanes.LinkAnswer, strength)
	}
}

func linkColour(a *lanes.Arrow) string {
	if a.Link == lanes.LinkSignal && a.Tone != "" {
		return string(a.Tone)
	}
	return "link-" + string(a.Link)
}

// arrowNames writes the name of an arrow at its tail, unless another name is there.
func (p *picture) arrowNames() {
	type taken struct{ y, x1, x2 float64 }
	var all []taken
next:
	for i := range p.story.Arrows {
		a := &p.story.Arrows[i]
		name := strings.TrimSpace(a.Name + " " + strings.ReplaceAll(a.Outcome, "-", " "))
		f, ok := p.flight(a)
		if name == "" || !ok {
			continue
		}
		name = fit(name, 11, 190)
		width := measure(name, 11)
		y := f.y1 - 5
		if f.down() {
			y = f.y1 + 11
		}
		x := f.x1 + 6
		if x+width > p.right-4 {
			x = f.x1 - 6 - width
		}
		for _, t := range all {
			if math.Abs(t.y-y) < 12 && x < t.x2+4 && x+width > t.x1-4 {
				continue next
			}
		}
		all = append(all, taken{y, x, x + width})
		p.halo(linkColour(a), x, y, 11, name)
	}
}
