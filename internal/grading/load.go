// SPDX-License-Identifier: MIT

package grading

import (
	"fmt"
	"os"
	"strings"

	"github.com/kmodlab/kmodlab/internal/course"
	"github.com/kmodlab/kmodlab/internal/expect"
	"github.com/kmodlab/kmodlab/internal/kernel"
	"github.com/kmodlab/kmodlab/internal/story"
)

// LabError is all that is wrong in a lab's folder, a line each.
type LabError struct{ Problems []course.Problem }

func (e *LabError) Error() string {
	var b strings.Builder
	for _, p := range e.Problems {
		fmt.Fprintln(&b, p.Error())
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// Load reads a lab from its folder. The error is a *LabError, or of a folder that is not there.
func Load(dir string) (*course.Lab, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("read lab: %w", err)
	}
	defer root.Close()
	lab, problems := course.Load(root.FS(), course.Options{
		Dir: dir, Compile: compile, Kernels: kernel.Tested(), CheckKernel: kernel.CheckName,
		CheckStory: func(data []byte) error { _, err := story.Read(data); return err },
	})
	if len(problems) > 0 {
		return nil, &LabError{problems}
	}
	return lab, nil
}

func compile(text string) *course.Slip {
	slip := expect.Wrong(text)
	if slip == nil {
		return nil
	}
	return &course.Slip{Line: slip.Line, Column: slip.Column, Text: slip.Message}
}
