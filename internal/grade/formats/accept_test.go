// SPDX-License-Identifier: MIT

package formats

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// What each grader accepts, written from its specification or its own code.

// strict decodes one JSON value, and lets no field pass that into does not have.
func strict(data []byte, into any) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the JSON value")
	}
	return nil
}

// gradescopeSpec has all fields of Gradescope's autograder specification.
type gradescopeSpec struct {
	Score            *float64                  `json:"score"`
	ExecutionTime    float64                   `json:"execution_time"`
	Output           string                    `json:"output"`
	OutputFormat     string                    `json:"output_format"`
	TestOutputFormat string                    `json:"test_output_format"`
	TestNameFormat   string                    `json:"test_name_format"`
	Visibility       string                    `json:"visibility"`
	StdoutVisibility string                    `json:"stdout_visibility"`
	ExtraData        map[string]any            `json:"extra_data"`
	Leaderboard      []map[string]any          `json:"leaderboard"`
	Tests            []gradescopeTestInTheSpec `json:"tests"`
}

type gradescopeTestInTheSpec struct {
	Score        *float64       `json:"score"`
	MaxScore     *float64       `json:"max_score"`
	Status       string         `json:"status"`
	Name         string         `json:"name"`
	NameFormat   string         `json:"name_format"`
	Number       string         `json:"number"`
	Output       string         `json:"output"`
	OutputFormat string         `json:"output_format"`
	Tags         []string       `json:"tags"`
	Visibility   string         `json:"visibility"`
	ExtraData    map[string]any `json:"extra_data"`
}

var (
	visibilities = []string{"", "visible", "hidden", "after_due_date", "after_published"}
	textFormats  = []string{"", "text", "html", "simple_format", "md", "ansi"}
)

func acceptGradescope(data []byte) (*gradescopeSpec, error) {
	r := &gradescopeSpec{}
	if err := strict(data, r); err != nil {
		return nil, err
	}
	word := func(s string, of []string) error {
		if slices.Contains(of, s) {
			return nil
		}
		return fmt.Errorf("%q is none of %q", s, of)
	}
	err := errors.Join(word(r.Visibility, visibilities), word(r.StdoutVisibility, visibilities),
		word(r.OutputFormat, textFormats), word(r.TestOutputFormat, textFormats), word(r.TestNameFormat, textFormats))
	for _, t := range r.Tests {
		if r.Score == nil && t.Score == nil {
			err = errors.Join(err, errors.New("a score is missing"))
		}
		err = errors.Join(err, word(t.Visibility, visibilities), word(t.Status, []string{"", "passed", "failed"}),
			word(t.NameFormat, textFormats), word(t.OutputFormat, textFormats))
	}
	if r.Score == nil && r.Tests == nil {
		err = errors.Join(err, errors.New("neither score nor tests"))
	}
	return r, err
}

// classroomSpec has the fields of schemas/result-v1.schema.json, which allows no others at the top.
type classroomSpec struct {
	Schema, Classroom, Assignment, Owner, Submission, Commit, Release, Review, Datetime string

	AssignmentType string           `json:"assignment_type"`
	GradedAt       string           `json:"graded_at"`
	SubmittedBy    map[string]any   `json:"submitted_by"`
	Score          json.Number      `json:"score"`
	MaxScore       json.Number      `json:"max-score"`
	Tests          []map[string]any `json:"tests"`
}

var (
	datetime = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}T([01]\d|2[0-3]):[0-5]\d:[0-5]\dZ$`)
	whole    = regexp.MustCompile(`^(0|[1-9]\d*)$`)
)

// acceptClassroom does as the runner does: it adds owner and assignment_type, and then checks what validate_result
// checks.
func acceptClassroom(data []byte, env map[string]string) (*classroomSpec, error) {
	r := &classroomSpec{}
	if err := strict(data, r); err != nil {
		return nil, err
	}
	if r.Owner != "" || r.AssignmentType != "" {
		return nil, errors.New("owner and assignment_type are the runner's to add")
	}
	if r.Schema != "classroom50/result/v1" || r.Classroom != env["CLASSROOM"] || r.Assignment != env["ASSIGNMENT"] {
		return nil, fmt.Errorf("schema %q, classroom %q, assignment %q", r.Schema, r.Classroom, r.Assignment)
	}
	if !strings.HasPrefix(r.Submission, "submit/") || r.Commit == "" || r.Release == "" || r.Review == "" ||
		!datetime.MatchString(r.Datetime) {
		return nil, fmt.Errorf("submission %q, commit %q, release %q, review %q, datetime %q", r.Submission, r.Commit,
			r.Release, r.Review, r.Datetime)
	}
	if r.Tests == nil {
		return nil, errors.New("tests is no list")
	}
	if err := wholeScores(string(r.Score), string(r.MaxScore)); err != nil {
		return nil, err
	}
	for _, t := range r.Tests {
		name, _ := t["test-name"].(string)
		_, isBool := t["passed"].(bool)
		if err := wholeScores(fmt.Sprint(t["score"]), fmt.Sprint(t["max-score"])); err != nil || name == "" || !isBool {
			return nil, fmt.Errorf("test %v: %w", t, err)
		}
	}
	return r, nil
}

func wholeScores(score, limit string) error {
	if !whole.MatchString(score) || !whole.MatchString(limit) || len(score) > len(limit) ||
		len(score) == len(limit) && score > limit {
		return fmt.Errorf("score %q of %q", score, limit)
	}
	return nil
}

// prairieSpec has what PrairieLearn reads (ExternalGradingResultsSchema) and what its element shows. Other fields are
// allowed there; we write none.
type prairieSpec struct {
	Score        *float64 `json:"score"`
	Gradable     *bool    `json:"gradable"`
	FormatErrors []string `json:"format_errors"`
	Message      string   `json:"message"`
	Output       string   `json:"output"`
	Tests        []struct {
		Name        string   `json:"name"`
		Description string   `json:"description"`
		Points      *float64 `json:"points"`
		MaxPoints   *float64 `json:"max_points"`
		Message     string   `json:"message"`
		Output      string   `json:"output"`
	} `json:"tests"`
}

func acceptPrairie(data []byte) (*prairieSpec, error) {
	r := &prairieSpec{}
	if err := strict(data, r); err != nil {
		return nil, err
	}
	if len(data) > 1_000_000 {
		return nil, fmt.Errorf("%d bytes", len(data))
	}
	if r.Gradable != nil && !*r.Gradable {
		return r, nil
	}
	if r.Score == nil || !(*r.Score >= 0 && *r.Score <= 1) {
		return nil, errors.New("score is not from 0 to 1")
	}
	for _, t := range r.Tests {
		if t.Points == nil || t.MaxPoints == nil {
			return nil, errors.New("a test lacks its points, so PrairieLearn shows none")
		}
	}
	return r, nil
}

// vplResult is what mod_vpl takes from an output.
type vplResult struct {
	grade  string
	titles []string
	links  int
	less   float64 // by what the titles' deductions would reduce a grade
}

// acceptVPL finds the grade and the comments as proposedgrade, proposedcomment, result_to_html and filter_feedback do.
func acceptVPL(out []byte) vplResult {
	newline := "\n"
	if bytes.Contains(out, []byte("\r\n")) {
		newline = "\r\n"
	}
	var r vplResult
	var comment []string
	inside := false
	for _, l := range strings.Split(string(out), newline) {
		if after, ok := strings.CutPrefix(l, "Grade :=>>"); ok {
			r.grade = strings.TrimSpace(after)
		}
		trimmed := strings.TrimSpace(l)
		after, ok := strings.CutPrefix(l, "Comment :=>>")
		switch {
		case inside && trimmed == "--|>":
			inside = false
		case inside:
			comment = append(comment, l)
		case ok:
			comment = append(comment, after)
		case trimmed == "<|--":
			inside = true
		}
	}
	for _, l := range comment {
		clean := strings.TrimSpace(l)
		switch {
		case len(l) > 1 && l[0] == '-':
			r.titles = append(r.titles, strings.TrimSpace(l[1:]))
			var less float64
			if open := strings.LastIndex(l, "("); open > 0 && strings.HasSuffix(l, ")") {
				fmt.Sscan(l[open+1:len(l)-1], &less)
			}
			r.less += math.Min(less, 0)
		case strings.HasPrefix(clean, "http:"), strings.HasPrefix(clean, "https:"):
			r.links++
		}
	}
	return r
}

var autolabQuotes = regexp.MustCompile(`([a-zA-Z0-9]+):`)

// acceptAutolab reads the last line as saveAutograde and parseAutoresult do.
func acceptAutolab(out []byte) (map[string]float64, error) {
	all := strings.Split(strings.TrimRight(string(out), "\x00\t\n\v\f\r "), "\n")
	last := autolabQuotes.ReplaceAllString(all[len(all)-1], `"$1":`)
	var parsed struct{ Scores map[string]float64 }
	if err := strict([]byte(last), &parsed); err != nil {
		return nil, err
	}
	if len(parsed.Scores) == 0 {
		return nil, errors.New("no scores")
	}
	return parsed.Scores, nil
}

// acceptCSV reads a table, and looks in it for what a spreadsheet would run as a formula: in cells, and in those that
// come about with another separator.
func acceptCSV(t *testing.T, data []byte) [][]string {
	t.Helper()
	rows, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(bytes.ReplaceAll(data, []byte("\r\n"), nil), []byte("\n")) {
		t.Error("a line does not end in CR LF")
	}
	for _, row := range rows {
		for _, cell := range row {
			for _, part := range strings.FieldsFunc(cell, func(r rune) bool { return strings.ContainsRune(",;|\t\"", r) }) {
				if part = strings.TrimSpace(part); part != "" && strings.ContainsRune("=+-@\t\r＝＋－＠", []rune(part)[0]) {
					t.Errorf("%q has the formula %q", cell, part)
				}
			}
		}
	}
	return rows
}
