// SPDX-License-Identifier: MIT

// Package handin is what a student's folder of a lab remembers, and the archive that is handed in: which files there
// were at the start, the further help that there is, the help that was asked for, and the last check. It is pure.
//
// All of it is the student's: it tells a lecturer what a student says, and decides nothing about a grade.
package handin

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/kmodlab/kmodlab/internal/jsonlimit"
	"github.com/kmodlab/kmodlab/internal/plain"
)

// Folder is where all of it is, below the folder of the lab. Its name begins with a dot, so it is no part of the lab.
const Folder = ".kmodlab"

// The files there.
const (
	StartFile    = "start.json"
	StateFile    = "state.json"
	ManifestFile = "manifest.json"
)

// Bounds of these files.
const (
	MaxFile     = 4 << 20
	maxElements = 100_000
	maxAsked    = 1000 // requests for help that are kept
)

// The schemas.
const (
	startSchema    = "kmodlab.labstart/1"
	stateSchema    = "kmodlab.labstate/1"
	manifestSchema = "kmodlab.handin/1"
)

// Start is what a student got.
type Start struct {
	Schema string            `json:"schema"`
	Lab    string            `json:"lab"`
	Level  int               `json:"level"` // of help, at which the starter was cut
	Files  map[string]string `json:"files"` // the SHA-256 of each
	Steps  []Step            `json:"steps"` // the further help that there is
}

// Step is a piece of further help.
type Step struct {
	File  string   `json:"file"`
	Task  string   `json:"task"` // the first line of the TODO
	Level int      `json:"level"`
	Text  []string `json:"text"`
	Lines []string `json:"lines"` // of code
}

// State is what has happened in a folder since.
type State struct {
	Schema  string   `json:"schema"`
	Asked   []Asked  `json:"asked"`   // in order
	Checked *Checked `json:"checked"` // the last check, null before the first
}

// Asked is one request for help.
type Asked struct {
	At    string `json:"at"`    // RFC 3339
	Check string `json:"check"` // whose hint was shown
	File  string `json:"file"`  // of the piece of further help; empty if there was none
	Task  string `json:"task"`
	Level int    `json:"level"`
}

// Checked is what a check of the whole lab came to.
type Checked struct {
	At     string            `json:"at"` // RFC 3339
	Kernel string            `json:"kernel"`
	Points float64           `json:"points"`
	Max    float64           `json:"max"`
	Checks []Status          `json:"checks"`
	Files  map[string]string `json:"files"` // the SHA-256 of each of the student's files
}

// Status is what became of one check.
type Status struct {
	ID     string `json:"id"`
	Status string `json:"status"`
}

// Ask notes a request for help.
func (s *State) Ask(a Asked) {
	s.Asked = append(s.Asked, a)
	s.Asked = s.Asked[max(0, len(s.Asked)-maxAsked):]
}

// FirstFailed is the first check that did not pass, "" if none is known.
func (s *State) FirstFailed() string {
	if s.Checked == nil {
		return ""
	}
	for _, c := range s.Checked.Checks {
		if c.Status != "passed" {
			return c.ID
		}
	}
	return ""
}

// Sum is the SHA-256 of a file, in hexadecimal.
func Sum(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// Sums are those of files.
func Sums(files map[string][]byte) map[string]string {
	sums := make(map[string]string, len(files))
	for name, data := range files {
		sums[name] = Sum(data)
	}
	return sums
}

// JSON is a value of this package as a file.
func (s *Start) JSON() ([]byte, error) { s.Schema = startSchema; return encode(s) }

// JSON is the state as a file.
func (s *State) JSON() ([]byte, error) { s.Schema = stateSchema; return encode(s) }

// JSON is the manifest as a file.
func (m *Manifest) JSON() ([]byte, error) { m.Schema = manifestSchema; return encode(m) }

// ReadStart reads a file.
func ReadStart(data []byte) (*Start, error) {
	s := &Start{}
	return s, decode(data, s, &s.Schema, startSchema)
}

// ReadState reads a file.
func ReadState(data []byte) (*State, error) {
	s := &State{}
	return s, decode(data, s, &s.Schema, stateSchema)
}

// ReadManifest reads a file.
func ReadManifest(data []byte) (*Manifest, error) {
	m := &Manifest{}
	return m, decode(data, m, &m.Schema, manifestSchema)
}

func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(plain.JSON(&b))
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(v)
	return b.Bytes(), err
}

func decode(data []byte, v any, schema *string, want string) error {
	if len(data) > MaxFile {
		return fmt.Errorf("it is larger than %d MiB", MaxFile>>20)
	}
	if err := jsonlimit.Decode(bytes.NewReader(data), maxElements, v); err != nil {
		return fmt.Errorf("it is not as kmodlab wrote it: %w", err)
	}
	if *schema != want {
		return fmt.Errorf("its schema is %.40q, this kmodlab reads %q", *schema, want)
	}
	return nil
}
