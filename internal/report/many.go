// SPDX-License-Identifier: MIT

package report

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

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
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(list); err != nil {
		return fmt.Errorf("write JSON report: %w", err)
	}
	return nil
}

// JUnitAll writes a test suite for each run.
func JUnitAll(w io.Writer, runs []Named) error {
	var suites []junitSuite
	for _, r := range runs {
		suite, err := newSuite(clean(r.Name), r.Result)
		if err != nil {
			return err
		}
		for i := range suite.Cases {
			suite.Cases[i].Class = suite.Name // CI servers group by it
		}
		suites = append(suites, suite)
	}
	return writeSuites(w, suites)
}

// KTAPAll writes a test for each run, with the verdict classes as its subtests.
func KTAPAll(w io.Writer, runs []Named) error {
	buf := bufio.NewWriter(w)
	fmt.Fprintf(buf, "KTAP version 1\n1..%d\n", len(runs))
	for i, r := range runs {
		name := ktapName(r.Name)
		fmt.Fprintf(buf, "    KTAP version 1\n    # Subtest: %s\n", name)
		list := checks(r.Result)
		writeMessages(buf, "    ", r.Result.Messages)
		writeChecks(buf, "    ", list)
		ok := "ok"
		if slices.ContainsFunc(list, func(c check) bool { return c.state == checkFailed || c.state == checkBroken }) {
			ok = "not ok"
		}
		fmt.Fprintf(buf, "%s %d %s\n", ok, i+1, name)
	}
	if err := buf.Flush(); err != nil {
		return fmt.Errorf("write KTAP report: %w", err)
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
