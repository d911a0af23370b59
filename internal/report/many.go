// SPDX-License-Identifier: MIT

package report

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/kmodlab/kmodlab/internal/plain"
	"github.com/kmodlab/kmodlab/result"
)

// Named is one of several runs, with its distinct name and how long it took.
type Named struct {
	Name   string
	Took   time.Duration
	Result *result.Result
}

// JSONAll writes an array of the runs' names and results.
func JSONAll(w io.Writer, runs []Named) error {
	type entry struct {
		Name   string         `json:"name"`
		Result *result.Result `json:"result"`
	}
	list := []entry{}
	for _, r := range runs {
		r.Result.Normalize()
		list = append(list, entry{r.Name, r.Result})
	}
	enc := json.NewEncoder(plain.JSON(w))
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(list); err != nil {
		return fmt.Errorf("write JSON report: %w", err)
	}
	return nil
}

// ktapName is a name that no directive (# SKIP) can follow.
func ktapName(s string) string {
	return ktapText(strings.ReplaceAll(strings.TrimSpace(clean(s)), "#", `\x23`))
}

// Line is one of several runs on one line. width is that of the longest name.
func Line(r Named, width int, color bool) string {
	p := printer{opt: TextOptions{Color: color}}
	v := r.Result.Verdict
	paint := red
	if v.Class == result.Pass {
		paint = green
	}
	name := clean(r.Name)
	pad := strings.Repeat(" ", max(0, width-cells(name)))
	return fmt.Sprintf("%s %s%s %6.1f s  %s", p.paint(paint, fmt.Sprintf("%-11s", v.Class)), name, pad, r.Took.Seconds(),
		clean(v.Message))
}

// Summary counts runs by verdict: "98 pass, 1 build (a), 1 oops (b)".
func Summary(runs []Named) string {
	names := make(map[result.Class][]string)
	var order []result.Class
	for _, r := range runs {
		class := r.Result.Verdict.Class
		if names[class] == nil {
			order = append(order, class)
		}
		names[class] = append(names[class], clean(r.Name))
	}
	slices.SortFunc(order, func(a, b result.Class) int { // pass first, then the most frequent
		if (a == result.Pass) != (b == result.Pass) {
			if a == result.Pass {
				return -1
			}
			return 1
		}
		if d := len(names[b]) - len(names[a]); d != 0 {
			return d
		}
		return strings.Compare(string(a), string(b))
	})
	var parts []string
	for _, class := range order {
		part := fmt.Sprintf("%d %s", len(names[class]), class)
		if class != result.Pass {
			part += " (" + strings.Join(names[class], ", ") + ")"
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, ", ")
}
