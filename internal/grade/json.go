// SPDX-License-Identifier: MIT

package grade

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/kmodlab/kmodlab/internal/jsonlimit"
	"github.com/kmodlab/kmodlab/internal/plain"
)

// What a file may have at most. What normalize leaves of a grade has less than 10 MB, however it is escaped.
const (
	maxJSON     = 16 << 20
	maxElements = 100_000
)

// WriteJSON writes a grade, one field a line.
func WriteJSON(w io.Writer, g *Grade) error {
	if err := g.Valid(); err != nil {
		return fmt.Errorf("write the grade of %.80q: %w", g.Student, err)
	}
	out := *g
	out.Schema = Schema
	out.normalize()
	if err := writeJSON(w, &out); err != nil {
		return fmt.Errorf("write the grade of %.80q: %w", g.Student, err)
	}
	return nil
}

// ReadJSON reads what WriteJSON wrote. It is strict: a field that it does not know may change what a grade means, so
// the grade is refused.
func ReadJSON(rd io.Reader) (*Grade, error) {
	g := &Grade{}
	if err := readJSON(rd, Schema, maxJSON, maxElements, g); err != nil {
		return nil, fmt.Errorf("read grade: %w", err)
	}
	if err := g.Valid(); err != nil {
		return nil, fmt.Errorf("read grade: %w", err)
	}
	g.normalize()
	return g, nil
}

func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(plain.JSON(w))
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// readJSON reads one value of a schema and at most limit bytes, and nothing after it. Another version may have fields
// that this one does not know, so its schema is told first.
func readJSON(rd io.Reader, schema string, limit, elements int64, v any) error {
	limited := &io.LimitedReader{R: rd, N: limit + 1}
	data, err := io.ReadAll(limited)
	if err != nil {
		return err
	}
	if limited.N <= 0 {
		return fmt.Errorf("it is larger than %d MiB", limit>>20)
	}
	var head struct {
		Schema string `json:"schema"`
	}
	if err := jsonlimit.Decode(bytes.NewReader(data), elements, &head); err != nil {
		return fmt.Errorf("it is no JSON of kmodlab: %w", err)
	}
	if err := checkSchema(head.Schema, schema); err != nil {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is something after its end")
	}
	return nil
}

func checkSchema(got, want string) error {
	if got == want {
		return nil
	}
	family, _, _ := strings.Cut(want, "/")
	if strings.HasPrefix(got, family+"/") {
		return fmt.Errorf("schema is %.40q, this kmodlab reads %q: use the kmodlab that wrote it, or a later one", got, want)
	}
	return fmt.Errorf("schema is %.40q, want %q: it is another kind of file", got, want)
}
