// SPDX-License-Identifier: MIT

package book

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/kmodlab/kmodlab/internal/grade"
	"github.com/kmodlab/kmodlab/internal/report/svg"
	"github.com/kmodlab/kmodlab/internal/testlab/browser"
	"github.com/kmodlab/kmodlab/result"
)

func TestMain(m *testing.M) { browser.Main(m) }

const (
	wide, tall     = 1440, 900
	phoneW, phoneH = 390, 844
)

func dark() browser.Step {
	return browser.Call(emulation.SetEmulatedMedia,
		emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}})
}

func classFile(t testing.TB, b *grade.Book, o Options) []byte {
	t.Helper()
	var file bytes.Buffer
	if err := Write(&file, b, o); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

func studentFile(t testing.TB, g *grade.Grade, o Options) []byte {
	t.Helper()
	var file bytes.Buffer
	if err := WritePage(&file, g, o); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

// stories are two pictures of real runs.
func stories(t testing.TB) []Story {
	t.Helper()
	var list []Story
	for i, name := range []string{"no_should_stop", "demo"} {
		text, err := os.ReadFile(filepath.Join("..", "..", "report", "testdata", "real", name+".json"))
		if err != nil {
			t.Fatal(err)
		}
		r, b := &result.Result{}, &bytes.Buffer{}
		if err := json.Unmarshal(text, r); err != nil {
			t.Fatal(err)
		}
		if err := svg.SVG(b, r); err != nil {
			t.Fatal(err)
		}
		list = append(list, Story{Title: []string{"Yours", "The one that should be"}[i], SVG: b.String(),
			Caption: []string{"The thread never asks whether it should stop.", "It stops once."}[i]})
	}
	return list
}

// cases are the pages that are looked at.
func cases(t testing.TB) map[string][]byte {
	usual := randomClass(t, 1, 300)
	o := Options{Known: []string{"501"}, Page: func(g *grade.Grade) string { return g.Submission + ".html" }}
	one := randomClass(t, 5, 1)
	middling := &usual.Grades[2]
	for i := range usual.Grades {
		if g := &usual.Grades[i]; g.Points > 8 && g.Points < 14 && len(g.Build) == 0 {
			middling = g
		}
	}
	unbuilt, fault := *middling, *middling
	unbuilt.Checks, fault.Checks = slices.Clone(middling.Checks), slices.Clone(middling.Checks)
	unbuilt.Build = []string{"stop.c:42:17: error: ‘thread’ undeclared (first use in this function)",
		"   42 |         kthread_stop(thread);", "      |                      ^~~~~~"}
	failAll(&unbuilt)
	unbuilt.Sum()
	faultAll(&fault)
	fault.Sum()
	return map[string][]byte{
		"class":          classFile(t, usual, o),
		"empty":          classFile(t, &grade.Book{}, o),
		"one":            classFile(t, one, o),
		"all-failed":     classFile(t, with(t, randomClass(t, 2, 30), failAll), o),
		"ungraded":       classFile(t, with(t, randomClass(t, 3, 12), faultAll), o),
		"student":        studentFile(t, middling, Options{Stories: stories(t)}),
		"student-plain":  studentFile(t, middling, Options{Due: true}),
		"student-build":  studentFile(t, &unbuilt, Options{}),
		"student-failed": studentFile(t, &fault, Options{}),
	}
}

// TestPages opens each page in light and dark, wide and on a phone. Nothing is beyond the edge, nothing is written to
// the console, nothing is requested. With KMODLAB_PICTURES, a folder, files and pictures are put there to be looked at.
func TestPages(t *testing.T) {
	folder := os.Getenv("KMODLAB_PICTURES")
	for name, file := range cases(t) {
		if folder != "" {
			if err := os.WriteFile(filepath.Join(folder, name+".html"), file, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		for look, width := range map[string]int64{"light": wide, "dark": wide, "narrow": phoneW} {
			t.Run(name+"/"+look, func(t *testing.T) {
				var before []browser.Step
				if look == "dark" {
					before = append(before, dark())
				}
				tb := browser.Open(t, file, width, tall, before...)
				browser.Want(tb, "document.documentElement.scrollWidth", int(width))
				browser.Want(tb, "[...document.images].every((i) => i.complete && i.naturalWidth > 0)", true)
				if folder == "" {
					return
				}
				save := func(name string, picture []byte) {
					if err := os.WriteFile(filepath.Join(folder, name+".png"), picture, 0o644); err != nil {
						t.Fatal(err)
					}
				}
				save(name+"-"+look, tb.Screenshot(false))
				if name == "class" {
					tb.Do(chromedp.Click(chromedp.CSS("thead th:nth-child(7) button")))
					browser.Eval[bool](tb, `(() => {
						const all = [...document.querySelectorAll("details")];
						all.slice(30).forEach((d) => d.remove());
						all.slice(26, 30).forEach((d) => { d.open = true; });
						document.querySelector(".table").style.setProperty("max-height", "340px");
						return true;
					})()`)
				}
				save(name+"-"+look+"-full", tb.Screenshot(true))
				for _, part := range []string{"grades", "crashes", "s-27"} {
					if name == "class" {
						browser.Eval[bool](tb, `(document.getElementById("`+part+`").scrollIntoView(), true)`)
						save(name+"-"+look+"-"+part, tb.Screenshot(false))
					}
				}
			})
		}
	}
}
