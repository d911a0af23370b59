// SPDX-License-Identifier: MIT

package formats

import (
	"strings"

	"github.com/kmodlab/kmodlab/internal/grade"
)

func gradescopeTarget() Target {
	return Target{
		Name: "gradescope", File: "results.json",
		For: "Gradescope: /autograder/results/results.json",
		Hidden: "Gradescope hides them itself: a hidden check has the visibility hidden, an after-due one after_due_date. " +
			"While a student must not see an after-due check, Gradescope does not show the total either.",
		Points:  "As they are. The score of the whole is written as well, and is what counts; hidden checks are part of it.",
		Unbuilt: "The compiler's first errors stand above the checks.",
		Fault: "Nothing is written, and Gradescope says that the autograder failed. Without points nothing is lost: run it " +
			"again.",
		Checked: "the fields and words of Gradescope's autograder specification, and no others",
		one:     gradescope,
	}
}

// The fields of Gradescope's specification that we use.
type (
	gradescopeResults struct {
		Score            float64          `json:"score"`
		ExecutionTime    float64          `json:"execution_time"`
		Output           string           `json:"output"`
		OutputFormat     string           `json:"output_format"`
		TestOutputFormat string           `json:"test_output_format"`
		TestNameFormat   string           `json:"test_name_format"`
		Visibility       string           `json:"visibility"`
		StdoutVisibility string           `json:"stdout_visibility"`
		Tests            []gradescopeTest `json:"tests"`
	}
	gradescopeTest struct {
		Name         string  `json:"name"`
		NameFormat   string  `json:"name_format"`
		Score        float64 `json:"score"`
		MaxScore     float64 `json:"max_score"`
		Status       string  `json:"status"`
		Output       string  `json:"output"`
		OutputFormat string  `json:"output_format"`
		Visibility   string  `json:"visibility"`
	}
)

// gradescope writes every check: Gradescope itself hides from students what they must not see, and shows it to staff.
// What a check that students see says of one that is hidden is left out all the same.
func gradescope(g *grade.Grade, _ Env) ([]byte, error) {
	if g.Fault != "" {
		return nil, &NotGradedError{g.Fault}
	}
	return fit(func(lim limits) ([]byte, error) {
		r := gradescopeResults{Score: g.Points, ExecutionTime: g.Seconds, OutputFormat: "text", TestOutputFormat: "text",
			TestNameFormat: "text", Visibility: "visible", StdoutVisibility: "hidden", Tests: []gradescopeTest{}}
		r.Output = strings.Join(unbuilt(g, lim), "\n")
		shown := make(map[string]grade.Check) // as they are when students come to see them
		for _, c := range append(g.View(true).Checks, g.View(false).Checks...) {
			shown[c.ID] = c
		}
		for _, c := range g.Checks {
			if seen, ok := shown[c.ID]; ok {
				c = seen
			}
			p := partOf(&c, lim)
			r.Tests = append(r.Tests, gradescopeTest{Name: p.name, NameFormat: "text", Score: p.points, MaxScore: p.max,
				Status: passOrFail(p.status), Output: strings.Join(append([]string{string(p.status)}, p.told...), "\n"),
				OutputFormat: "text", Visibility: gradescopeVisibility(c.Visibility)})
		}
		return encode(r)
	})
}

func passOrFail(s grade.Status) string {
	if s == grade.Passed {
		return "passed"
	}
	return "failed"
}

func gradescopeVisibility(v grade.Visibility) string {
	switch v {
	case grade.Hidden:
		return "hidden"
	case grade.AfterDue:
		return "after_due_date"
	}
	return "visible"
}
