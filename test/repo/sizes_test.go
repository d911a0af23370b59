// SPDX-License-Identifier: MIT

package repo

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// What fits a screen, and what one still finds one's way in.
const (
	maxFunctionLines = 60
	maxFileLines     = 500
	// No package holds more than one part in maxShare of the code: one that does is
	// several.
	maxShare = 6
)

// tooLarge are packages above maxShare that are to be taken apart.
var tooLarge []string

// tooLong are functions above maxFunctionLines that are to be taken apart.
var tooLong []string

// source is a file that people write.
type source struct {
	path string // from the module's root
	data []byte
}

// languages are the endings of what people write; notOurs are folders of what a
// program has made, or a test reads.
var (
	languages = []string{".go", ".c", ".h", ".sh", ".js", ".css", ".py"}
	notOurs   = []string{"bin", "node_modules", "testdata"}
)

func (s source) lines() int { return bytes.Count(s.data, []byte{'\n'}) }

// sources are those of all languages, tests included, but for generated ones and
// what tests read.
func sources(t *testing.T) []source {
	t.Helper()
	var list []source
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		name := strings.TrimPrefix(path, root+"/")
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != root && (strings.HasPrefix(d.Name(), ".") || slices.Contains(notOurs, d.Name())):
			return fs.SkipDir
		case d.IsDir() || !slices.Contains(languages, filepath.Ext(name)):
			return nil
		}
		data, err := os.ReadFile(path)
		if err == nil && !generated(data) {
			list = append(list, source{name, data})
		}
		return err
	})
	if err != nil || len(list) < 100 {
		t.Fatalf("found %d sources: %v", len(list), err)
	}
	return list
}

// generated reports whether a file says that a program has written it.
func generated(data []byte) bool {
	head := data[:min(len(data), 1024)]
	return bytes.Contains(head, []byte("// Code generated ")) && bytes.Contains(head, []byte(" DO NOT EDIT."))
}

func TestFileSizes(t *testing.T) {
	for _, s := range sources(t) {
		if n := s.lines(); n > maxFileLines {
			t.Errorf("%s has %d lines; at most %d: take it apart", s.path, n, maxFileLines)
		}
	}
}

func TestFunctionSizes(t *testing.T) {
	seen := 0
	for _, s := range sources(t) {
		if filepath.Ext(s.path) != ".go" {
			continue
		}
		files := token.NewFileSet()
		f, err := parser.ParseFile(files, s.path, s.data, parser.SkipObjectResolution)
		if err != nil {
			t.Error(err)
			continue
		}
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			seen++
			n := linesOf(files, fn)
			if strings.HasSuffix(s.path, "_test.go") {
				n -= tableLines(files, fn)
			}
			if n > maxFunctionLines && !slices.Contains(tooLong, fn.Name.Name) {
				at := files.Position(fn.Pos())
				t.Errorf("%s: function %s has %d lines; at most %d: take it apart", at, fn.Name.Name, n, maxFunctionLines)
			}
		}
	}
	if seen < 1000 {
		t.Errorf("only %d functions were found", seen)
	}
}

func linesOf(files *token.FileSet, n ast.Node) int {
	return files.Position(n.End()).Line - files.Position(n.Pos()).Line + 1
}

// tableLines are those of a test's cases, which are data and not code.
func tableLines(files *token.FileSet, fn *ast.FuncDecl) (lines int) {
	ast.Inspect(fn, func(n ast.Node) bool {
		table, ok := n.(*ast.CompositeLit)
		if ok {
			lines += linesOf(files, table) - 1
		}
		return !ok
	})
	return lines
}

// TestShares wants no package but those that write formats to hold more than a sixth
// of the code that is no test.
func TestShares(t *testing.T) {
	sizes, total := map[string]int{}, 0
	for _, p := range listPackages(t) {
		path, _ := inside(p.ImportPath)
		if forTests(path) {
			continue
		}
		for _, name := range slices.Concat(p.GoFiles, p.IgnoredGoFiles) {
			data, err := os.ReadFile(filepath.Join(p.Dir, name))
			if err != nil {
				t.Fatal(err)
			}
			if !generated(data) && !strings.HasSuffix(name, "_test.go") {
				sizes[path] += source{data: data}.lines()
			}
		}
		total += sizes[path]
	}
	for path, n := range sizes {
		large := n*maxShare > total && !strings.HasPrefix(path, "internal/report")
		is := fmt.Sprintf("%s holds %d of %d lines, more than one part in %d", roomName(path), n, total, maxShare)
		switch excepted := slices.Contains(tooLarge, path); {
		case large && excepted:
			t.Logf("%s; it is to be taken apart", is)
		case large:
			t.Errorf("%s: take it apart", is)
		case excepted:
			t.Errorf("%s is not too large any more: take it out of tooLarge", roomName(path))
		}
	}
}
