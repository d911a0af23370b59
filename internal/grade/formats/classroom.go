// SPDX-License-Identifier: MIT

package formats

import (
	"cmp"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/kmodlab/kmodlab/internal/grade"
)

func classroomTarget() Target {
	return Target{
		Name: "classroom50", File: "result.json",
		For:   "Classroom 50: result.json in the student's checkout, written by autograder.py or what it starts",
		Needs: []string{"CLASSROOM", "ASSIGNMENT", "SUBMISSION_TAG", "COMMIT_URL", "RELEASE_URL"},
		Uses:  []string{"REVIEW_URL"},
		Hidden: "They are one test, “hidden checks”, with the sum of their points: the student can read the file in the " +
			"release. After the due date, an after-due check is a test of its own.",
		Points: "In hundredths: Classroom 50 takes whole numbers only, so 7.5 of 10 points are 750 of 1000. It is the same " +
			"for all labs and students, so that grades can be compared.",
		Unbuilt: "There is no field for them: the compiler's first errors are the output of the first test.",
		Fault:   "Nothing is written. Exit with a status other than 0, and the runner notes an error of the infrastructure.",
		Checked: "the schema result-v1 and validate_result of Classroom 50's runner, once it has added owner and " +
			"assignment_type",
		one: classroom,
	}
}

// The fields of classroom50/result/v1 that an autograder writes. The runner adds owner and assignment_type, and writes
// the time of the submission over ours.
type (
	classroomResult struct {
		Schema     string          `json:"schema"`
		Classroom  string          `json:"classroom"`
		Assignment string          `json:"assignment"`
		Submission string          `json:"submission"`
		Commit     string          `json:"commit"`
		Release    string          `json:"release"`
		Review     string          `json:"review"`
		Datetime   string          `json:"datetime"`
		Score      int64           `json:"score"`
		MaxScore   int64           `json:"max-score"`
		Tests      []classroomTest `json:"tests"`
	}
	classroomTest struct {
		Name     string `json:"test-name"`
		Passed   bool   `json:"passed"`
		Score    int64  `json:"score"`
		MaxScore int64  `json:"max-score"`
		Output   string `json:"output,omitempty"`
	}
)

// hundredths are points as a whole number. Points have two decimals, so nothing is lost.
func hundredths(points float64) int64 { return int64(math.Round(points * 100)) }

func classroom(g *grade.Grade, env Env) ([]byte, error) {
	if g.Fault != "" {
		return nil, &NotGradedError{g.Fault}
	}
	if tag := env.Vars["SUBMISSION_TAG"]; !strings.HasPrefix(tag, "submit/") {
		return nil, fmt.Errorf("SUBMISSION_TAG is %.80q, want submit/…: run this where Classroom 50 sets it", tag)
	}
	graded, err := time.Parse(time.RFC3339, g.Graded)
	if err != nil {
		return nil, fmt.Errorf("the grade has no time, and result.json needs one: %w", err)
	}
	return fit(func(lim limits) ([]byte, error) {
		r := classroomResult{Schema: "classroom50/result/v1", Classroom: env.Vars["CLASSROOM"],
			Assignment: env.Vars["ASSIGNMENT"], Submission: env.Vars["SUBMISSION_TAG"], Commit: env.Vars["COMMIT_URL"],
			Release: env.Vars["RELEASE_URL"], Review: cmp.Or(env.Vars["REVIEW_URL"], env.Vars["COMMIT_URL"]),
			Datetime: graded.UTC().Format("2006-01-02T15:04:05Z"),
			Score:    hundredths(g.Points), MaxScore: hundredths(g.Max), Tests: []classroomTest{}}
		build := unbuilt(g, lim)
		for i, p := range parts(g, env.Due, lim) {
			if i == 0 {
				p.told = append(build, p.told...)
			}
			r.Tests = append(r.Tests, classroomTest{Name: unmarked(p.name), Passed: p.status == grade.Passed,
				Score: hundredths(p.points), MaxScore: hundredths(p.max), Output: strings.Join(p.told, "\n")})
		}
		return encode(r)
	})
}

// unmarked is a name that Markdown and HTML have no say in: the runner writes names into a table of Markdown.
func unmarked(name string) string {
	return strings.NewReplacer("<", "‹", ">", "›", "`", "'", "[", "(", "]", ")", "*", "∗", "|", "¦").Replace(name)
}
