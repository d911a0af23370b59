// SPDX-License-Identifier: MIT

// Package report shows a result.Result: as text for a terminal, and as JSON for other programs. It is pure. It does not
// trust names and lines that come from the guest: whatever a terminal would act on is escaped.
package report

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"github.com/kmodlab/kmodlab/internal/jsonlimit"
	"github.com/kmodlab/kmodlab/internal/plain"
	"github.com/kmodlab/kmodlab/result"
)

// maxJSON bounds what ReadJSON accepts; the reports of long runs have tens of megabytes.
const maxJSON = 512 << 20

// JSON writes r indented, its fields in the order of the contract, without null where a list belongs. It normalizes r
// itself (result.Result.Normalize).
func JSON(w io.Writer, r *result.Result) error {
	r.Normalize()
	enc := json.NewEncoder(plain.JSON(w))
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(r); err != nil {
		return fmt.Errorf("write JSON report: %w", err)
	}
	return nil
}

// ReadJSON reads what JSON wrote. It ignores unknown fields, since later versions may add some; another schema is an
// error.
func ReadJSON(rd io.Reader) (*result.Result, error) {
	limited := &io.LimitedReader{R: rd, N: maxJSON}
	r := &result.Result{}
	if err := jsonlimit.Decode(limited, jsonlimit.NoMost, r); err != nil {
		if limited.N <= 0 {
			return nil, fmt.Errorf("read JSON report: larger than %d MiB", maxJSON>>20)
		}
		return nil, fmt.Errorf("read JSON report: %w", err)
	}
	if r.Schema != result.Schema {
		return nil, fmt.Errorf("read JSON report: schema is %q, this kmodlab reads %q", r.Schema, result.Schema)
	}
	if err := checkClasses(r); err != nil {
		return nil, fmt.Errorf("read JSON report: %w", err)
	}
	r.Normalize()
	return r, nil
}

// checkClasses refuses classes that no verdict has: reports show them as words of our own.
func checkClasses(r *result.Result) error {
	var all []result.Class
	for _, v := range append(r.Verdict.Also, r.Verdict) {
		all = append(all, v.Class)
	}
	for _, c := range slices.Concat(r.Crashes, r.Unrelated) {
		all = append(all, c.Class)
	}
	for _, c := range all {
		if !slices.Contains(result.Classes(), c) {
			return fmt.Errorf("there is no verdict of class %.40q", string(c))
		}
	}
	return nil
}
