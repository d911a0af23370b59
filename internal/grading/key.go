// SPDX-License-Identifier: MIT

package grading

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/kmodlab/kmodlab/internal/beneath"
	"github.com/kmodlab/kmodlab/internal/version"
)

// key names all that a grade depends on. Grades of the same key need not be made twice.
type key struct {
	Lab        string `json:"lab"`        // hash of lab.yaml and the lab's files
	Submission string `json:"submission"` // hash of what was handed in
	Runs       string `json:"runs"`       // hash of the lab's scenarios and of its own files: what else the runs depend on
	Kernel     string `json:"kernel"`
	Kmodlab    string `json:"kmodlab"`
}

// maxKey bounds a key's file, in bytes.
const maxKey = 4096

func (g *Grader) key(submission string) key {
	return key{g.lab.Hash(), submission, g.lab.RunHash(), g.options.Machine.Kernel, kmodlabVersion()}
}

func kmodlabVersion() string { return version.Version() + " " + version.Commit() }

func (k key) write(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(k)
}

// keyOf reads the key in a student's folder. It is empty if there is none, or none that this kmodlab writes: then the
// submission is graded again.
func keyOf(dir string) (key, error) {
	data, err := beneath.ReadIn(dir, keyFile, maxKey)
	if errors.Is(err, fs.ErrNotExist) {
		return key{}, nil
	}
	if err != nil {
		return key{}, fmt.Errorf("read what is graded: %w", err)
	}
	var k key
	if json.Unmarshal(data, &k) != nil {
		return key{}, nil
	}
	return k, nil
}

// differs says in what two keys of a class differ, for a sentence.
func (k key) differs(other key) string {
	switch {
	case k.Kernel != other.Kernel:
		return fmt.Sprintf("graded on %s and on %s", k.Kernel, other.Kernel)
	case k.Kmodlab != other.Kmodlab:
		return fmt.Sprintf("graded by kmodlab %s and by %s", k.Kmodlab, other.Kmodlab)
	case k.Lab != other.Lab:
		return "graded with different versions of the lab"
	}
	return ""
}
