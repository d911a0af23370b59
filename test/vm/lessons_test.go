// SPDX-License-Identifier: MIT

package vm

import (
	"path/filepath"
	"testing"

	"github.com/kmodlab/kmodlab/result"
)

// lessons are the folders with an expect.yaml beside their modules.
func lessons(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("../../modules/*/expect.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("found no lessons in modules/: %v", err)
	}
	for i := range files {
		files[i] = filepath.Dir(files[i])
	}
	return files
}

// testLesson runs a lesson and compares its story.
func testLesson(t *testing.T, dir, kernel string) *result.Result {
	t.Helper()
	want := readExpectation(t, dir)
	res := runVM(t, want.spec(dir, kernel))
	for _, w := range want.differences(res) {
		t.Error(w)
	}
	return res
}
