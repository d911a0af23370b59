// SPDX-License-Identifier: MIT

package sheet

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmodlab/kmodlab/internal/grade"
)

// points makes a class, each student with points of 10. A student with -1 could not be graded.
func points(t testing.TB, of map[string]float64) *grade.Book {
	t.Helper()
	var list []grade.Grade
	for student, p := range of {
		g := grade.Grade{Lab: "stop", Student: student, Checks: []grade.Check{
			{ID: "a", Status: grade.Partial, Points: max(p, 0), Max: 10, Visibility: grade.Visible},
		}}
		if p < 0 {
			g.Fault = "QEMU was killed"
		}
		g.Sum()
		list = append(list, g)
	}
	b, err := grade.NewBook(list)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const moodleSheet = "\ufeffIdentifier,\"Full name\",\"Email address\",\"ID number\",Status,Grade,\"Maximum Grade\"," +
	"\"Grade can be changed\",\"Last modified (grade)\",\"Feedback comments\"\r\n" +
	"\"Participant 101\",\"Ada Lovelace\",ada@example.org,s1,\"Submitted for grading - \",,100.00,Yes,-,\r\n" +
	"\"Participant 102\",\"Grace \"\"Amazing\"\" Hopper\",grace@example.org,s2,\"x\ny\",\"\",100.00,Yes,-,\"two\r\nlines\"\r\n" +
	"\"Participant 103\",Linus,linus@example.org,s3,,50.00,100.00,Yes,\"Monday, 1 December\",=1+1\r\n" +
	"\"Participant 104\",\"Alan Turing\",alan@example.org,101,,75.00,100.00,Yes,-, \r\n" +
	"\"Participant 105\",\"Same Name\",a@example.org,s5,,,100.00,Yes,-,\r\n" +
	"\"Participant 106\",\"Same Name\",b@example.org,s6,,,100.00,No,-,\r\n" +
	"\"Participant 107\",Absent,c@example.org,s7,,,100.00,Yes,-,\r\n" +
	"\"Participant 108\",Fault,d@example.org,s8,,,100.00,Yes,-,"

// filledFrom says in one line each what a report has.
func summary(r *Report) string {
	var b strings.Builder
	for _, list := range []struct {
		name    string
		entries []Entry
	}{{"filled", r.Filled}, {"same", r.Same}, {"kept", r.Kept}, {"unmatched", r.Unmatched}, {"absent", r.Absent}} {
		for _, e := range list.entries {
			fmt.Fprintf(&b, "%s %s %d: %q %q %s\n", list.name, e.Student, e.Line, e.Old, e.New, e.Why)
		}
	}
	return b.String()
}

func TestMoodle(t *testing.T) {
	class := points(t, map[string]float64{
		"Ada Lovelace_101_assignsubmission_file_": 7.5, "GRACE@example.org": 3.333, "103": 4, "Participant 104": 7.5,
		"same name": 1, "b@example.org": 2, "101": 3, "nobody": 5, "Fault": -1,
	})
	out, r, err := Fill([]byte(moodleSheet), class, Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := strings.NewReplacer("grading - \",,", "grading - \",75,", "x\ny\",\"\",", "x\ny\",\"33.3\",").
		Replace(moodleSheet)
	if diff := cmp.Diff(want, string(out)); diff != "" {
		t.Error(diff)
	}
	const report = `filled Ada Lovelace_101_assignsubmission_file_ 2: "" "75" 
filled GRACE@example.org 3: "" "33.3" 
same Participant 104 7: "75.00" "75" 
kept 103 6: "50.00" "40" another grade is there
kept Fault 11: "" "" it could not be graded: QEMU was killed
kept b@example.org 9: "" "20" Moodle has locked this grade
unmatched 101 0: "" "" several rows have this name or number: lines 2, 7
unmatched nobody 0: "" "" no row has this name or number: say in the roster what the sheet calls this student
unmatched same name 0: "" "" several rows have this name or number: lines 8, 9
absent Same Name 8: "" "" 
absent Absent 10: "" "" 
`
	if diff := cmp.Diff(report, summary(r)); diff != "" {
		t.Error(diff)
	}
	acceptMoodle(t, out)
	roster := map[string]string{"nobody": "s7", "same name": "Participant 105", "101": "participant 101"}
	out, r, err = Fill([]byte(moodleSheet), class, Options{Roster: roster, Replace: true})
	if err != nil || !strings.Contains(string(out), ",40,") || len(r.Filled) != 4 {
		t.Errorf("%v\n%s", err, summary(r))
	}
	if n := len(r.Unmatched); n != 2 || !strings.Contains(r.Unmatched[0].Why, "2 submissions are of the same student") {
		t.Errorf("two submissions of Ada:\n%s", summary(r))
	}
}

// acceptMoodle looks for what assignfeedback_offline's importer looks for: three columns, and grades in their range.
func acceptMoodle(t *testing.T, out []byte) {
	t.Helper()
	rd := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(out, []byte(bom))))
	rows, err := rd.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"Identifier", "Grade", "Last modified (grade)"} {
		if columnOf(rows[0], name) < 0 {
			t.Errorf("column %s is gone", name)
		}
	}
	for _, row := range rows[1:] {
		if cell := row[columnOf(rows[0], "Grade")]; cell != "" {
			if x, ok := number(cell); !ok || x > 100 || !strings.HasPrefix(row[0], "Participant ") {
				t.Errorf("row %q", row)
			}
		}
	}
}

// TestMoodleLanguage: the headings are those of another language, and the decimal point is a comma.
func TestMoodleLanguage(t *testing.T) {
	const german = "ID;\"Vollständiger Name\";Bewertung;Bestwertung\nTeilnehmer/in17;Ada;;\"20,00\"\nTeilnehmer/in18;Bob;;20,00\n"
	class := points(t, map[string]float64{"17": 7.25})
	_, _, err := Fill([]byte(german), class, Options{})
	var column *ColumnError
	if !errors.As(err, &column) || column.Name != "Identifier" || !strings.Contains(err.Error(), "Bewertung") {
		t.Errorf("without the names of the columns: %v", err)
	}
	opt := Options{Identifier: "id", Column: "Bewertung", Max: "Bestwertung"}
	out, r, err := Fill([]byte(german), class, opt)
	if err != nil || string(out) != strings.Replace(german, "Ada;;", "Ada;14,5;", 1) {
		t.Errorf("%v\n%s%s", err, out, summary(r))
	}
	commas := strings.NewReplacer(`"20,00"`, `"20,00"`, "20,00", `"20,00"`, ";", ",").Replace(german)
	commas = strings.ReplaceAll(commas, `""`, `"`)
	out, _, err = Fill([]byte(commas), class, opt)
	if err != nil || !strings.Contains(string(out), `Ada,"14,5",`) {
		t.Errorf("%v\n%s", err, out)
	}
	opt.Max = "Maximum"
	if _, _, err = Fill([]byte(german), class, opt); !errors.As(err, &column) {
		t.Errorf("a maximum that is not there: %v", err)
	}
}

const canvasSheet = "Student,ID,SIS User ID,SIS Login ID,Section,Lab 1 (4711),\"Lab 2, part (a) (4712)\",Lab 3 (4713),Final Score\n" +
	"    Points Possible,,,,,20,5,(read only),(read only)\n" +
	",,,,,Manual Posting,,,\n" +
	"\"Lovelace, Ada\",1001,S-1,ada,OS-1,,4,,80\n" +
	"\"Hopper, Grace\",1002,S-2,grace,OS-1,EX,,,\n" +
	"\"Torvalds, Linus\",1003,S-3,linus,OS-1,12.50,1,,\n" +
	"\"Turing, Alan\",1004,S-4,alan,OS-1,-,,,\n" +
	"\"Ritchie, Dennis\",1005,S-5,1004,OS-1,N/A,,,\n" +
	"\"Student, Test\",1006,,abc,OS-1,,,,"

func TestCanvas(t *testing.T) {
	class := points(t, map[string]float64{
		"lovelaceada_LATE_1001_90001_stop.c": 7.5, "1002": 5, "s-3": 4, "alan": 10, "1005": 1, "1004": 3,
		"x_1006_9_stop.c": 10,
	})
	out, r, err := Fill([]byte(canvasSheet), class, Options{Column: "Lab 1 (4711)"})
	if err != nil {
		t.Fatal(err)
	}
	want := strings.NewReplacer("ada,OS-1,,", "ada,OS-1,15,", "alan,OS-1,-,", "alan,OS-1,20,").Replace(canvasSheet)
	if diff := cmp.Diff(want, string(out)); diff != "" {
		t.Error(diff)
	}
	const report = `filled alan 7: "-" "20" 
filled lovelaceada_LATE_1001_90001_stop.c 4: "" "15" 
kept 1002 5: "EX" "10" the student is excused
kept 1005 8: "N/A" "2" the assignment is not for this student
kept s-3 6: "12.50" "8" another grade is there
unmatched 1004 0: "" "" several rows have this name or number: lines 7, 8
unmatched x_1006_9_stop.c 0: "" "" no row has this name or number: say in the roster what the sheet calls this student
absent Student, Test 9: "" "" 
`
	if diff := cmp.Diff(report, summary(r)); diff != "" {
		t.Error(diff)
	}
	acceptCanvas(t, out)
	out, r, err = Fill([]byte(canvasSheet), class, Options{Column: "4711", Replace: true})
	if err != nil || !strings.Contains(string(out), "linus,OS-1,8,1") || !strings.Contains(string(out), ",EX,") {
		t.Errorf("%v\n%s%s", err, out, summary(r))
	}
	for want, column := range map[string]string{
		"say which column": "", "would make a new one": "Lab 9", "Lab 1 (4711)": "Lab 1", "read only": "Lab 3 (4713)",
		"no such assignment": "Final Score", "no such": "Section",
	} {
		_, _, err := Fill([]byte(canvasSheet), class, Options{Column: column})
		var ce *ColumnError
		if !errors.As(err, &ce) || !strings.Contains(err.Error(), want) {
			t.Errorf("column %q: %v, want %q", column, err, want)
		}
	}
}

// acceptCanvas checks what Canvas' importer demands of a header, and that no title is one that it does not know.
func acceptCanvas(t *testing.T, out []byte) {
	t.Helper()
	rows, err := csv.NewReader(bytes.NewReader(out)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	row, students := rows[0], 3
	if len(row) <= 3 || !strings.Contains(row[0], "Student") || !strings.Contains(row[1], "ID") {
		t.Fatalf("header %q", row)
	}
	if row[2] == "SIS User ID" && row[3] == "SIS Login ID" {
		students += 2
	}
	if !strings.Contains(row[students-1], "Section") {
		t.Errorf("the last column about a student is %q", row[students-1])
	}
	var titles []string
	for _, title := range row[students:] {
		if canvasTitle.MatchString(title) {
			titles = append(titles, title)
		}
	}
	if diff := cmp.Diff([]string{"Lab 1 (4711)", "Lab 2, part (a) (4712)", "Lab 3 (4713)"}, titles); diff != "" {
		t.Error(diff)
	}
}

// TestCanvasNames: a sheet with the names in two columns, semicolons, and no maxima.
func TestCanvasNames(t *testing.T) {
	const text = "LastName;FirstName;ID;Section;Lab (7)\r\nLovelace;Ada;1;OS;\r\nHopper;Grace;2;OS;3,5\r\n"
	class := points(t, map[string]float64{"adalovelace_1_2_x": 2.5, "2": 3.5})
	out, r, err := Fill([]byte(text), class, Options{Column: "7"})
	if err != nil || string(out) != strings.Replace(text, "Ada;1;OS;", "Ada;1;OS;2,5", 1) || r.Unscaled != 2 {
		t.Errorf("%v\n%s%s", err, out, summary(r))
	}
	if len(r.Same) != 1 {
		t.Errorf("3,5 is not 3.5:\n%s", summary(r))
	}
	const team = "Student,ID,Team (5),Section,Lab (7)\nAda,1,,OS,\n" // no assignment stands before the section
	if _, _, err := Fill([]byte(team), class, Options{Column: "5"}); err == nil {
		t.Error("a column about students was filled")
	}
}

func TestBadSheets(t *testing.T) {
	for text, want := range map[string]string{
		"": "empty", "\ufeff": "empty", "I\x00d\x00": "no CSV in UTF-8",
		"Identifier,Grade\n\"Participant 1,\n": "line 2: a quote has no end",
		"Identifier,Grade\na,b\n\"x\"y,1\n":    "line 3: something follows a quote",
		"Identifier,Grade,Grade\n":             "there are several",
		"Identifier,Scale,Grade\n":             "scale of words",
		"Name,Grade\n":                         "“Identifier”: there is none",
		"Student,ID,x,y\n":                     "no column Section",
		"\x1b[2J,Grade\n":                      `\x1b[2J`,
		strings.Repeat(",", maxCells+1):        "cells",
	} {
		if _, _, err := Fill([]byte(text), points(t, nil), Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: %.300v, want %q", text, err, want)
		} else if strings.ContainsAny(err.Error(), "\x1b\n") {
			t.Errorf("%.40q: the error is not harmless: %q", text, err)
		}
	}
}

func TestReport(t *testing.T) {
	class := points(t, map[string]float64{"Ada Lovelace": 7.5, "103": 4, "no\x1b[2Jbody": 5, "Fault": -1})
	_, r, err := Fill([]byte(moodleSheet), class, Options{})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := r.Write(&b); err != nil {
		t.Fatal(err)
	}
	got, _, _ := strings.Cut(b.String(), "no submission:")
	const want = `Moodle sheet, column “Grade”: 1 filled, 0 as before, 2 not filled, 1 not placed
not filled: 103 (line 6): another grade is there: “50.00” stays, the grade is 40
not filled: Fault (line 11): it could not be graded: QEMU was killed
not placed: no\x1b[2Jbody: no row has this name or number: say in the roster what the sheet calls this student
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
