// SPDX-License-Identifier: MIT

package story

import (
	"fmt"
	"strings"

	"github.com/kmodlab/kmodlab/internal/plain"
	"github.com/kmodlab/kmodlab/internal/report/lanes"
	"github.com/kmodlab/kmodlab/result"
)

// Spot is a line of a story, and where in the person's sources it comes from.
type Spot struct {
	Line
	File   string // relative to the sources' folder; empty if it is not known
	Number int    // of the line
}

// String is the line as a person reads it.
func (s *Spot) String() string {
	text := "at " + plain.Moment(s.AtNS) + " "
	if s.Who != "" {
		text += s.Who + ": "
	}
	text += s.What
	if s.How != "" {
		text += ", " + s.How
	}
	return text
}

// At is the line of a run's story at a moment, nil if there is none.
func At(r *result.Result, ns int64) *Spot {
	s := lanes.Build(r)
	for i := range s.Events {
		e := &s.Events[i]
		if e.At != ns || e.Background {
			continue
		}
		spot := &Spot{Line: lineOf(s, e)}
		for place, source := range r.Sources {
			if strings.Contains(" "+e.How+",", " "+place+",") {
				spot.File, spot.Number = lanes.Short(source.File), source.Line
			}
		}
		return spot
	}
	return nil
}

// Place is file:line, empty if it is not known.
func (s *Spot) Place() string {
	if s.File == "" {
		return ""
	}
	return fmt.Sprintf("%s:%d", s.File, s.Number)
}
