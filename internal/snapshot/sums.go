// SPDX-License-Identifier: MIT

package snapshot

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/kmodlab/kmodlab/internal/atomicfile"
)

// Sums remembers the hashes of files, so that a run need not read 20 MB. A file is known
// by its identity: a modified file is read again.
type Sums struct {
	path    string
	known   map[string]string
	changed bool
}

// maxSums bounds the hashes that are remembered; beyond it, all are forgotten.
const maxSums = 256

// Sums reads the remembered hashes; there are none if they cannot be read.
func (s Store) Sums() *Sums {
	sums := &Sums{path: filepath.Join(s.Dir, "sums.json")}
	data, err := os.ReadFile(sums.path)
	if err != nil || json.Unmarshal(data, &sums.known) != nil || sums.known == nil || len(sums.known) > maxSums {
		sums.known = map[string]string{}
	}
	return sums
}

// Of returns the SHA-256 of a file's contents, in hexadecimal.
func (s *Sums) Of(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	id, err := identify(f)
	if err != nil {
		return "", err
	}
	key := fmt.Sprint(id)
	if sum := s.known[key]; sum != "" {
		return sum, nil
	}
	sum, err := sumOf(f)
	if err != nil {
		return "", err
	}
	s.known[key], s.changed = sum, true
	return sum, nil
}

// Save writes the new hashes. The caller may ignore its error.
func (s *Sums) Save() error {
	if !s.changed {
		return nil
	}
	data, err := json.Marshal(s.known)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(s.path), 0o700); err != nil {
		return err
	}
	return atomicfile.Write(s.path, data, 0o600)
}
