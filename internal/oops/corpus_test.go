// SPDX-License-Identifier: MIT

package oops

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmodlab/kmodlab/result"
)

var update = flag.Bool("update", false, "write the .want files of testdata/corpus")

// TestCorpus reads consoles of real kernels, as kmodlab run --json recorded them for a module that fails in the way the
// file's name says: testdata/corpus/README.md. The .want file beside each holds everything that was made of it except
// the log.
func TestCorpus(t *testing.T) {
	logs, err := filepath.Glob("testdata/corpus/*.log")
	if err != nil || len(logs) < 10 {
		t.Fatalf("%d logs in testdata/corpus, %v", len(logs), err)
	}
	for _, file := range logs {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".log"), func(t *testing.T) {
			console, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := describe(Parse(console))
			wanted := strings.TrimSuffix(file, ".log") + ".want"
			if *update {
				if err := os.WriteFile(wanted, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(wanted)
			if err != nil {
				t.Fatalf("%v (go test ./internal/oops -update writes it)", err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if cr := describe(Parse(bytes.ReplaceAll(console, []byte("\n"), []byte("\r\n")))); cr != got {
				t.Errorf("otherwise with CR LF:\n%s", cr)
			}
		})
	}
}

// describe prints crashes for a person to check.
func describe(crashes []result.Crash) string {
	var b strings.Builder
	for _, c := range crashes {
		fmt.Fprintf(&b, "%s, %s: %s\n", c.Class, c.Type, c.Title)
		if c.Task != nil {
			fmt.Fprintf(&b, "task %s[%d]", c.Task.Comm, c.Task.PID)
		}
		if c.CPU != nil {
			fmt.Fprintf(&b, " CPU %d", *c.CPU)
		}
		fmt.Fprintf(&b, "\ntaint: %s\n", strings.Join(c.Taint, ", "))
		for _, name := range slices.Sorted(maps.Keys(c.Registers)) {
			fmt.Fprintf(&b, "%s=%s ", name, c.Registers[name])
		}
		fmt.Fprintf(&b, "\ntruncated %t, mixed %t, %d lines, from %q to %q\n", c.Truncated, c.Mixed, len(c.Log), c.Log[0],
			c.Log[len(c.Log)-1])
		for i, f := range c.Frames {
			mark := "  "
			if c.Guilty != nil && *c.Guilty == i {
				mark = "> "
			}
			switch {
			case f.Exact:
				mark += "at "
			case !f.Reliable:
				mark += "? "
			}
			fmt.Fprintf(&b, "%s%s/0x%x\n", mark, f.Place(), f.Size)
		}
		b.WriteString("\n")
	}
	return b.String()
}
