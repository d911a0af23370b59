// SPDX-License-Identifier: MIT

package formats

import (
	"strings"

	"github.com/kmodlab/kmodlab/internal/grade"
)

func prairieTarget() Target {
	return Target{
		Name: "prairielearn", File: "results.json",
		For: "PrairieLearn, external grading: /grade/results/results.json",
		Hidden: "They are one test, “hidden checks”, with the sum of their points: PrairieLearn shows all tests, and adds " +
			"them up. After the due date, an after-due check is a test of its own.",
		Points: "The score is the share, from 0 to 1, with four decimals; each test has its points.",
		Unbuilt: "The submission is not gradable, format_errors says that it does not build, and output has the compiler's " +
			"first errors. The student loses no attempt.",
		Fault: "The submission is not gradable, and format_errors says that the machine is at fault. The student loses no " +
			"attempt.",
		Checked: "PrairieLearn's ExternalGradingResultsSchema, the range of score, and its bound of 1 MB",
		one:     prairielearn,
	}
}

// The fields of results.json that PrairieLearn reads or shows.
type (
	prairieResults struct {
		Gradable     bool          `json:"gradable"`
		Score        float64       `json:"score"`
		FormatErrors []string      `json:"format_errors,omitempty"`
		Output       string        `json:"output,omitempty"`
		Tests        []prairieTest `json:"tests"`
	}
	prairieTest struct {
		Name      string  `json:"name"`
		Points    float64 `json:"points"`
		MaxPoints float64 `json:"max_points"`
		Message   string  `json:"message,omitempty"`
	}
)

func prairielearn(g *grade.Grade, env Env) ([]byte, error) {
	return fit(func(lim limits) ([]byte, error) {
		switch {
		case g.Fault != "":
			return encode(prairieResults{FormatErrors: []string{grade.NotGraded}, Tests: []prairieTest{}})
		case len(g.Build) > 0:
			return encode(prairieResults{FormatErrors: []string{"The sources do not build."},
				Output: strings.Join(unbuilt(g, lim)[1:], "\n"), Tests: []prairieTest{}})
		}
		r := prairieResults{Gradable: true, Tests: []prairieTest{}}
		if g.Max > 0 {
			r.Score = fraction(g.Points, g.Max)
		}
		for _, p := range parts(g, env.Due, lim) {
			text := append([]string{string(p.status)}, p.told...)
			r.Tests = append(r.Tests, prairieTest{Name: p.name, Points: p.points, MaxPoints: p.max,
				Message: strings.Join(text, "\n")})
		}
		return encode(r)
	})
}
