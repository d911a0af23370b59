// SPDX-License-Identifier: MIT

package snapshot

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"
)

// Sums remembers the hashes of files, so that 20 MB need not be read for each
// run. A file is known by its identity: one that was written to is read again.
type Sums struct {
	path    string
	known   map[string]string
	changed bool
}

// maxSums bounds what is remembered; beyond, it is begun anew.
const maxSums = 256

// Sums reads what is remembered. What cannot be read is nothing.
func (s Store) Sums() *Sums {
	sums := &Sums{path: filepath.Join(s.Dir, "sums.json")}
	data, err := os.ReadFile(sums.path)
	if err != nil || json.Unmarshal(data, &sums.known) != nil || sums.known == nil || len(sums.known) > maxSums {
		sums.known = map[string]string{}
	}
	return sums
}

// Of is the SHA-256 of a file's contents, in hexadecimal.
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

// Save keeps what was learned. That it cannot is no harm.
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
	return renameio.WriteFile(s.path, data, 0o600, renameio.WithTempDir(filepath.Dir(s.path)))
}
