// SPDX-License-Identifier: MIT

package cli

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/kmodlab/kmodlab/internal/plain"
	"github.com/kmodlab/kmodlab/internal/report"
	"github.com/kmodlab/kmodlab/internal/testlab/foreign"
	"github.com/kmodlab/kmodlab/result"
)

// said runs a command whose output goes into files, as in CI, and returns both.
func said(t *testing.T, args ...string) string {
	t.Helper()
	var files [2]*os.File
	for i := range files {
		f, err := os.CreateTemp(t.TempDir(), "")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		files[i] = f
	}
	Main(args, files[0], files[1])
	var all []byte
	for _, f := range files {
		text, err := os.ReadFile(f.Name())
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, text...)
	}
	return string(all)
}

var commandOfCI = regexp.MustCompile(`##[a-z]*\[|^\s*::`)

// checkForged checks that a text has no line that looks like one of ours, and nothing that a terminal or a CI server
// would act on.
func checkForged(t *testing.T, what, text string) {
	t.Helper()
	if text == "" {
		t.Errorf("%s says nothing", what)
	}
	bad := func(r rune) bool { return r != '\n' && r != '\u00a0' && !unicode.IsPrint(r) }
	for line := range strings.SplitSeq(text, "\n") {
		if strings.ContainsFunc(line, bad) || !utf8.ValidString(line) || commandOfCI.MatchString(line) ||
			strings.HasPrefix(line, "pass: forged") || strings.HasPrefix(line, "kmodlab: forged") {
			t.Errorf("%s: the line %.200q", what, line)
		}
	}
}

// write writes a file, and the folders on the way.
func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// poisoned is a result of a real run with hostile texts for all of its strings.
func poisoned(t *testing.T, name string, turn int) *result.Result {
	t.Helper()
	data, err := os.ReadFile("../report/testdata/real/" + name)
	if err != nil {
		t.Fatal(err)
	}
	r, err := report.ReadJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	r.Verdict = result.Verdict{Class: result.Lost, Message: "m", Hint: "h", Evidence: []string{"e"}}
	r.Verdict.Also = []result.Verdict{{Class: result.Leak, Message: "m"}}
	r.Warnings = []result.Warning{{File: "f", Line: 1, Text: "t"}}
	r.Commands = []result.Command{{Argv: []string{"a", "b"}, Output: "o", Exit: 1}}
	r.Console = "c"
	foreign.Poison(r, turn, "Schema", "Class")
	return r
}

// TestForgedCache: what lies in the cache, and the way to it.
func TestForgedCache(t *testing.T) {
	top := filepath.Join(t.TempDir(), foreign.Forged)
	t.Setenv("XDG_CACHE_HOME", top)
	t.Setenv("KMODLAB_MIRROR", "file:///"+foreign.Forged)
	quoted, err := json.Marshal(foreign.Forged)
	if err != nil {
		t.Fatal(err)
	}
	text, cache := string(quoted), filepath.Join(top, "kmodlab")
	write(t, cache+"/machines/0123456789abcdef/facts.json", `{"facts":{"Machine":{"name":`+text+`,"kernel":`+text+`}}}`)
	write(t, cache+"/build/4123456789abcdef/build.json", `{"schema":"kmodlab.build/1","id":"4123456789abcdef",
		"release":`+text+`,"sources":`+text+`,"files":[{"path":"lib/modules/6.1/extra/x\n::error::y\u001b[2J.ko","size":1}]}`)
	write(t, cache+"/kernels/debian-x/kernel.json", `{"Name":`+text+`,"Release":`+text+`,"Version":`+text+
		`,"Image":"i","Root":"root","RootImage":"e"}`)
	for _, file := range []string{"i", "e", "root/lib/modules/6.1/modules.dep"} {
		write(t, cache+"/kernels/debian-x/"+file, "x")
	}
	for _, args := range [][]string{{"cache"}, {"cache", "--all"}, {"kernel", "list"}, {"doctor"}} {
		checkForged(t, strings.Join(args, " "), said(t, args...))
	}
}

// TestForgedArguments: names of files and folders, which a shell expands, and words.
func TestForgedArguments(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Chdir(t.TempDir())
	word := strings.ReplaceAll(foreign.Forged, "/", "")
	write(t, word+"/Kbuild", "obj-m := m.o\n")
	write(t, word+".ko", "no module")
	write(t, word+".kmlab", "no recording")
	write(t, word+".json", "{}")
	kernel := "--kernel=path:" + word + ",."
	for _, args := range [][]string{
		{word}, {"--" + word}, {"cache", word}, {"kernel", word}, {"kernel", "rm", word}, {"kernel", "rm", "debian:" + word},
		{"kernel", "fetch", word}, {"report", word}, {"report", word + ".none"}, {"report", word + ".kmlab"},
		{"report", word + ".json"}, {"report", word + ".ko", "-o", word}, {"diff", word + ".json", word},
		{"report", word + ".json", "-o", word + "/none/x.txt"}, {"report", "--color", word, word},
		{"run", word, kernel}, {"run", word + ".ko", kernel}, {"run", word, word + "/", kernel}, {"run", word, "-j", word},
		{"run", word, "--accel", word}, {"run", word, kernel, "--load", word}, {"run", word, ".", kernel},
		{"trace", "--signal", word}, {"trace", "--modules", word, kernel}, {"trace", kernel, "--", word},
	} {
		checkForged(t, strings.Join(args[:min(len(args), 2)], " "), said(t, args...))
	}
}

// TestForgedReports: every text of a result, and of a recording, in every format.
func TestForgedReports(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	for turn := 0; turn < len(foreign.Hostile); turn += 5 {
		for _, name := range []string{"demo.json", "requests.json"} {
			r := poisoned(t, name, turn)
			if err := writeFile(t.Context(), in(name), func(w io.Writer) error { return report.JSON(w, r) }); err != nil {
				t.Fatal(err)
			}
		}
		checkAll(t, in("demo.json"), in("requests.json"))
	}
	const all = `{"booted":true,"agent_pid":1,"studied":[X],"files":{"m":{"name":X,"error":X}},"result":{
		"title":X,"folder":X,"machine":{"name":X,"kernel":X,"accel":X},"commands":[{"argv":[X],"output":X,"exit":1}],
		"warnings":[{"file":X,"text":X}],"modules":[{"name":X}]},
		"inputs":{"Build":{"Message":X,"Hint":X},"Load":{"Message":X}},"tracer":{"hooks":[{"name":X,"note":X}]}}`
	for _, text := range []string{
		foreign.Forged, "pass: forged\nkmodlab: forged\n::error::forged", strings.Repeat("pass: forged ", 100),
		"x" + strings.Repeat(" kmodlab: forged", 100), strings.Repeat("::error::forged ", 100),
	} {
		quoted, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		run := strings.ReplaceAll(all, "X", string(quoted))
		write(t, in("r.kmlab"), string(foreign.Recording(t, "run.json", run, "console", "BUG: "+text, "kernel.log",
			"<4>[    1.0] "+text)))
		checkAll(t, in("r.kmlab"), in("demo.json"))
		checkAll(t, in("demo.json"), in("r.kmlab"))
	}
}

// checkAll checks what report and diff make of two files.
func checkAll(t *testing.T, file, other string) {
	t.Helper()
	for _, args := range [][]string{
		{"report", file}, {"report", file, "-v"}, {"report", file, "--json", "-"}, {"diff", file, other},
		{"diff", file, other, "--json"},
	} {
		checkForged(t, args[0]+" "+args[len(args)-1], said(t, args...))
	}
	for _, f := range formats {
		if f.write == nil || f.ending == ".pftrace" || f.ending == ".svg" || f.ending == ".html" {
			continue // they are no lines of text
		}
		out := filepath.Join(t.TempDir(), "x"+f.ending)
		if text := said(t, "report", file, "-o", out); text != "" {
			t.Errorf("%s: %s", f.ending, text)
		}
		text, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		checkForged(t, f.ending, string(text))
	}
}

// TestForgedOutput: what commands print, in the guest and in a build.
func TestForgedOutput(t *testing.T) {
	c := result.Command{Argv: []string{foreign.Forged}, Output: foreign.Forged, Exit: 1}
	var b, all bytes.Buffer
	b.WriteString(report.CommandText(c))
	w := plain.NewWriter(&b, "  ")
	io.WriteString(w, foreign.Forged)
	w.Close()
	io.WriteString(plain.Guard(&all), b.String()) // as standard output has
	checkForged(t, "output", all.String())
}
