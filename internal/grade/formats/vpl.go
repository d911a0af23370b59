// SPDX-License-Identifier: MIT

package formats

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/kmodlab/kmodlab/internal/grade"
)

func vplTarget() Target {
	return Target{
		Name: "vpl",
		For:  "Moodle with the Virtual Programming Lab: the standard output of vpl_evaluate.sh",
		Uses: []string{"VPL_GRADEMAX", "VPL_GRADEMIN"},
		Hidden: "They are one line, “hidden checks: 3 of 5 points”: VPL shows all comments. After the due date, an after-due " +
			"check has lines of its own.",
		Points:  "Scaled to VPL_GRADEMAX, the maximum of the activity, where VPL sets it. The last line is the grade.",
		Unbuilt: "The compiler's first errors are the first comment. The grade is what the checks give.",
		Fault:   "A comment says that the machine is at fault, and there is no grade: VPL proposes none.",
		Checked: "the rules by which mod_vpl finds the grade, the comments and their titles",
		one:     vpl,
	}
}

// The tags of VPL. It takes them at the beginning of a line only.
const (
	vplGrade   = "Grade :=>>"
	vplComment = "Comment :=>>"
)

// vplText takes the tags out of a text. None is at the beginning of a line, but VPL's own scripts may move lines.
var vplText = strings.NewReplacer(":=>>", ": =>>", "<|--", "<| --", "--|>", "-- |>")

func vpl(g *grade.Grade, env Env) ([]byte, error) {
	return fit(func(lim limits) ([]byte, error) {
		var b bytes.Buffer
		if g.Fault != "" {
			vplSection(&b, "not graded", []string{grade.NotGraded})
			return b.Bytes(), nil
		}
		if build := unbuilt(g, lim); build != nil {
			vplSection(&b, "the sources do not build", build[1:])
		}
		for _, p := range parts(g, env.Due, lim) {
			vplSection(&b, fmt.Sprintf("%s: %s", p.name, p.state()), p.told)
		}
		points, err := vplPoints(g, env)
		fmt.Fprintf(&b, "%s%s\n", vplGrade, points)
		return b.Bytes(), err
	})
}

// vplSection writes a comment with a title. VPL takes a line that begins with - for a title, with > for a program's
// output, with http: for a link, and a title's (-2) for a deduction. A bar keeps our lines from being one of them.
func vplSection(b *bytes.Buffer, title string, told []string) {
	fmt.Fprintf(b, "%s-%s\n", vplComment, vplText.Replace(title))
	for _, one := range told {
		fmt.Fprintf(b, "%s| %s\n", vplComment, vplText.Replace(one))
	}
}

// vplPoints is the grade, on the activity's scale.
func vplPoints(g *grade.Grade, env Env) (string, error) {
	top, err := number(env, "VPL_GRADEMAX", g.Max)
	if err != nil {
		return "", err
	}
	bottom, err := number(env, "VPL_GRADEMIN", 0)
	if err != nil {
		return "", err
	}
	scaled, _ := grade.Scaled(g.Points, g.Max, top)
	return grade.Format(max(scaled, bottom)), nil
}

// number is a variable of the environment, or what stands for it if it is not set.
func number(env Env, name string, otherwise float64) (float64, error) {
	text := strings.TrimSpace(env.Vars[name])
	if text == "" {
		return otherwise, nil
	}
	x, err := strconv.ParseFloat(text, 64)
	if err != nil || !(x >= 0 && x <= 1e6) {
		return 0, fmt.Errorf("%s is %.40q, want a number from 0", name, text)
	}
	return x, nil
}

// fraction is the share of the points, from 0 to 1 with four decimals. Only all points are 1.
func fraction(points, max float64) float64 {
	if points >= max {
		return 1
	}
	return math.Floor(points/max*1e4) / 1e4
}
