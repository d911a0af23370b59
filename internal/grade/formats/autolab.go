// SPDX-License-Identifier: MIT

package formats

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/kmodlab/kmodlab/internal/grade"
)

func autolabTarget() Target {
	return Target{
		Name: "autolab",
		For:  "Autolab: the standard output of the autograder's Makefile",
		Hidden: "They are one problem, “hidden checks”, with the sum of their points: Autolab shows the whole output. An " +
			"after-due check belongs to it after the due date as well, since the problems of an assessment do not change.",
		Points: "As they are. The assessment needs a problem for each visible check, named as the check's ID, and one named " +
			"“hidden checks” if the lab has any.",
		Unbuilt: "The compiler's first errors come first in the output.",
		Fault: "The output says that the machine is at fault, and its last line has no scores: Autolab reports an error. It " +
			"keeps scores that were there, and sets 0 for problems that had none: grade the submission again.",
		Checked: "the way in which Autolab's saveAutograde reads the last line, with the rewriting that it does before",
		one:     autolab,
	}
}

func autolab(g *grade.Grade, _ Env) ([]byte, error) {
	return fit(func(lim limits) ([]byte, error) {
		var b bytes.Buffer
		if g.Fault != "" {
			fmt.Fprintln(&b, grade.NotGraded)
			return b.Bytes(), nil
		}
		for i, one := range unbuilt(g, lim) {
			if i > 0 {
				one = "  | " + one
			}
			fmt.Fprintln(&b, one)
		}
		scores := make(map[string]float64)
		for _, p := range parts(g, false, lim) {
			scores[p.id] = p.points
			fmt.Fprintf(&b, "%s: %s\n", p.name, p.state())
			for _, one := range p.told {
				fmt.Fprintf(&b, "  | %s\n", one)
			}
		}
		fmt.Fprintf(&b, "%s: %s\n", title(g), of(g.Points, g.Max))
		last, err := json.Marshal(map[string]any{"scores": scores})
		b.Write(append(last, '\n'))
		return b.Bytes(), err
	})
}
