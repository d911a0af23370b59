// SPDX-License-Identifier: MIT

package formats

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/kmodlab/kmodlab/internal/grade"
	"github.com/kmodlab/kmodlab/internal/plain"
)

// limits bound what is written of a check.
type limits struct {
	line  int // bytes of a line
	lines int
}

const (
	maxName = 200       // bytes of a name
	maxFile = 1_000_000 // bytes of a file; PrairieLearn takes no more
)

// fit makes a file of at most maxFile bytes, with less of what was said if need be.
func fit(file func(lim limits) ([]byte, error)) ([]byte, error) {
	for _, lim := range []limits{{2000, 50}, {1000, 20}, {500, 5}, {200, 1}, {0, 0}} {
		data, err := file(lim)
		if err != nil || len(data) <= maxFile {
			return data, err
		}
	}
	return nil, fmt.Errorf("it has more than %d bytes, whatever is left out: give the lab fewer checks", maxFile)
}

// lines makes texts harmless lines. A text of several lines becomes several.
func lines(texts []string, lim limits) []string { return plain.Several(texts, lim.line, lim.lines) }

// told is what was found, where, and the hint.
func told(c *grade.Check, lim limits) []string {
	list := lines(c.Say, lim)
	if c.Story != "" && c.Status != grade.Passed {
		list = append(list, lines([]string{"in the story: " + c.Story}, lim)...)
	}
	if c.File != "" && c.Status != grade.Passed {
		where := plain.Line(c.File, maxName)
		if c.Line > 0 {
			where = fmt.Sprintf("%s:%d", where, c.Line)
		}
		list = append(list, "at "+where)
	}
	if c.Hint != "" && c.Status != grade.Passed {
		for i, hint := range lines([]string{c.Hint}, lim) {
			if i == 0 {
				hint = "hint: " + hint
			}
			list = append(list, hint)
		}
	}
	return list
}

// title is what the whole is called.
func title(g *grade.Grade) string {
	if strings.TrimSpace(g.LabTitle) == "" {
		return plain.Line(g.Lab, maxName)
	}
	return plain.Line(g.LabTitle, maxName)
}

// encode makes an indented JSON text.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(plain.JSON(&b))
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(v)
	return b.Bytes(), err
}
