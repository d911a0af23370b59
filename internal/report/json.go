// SPDX-License-Identifier: MIT

// Package report shows a result.Result: as text for a terminal and as the JSON
// that other programs read. It is pure. Names and lines that come from the guest
// are not trusted: what a terminal would act on is shown escaped.
package report

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/kmodlab/kmodlab/result"
)

// maxJSON bounds what ReadJSON takes in; the reports of long runs have some
// tens of megabytes.
const maxJSON = 512 << 20

// JSON writes r indented, with its fields in the order of the contract and no
// null where a list belongs. r itself is normalized (result.Result.Normalize).
func JSON(w io.Writer, r *result.Result) error {
	r.Normalize()
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(r); err != nil {
		return fmt.Errorf("write JSON report: %w", err)
	}
	return nil
}

// ReadJSON reads what JSON wrote. Unknown fields are passed over, for later
// versions may add some; another schema is an error.
func ReadJSON(rd io.Reader) (*result.Result, error) {
	limited := &io.LimitedReader{R: rd, N: maxJSON}
	r := &result.Result{}
	if err := json.NewDecoder(limited).Decode(r); err != nil {
		if limited.N <= 0 {
			return nil, fmt.Errorf("read JSON report: larger than %d MiB", maxJSON>>20)
		}
		return nil, fmt.Errorf("read JSON report: %w", err)
	}
	if r.Schema != result.Schema {
		return nil, fmt.Errorf("read JSON report: schema is %q, this kmodlab reads %q", r.Schema, result.Schema)
	}
	r.Normalize()
	return r, nil
}
