// SPDX-License-Identifier: MIT

package book

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmodlab/kmodlab/internal/grade"
)

// handedIn makes a class of students, each written as name:submission:shape; a shape of "fault" could not be graded.
func handedIn(t *testing.T, list ...string) *grade.Book {
	t.Helper()
	var grades []grade.Grade
	for _, text := range list {
		part := strings.Split(text, ":")
		g := grade.Grade{Lab: "l", Student: part[0], Submission: part[1], Shape: part[2],
			Checks: []grade.Check{{ID: "a", Status: grade.Failed, Max: 1, Visibility: grade.Visible}}}
		if len(part) > 3 {
			g.Fault = part[3]
		}
		g.Sum()
		grades = append(grades, g)
	}
	b, err := grade.NewBook(grades)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func told(b *grade.Book, groups []group) string {
	var list []string
	for _, g := range groups {
		var names []string
		for _, i := range g.members {
			names = append(names, b.Grades[i].Student)
		}
		list = append(list, strings.Join(names, "+"))
	}
	return strings.Join(list, " ")
}

func TestSimilar(t *testing.T) {
	usual := []string{"u1:1:s", "u2:2:s", "u3:3:s", "u4:4:s", "u5:5:s"}
	for name, tt := range map[string]struct {
		class          []string
		known          string
		files, stories string
	}{
		"nothing":            {append(usual, "a:6:x", "b:7:y"), "", "", ""},
		"two":                {append(usual, "a:6:x", "b:7:x"), "", "", "a+b"},
		"three":              {append(usual, "a:6:x", "b:7:x", "c:8:x"), "", "", "a+b+c"},
		"four are many":      {append(usual, "a:6:x", "b:7:x", "c:8:x", "d:9:x"), "", "", ""},
		"a story of the lab": {append(usual, "a:6:x", "b:7:x"), "x", "", ""},
		"same files":         {append(usual, "a:6:x", "b:6:x"), "", "a+b", ""},
		"files of the lab":   {append(usual, "a:6:x", "b:6:x"), "6", "", ""},
		"same and similar":   {append(usual, "a:6:x", "b:6:x", "c:7:x"), "", "a+b", "a+b+c"},
		"handed in twice":    {append(usual, "a:6:x", "a:7:x"), "", "", ""},
		"not graded":         {append(usual, "a:6:x", "b:7:x:no disk"), "", "", ""},
		"no story":           {append(usual, "a:6:", "b:7:"), "", "", ""},
		"no hash":            {append(usual, "a::x", "b::x"), "", "", "a+b"},
		"a class of two":     {[]string{"a:6:x", "b:7:x"}, "", "", ""},
		"most of a class":    {[]string{"a:6:x", "b:7:x", "c:8:y"}, "", "", ""},
	} {
		b, known := handedIn(t, tt.class...), []string{tt.known}
		if diff := cmp.Diff(tt.files, told(b, sameFiles(b, known))); diff != "" {
			t.Errorf("%s: files\n%s", name, diff)
		}
		if diff := cmp.Diff(tt.stories, told(b, sameStories(b, known))); diff != "" {
			t.Errorf("%s: stories\n%s", name, diff)
		}
	}
}

// TestFew: in a large class, 5 of 100 are few.
func TestFew(t *testing.T) {
	var list []string
	for i := range 200 {
		shape := "s"
		if i < 10 {
			shape = "ten"
		} else if i < 21 {
			shape = "eleven"
		}
		list = append(list, fmt.Sprintf("n%03d:%d:%s", i, i, shape))
	}
	b := handedIn(t, list...)
	if got := told(b, sameStories(b, nil)); strings.Count(got, "+") != 9 || !strings.HasPrefix(got, "n000+") {
		t.Error(got)
	}
	page := string(classFile(t, b, Options{}))
	for _, want := range []string{"A hint, and no more", "were not given", "look at both"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if page := string(classFile(t, b, Options{Known: []string{"ten"}})); strings.Contains(page, "unusual") {
		t.Error("a story of the lab is called unusual")
	}
}
