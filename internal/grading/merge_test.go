// SPDX-License-Identifier: MIT

package grading

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmodlab/kmodlab/internal/assess"
	"github.com/kmodlab/kmodlab/internal/course"
	"github.com/kmodlab/kmodlab/internal/grade"
	"github.com/kmodlab/kmodlab/result"
)

// testLab is a lab whose check is what init returned.
func testLab() *course.Lab {
	return &course.Lab{
		Name: "small", Title: "A small lab", Points: 3, Kernels: []string{"debian:bookworm"},
		Scenarios: []course.Scenario{{Name: "load"}},
		Checks: []course.Check{
			{ID: "builds", Title: "It builds.", Points: 1, Visibility: course.Visible},
			{ID: "loads", Title: "It loads.", Points: 2, Check: []string{"modules.all(m, m.init_ret == 0)"},
				Scenarios: []string{"load"}, Visibility: course.Visible},
		},
	}
}

func testGrader(t *testing.T, lab *course.Lab) *Grader {
	t.Helper()
	g, err := New(lab, Options{})
	if err != nil {
		t.Fatal(err)
	}
	g.options.Machine.Kernel = "debian:bookworm"
	return g
}

func testStore(t *testing.T) *Store {
	t.Helper()
	s, err := OpenStore(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// testRuns is a run in which a module's init returned ret.
func testRuns(ret int64) assess.Runs {
	return assess.Runs{"load": {
		Verdict: result.Verdict{Class: result.Pass},
		Modules: []result.Module{{Name: "small", InitRet: ret, Loaded: ret == 0}},
	}}
}

// put keeps a student's grade, as Class does.
func put(t *testing.T, g *Grader, s *Store, student string, ret int64, change func(*grade.Grade)) {
	t.Helper()
	end := &Outcome{Runs: testRuns(ret)}
	end.Grade = g.Assess(end.Runs)
	end.Grade.Student, end.Grade.Submission, end.Grade.Graded = student, fmt.Sprint(ret), "2026-11-30T12:00:00Z"
	k := g.key(end.Grade.Submission)
	if change != nil {
		change(end.Grade)
		end.Grade.Sum()
		k.Submission = end.Grade.Submission
	}
	if err := s.Save(end.Grade, end, k); err != nil {
		t.Fatal(err)
	}
}

// files are all files of a store, by name.
func files(t *testing.T, s *Store) map[string]string {
	t.Helper()
	all := make(map[string]string)
	err := fs.WalkDir(os.DirFS(s.dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(filepath.Join(s.dir, name))
		all[name] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestShards: each student is in one part, whoever else is there and in whatever order.
func TestShards(t *testing.T) {
	var paths []string
	for i := range 300 {
		paths = append(paths, fmt.Sprintf("in/student-%03d.tar.gz", i))
	}
	for _, n := range []int{1, 2, 6, 8, 300} {
		times := make(map[string]int)
		for i := range n {
			s := Shard{i + 1, n}
			own := s.of(paths)
			shuffled := slices.Clone(paths[:200])
			rand.Shuffle(len(shuffled), func(a, b int) { shuffled[a], shuffled[b] = shuffled[b], shuffled[a] })
			less := s.of(shuffled)
			for _, path := range own {
				times[path]++
				if slices.Index(paths, path) < 200 != slices.Contains(less, path) {
					t.Errorf("%v: %s is not in the same part of a smaller class", s, path)
				}
			}
			if n <= 8 && (len(own) < 300/n/2 || len(own) > 300/n*2) {
				t.Errorf("%v has %d of 300", s, len(own))
			}
		}
		for _, path := range paths {
			if times[path] != 1 {
				t.Errorf("of %d parts, %s is in %d", n, path, times[path])
			}
		}
	}
	if !slices.Equal((Shard{}).of(paths), paths) {
		t.Error("without parts, not all are graded")
	}
}

// TestMerge: what is put together is the same to the byte as what one process writes, and to do it twice changes
// nothing.
func TestMerge(t *testing.T) {
	lab := testLab()
	g := testGrader(t, lab)
	one, merged := testStore(t), testStore(t)
	var dirs []string
	for i := range 4 { // the last has nobody
		s := testStore(t)
		dirs = append(dirs, s.dir)
		for student := range 30 {
			name := fmt.Sprintf("student %d", student)
			if !(Shard{i + 1, 3}).has(name) {
				continue
			}
			change := func(made *grade.Grade) {
				if made.Seconds = float64(student); student%10 == 0 {
					made.Fault = "the machine is out of memory"
				}
			}
			put(t, g, s, name, int64(student%3), change)
			put(t, g, one, name, int64(student%3), change)
		}
		if err := s.WriteClass(t.Context(), lab); err != nil {
			t.Fatal(err)
		}
	}
	if err := one.WriteClass(t.Context(), lab); err != nil {
		t.Fatal(err)
	}
	put(t, g, merged, "student 2", 7, nil) // what a part says replaces what was there
	for range 2 {
		if err := merged.Merge(lab, dirs); err != nil {
			t.Fatal(err)
		}
		if err := merged.WriteClass(t.Context(), lab); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(files(t, one), files(t, merged)); diff != "" {
			t.Errorf("files (-one process +merged):\n%s", diff)
		}
	}
	before := files(t, merged)
	if err := merged.Merge(lab, []string{merged.dir}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, files(t, merged)); diff != "" {
		t.Errorf("a folder merged with itself:\n%s", diff)
	}
}

// TestMergeConflicts: what a person has to decide is told, all of it, and nothing is changed.
func TestMergeConflicts(t *testing.T) {
	lab := testLab()
	g := testGrader(t, lab)
	changed := testLab()
	changed.Name = "other"
	other := testGrader(t, changed)
	newer := testGrader(t, lab)
	newer.options.Machine.Kernel = "debian:trixie"
	for name, tt := range map[string]struct {
		first, second func(s *Store)
		want          []string // of the errors, none: it is merged
		points        float64  // of ada, if it is merged
	}{
		"the same twice": {
			func(s *Store) { put(t, g, s, "ada", 0, nil) },
			func(s *Store) { put(t, g, s, "ada", 0, func(g *grade.Grade) { g.Seconds = 4 }) }, nil, 3,
		},
		"a machine failed": {
			func(s *Store) { put(t, g, s, "ada", 0, func(g *grade.Grade) { g.Fault = "no memory" }) },
			func(s *Store) { put(t, g, s, "ada", 0, nil) }, nil, 3,
		},
		"other files": {
			func(s *Store) { put(t, g, s, "ada", 0, nil) },
			func(s *Store) { put(t, g, s, "ada", 1, nil) },
			[]string{`^ada: .* and .* have different grades: something else was handed in: remove`}, 0,
		},
		"other points, and another student": {
			func(s *Store) { put(t, g, s, "ada", 0, nil); put(t, g, s, "\x1b[1mbob", 0, nil) },
			func(s *Store) {
				put(t, g, s, "ada", 1, func(g *grade.Grade) { g.Submission = "0" })
				put(t, g, s, "\x1b[1mbob", 1, nil)
			},
			[]string{`^[^\x1b]*bob: `, `^ada: .*: 3 and 1 points: remove`}, 0,
		},
		"another kernel": {
			func(s *Store) { put(t, g, s, "ada", 0, nil) },
			func(s *Store) { put(t, newer, s, "bob", 0, nil) },
			[]string{`graded on debian:bookworm and on debian:trixie: grade both parts`}, 0,
		},
		"another lab": {
			func(s *Store) { put(t, g, s, "ada", 0, nil) },
			func(s *Store) { put(t, other, s, "bob", 0, nil) },
			[]string{`/bob: it is a grade of the lab other, and not of small$`}, 0,
		},
		"cut off": {
			func(s *Store) { put(t, g, s, "ada", 0, nil) },
			func(s *Store) {
				put(t, g, s, "bob", 0, nil)
				if err := os.Remove(filepath.Join(s.folder("bob"), keyFile)); err != nil {
					t.Fatal(err)
				}
			},
			[]string{`/bob: grading has not ended: grade this part again$`}, 0,
		},
		"no such part": {
			func(s *Store) { put(t, g, s, "ada", 0, nil) },
			func(s *Store) {
				if err := os.Remove(s.dir); err != nil {
					t.Fatal(err)
				}
			},
			[]string{`: there is no such folder: grade this part first$`}, 0,
		},
	} {
		t.Run(name, func(t *testing.T) {
			one, two, to := testStore(t), testStore(t), testStore(t)
			tt.first(one)
			tt.second(two)
			err := to.Merge(lab, []string{one.dir, two.dir})
			var got *MergeError
			if !errors.As(err, &got) {
				if err != nil || tt.want != nil {
					t.Fatalf("%v, want %q", err, tt.want)
				}
				if ada, err := readGrade(to.folder("ada")); err != nil || ada.Points != tt.points {
					t.Errorf("ada has %v: %v", ada, err)
				}
				return
			}
			if len(got.Problems) != len(tt.want) {
				t.Fatalf("%q, want %q", got.Problems, tt.want)
			}
			for i, want := range tt.want {
				if !regexp.MustCompile(want).MatchString(got.Problems[i]) {
					t.Errorf("%q, want %s", got.Problems[i], want)
				}
			}
			if left := files(t, to); len(left) > 0 {
				t.Errorf("something was written: %s", strings.Join(slices.Sorted(maps.Keys(left)), " "))
			}
		})
	}
}
