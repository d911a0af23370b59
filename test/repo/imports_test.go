// SPDX-License-Identifier: MIT

package repo

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

const (
	module = "github.com/kmodlab/kmodlab"
	root   = "../.." // of the module; tests run in their package's folder
)

// listed is a package as go list prints it.
type listed struct {
	ImportPath, Dir, Doc    string
	GoFiles, IgnoredGoFiles []string
	Imports, Deps           []string
}

var listOnce = sync.OnceValues(func() ([]listed, error) {
	cmd := exec.Command("go", "list", "-json=ImportPath,Dir,Doc,GoFiles,IgnoredGoFiles,Imports,Deps", "./...")
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		return nil, err
	}
	var packages []listed
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		err := d.Decode(&p)
		if errors.Is(err, io.EOF) {
			return packages, nil
		}
		if err != nil {
			return nil, err
		}
		packages = append(packages, p)
	}
})

func listPackages(t *testing.T) []listed {
	t.Helper()
	packages, err := listOnce()
	if err != nil || len(packages) == 0 {
		t.Fatalf("go list finds %d packages: %v", len(packages), err)
	}
	return packages
}

// inside is a package's path inside the module; ok is false for others' packages.
func inside(path string) (string, bool) {
	if path == module {
		return "", true
	}
	return strings.CutPrefix(path, module+"/")
}

// forTests reports whether a package of ours is for tests alone.
func forTests(path string) bool {
	return strings.HasPrefix(path, "internal/testlab") || strings.HasPrefix(path, "test/") ||
		path == "kmod/kmodtest" || path == "kmodlabtest"
}

// TestImports holds the code to the table of rooms. When the table is in the way,
// change both, with the reason.
func TestImports(t *testing.T) {
	left := map[string]room{}
	for _, r := range rooms {
		left[r.path] = r
	}
	if len(left) != len(rooms) {
		t.Error("a room stands twice in the table")
	}
	for _, p := range listPackages(t) {
		name, _ := inside(p.ImportPath)
		r, ok := left[name]
		if !ok {
			t.Errorf("package %s is in no row of the table: add it to test/repo/rooms_test.go", p.ImportPath)
			continue
		}
		delete(left, name)
		for _, wrong := range r.breaks(p) {
			t.Error(wrong)
		}
	}
	for path := range left {
		code, err := filepath.Glob(filepath.Join(root, path, "*"))
		if err != nil || len(code) == 0 || slices.ContainsFunc(code, isGo) {
			t.Errorf("the table has room %s, which is neither a package nor a folder of other code", roomName(path))
		}
	}
}

func isGo(file string) bool { return filepath.Ext(file) == ".go" }

// breaks says where a package does not keep to its room's row.
func (r room) breaks(p listed) []string {
	var wrong []string
	for _, imported := range p.Imports {
		other, ours := inside(imported)
		if !ours {
			continue
		}
		if !slices.Equal(r.may, all) && !slices.Contains(r.may, other) {
			wrong = append(wrong, p.ImportPath+" imports "+imported+"; the table does not allow it")
		}
		if forTests(other) && !forTests(r.path) {
			wrong = append(wrong, p.ImportPath+" imports "+imported+", which is for tests")
		}
	}
	for _, n := range r.never {
		path := n.what
		if slices.ContainsFunc(rooms, func(r room) bool { return r.path == path }) {
			path = module + "/" + path
		}
		if slices.Contains(p.Deps, path) {
			wrong = append(wrong, p.ImportPath+" reaches "+path+"; the table says never: "+n.why)
		}
	}
	return wrong
}

// TestBreaks makes sure that a package can break its row in each way.
func TestBreaks(t *testing.T) {
	r := room{"kmod", "", []string{"result"}, []never{noPrograms, noTracer}}
	for name, test := range map[string]struct {
		p    listed
		want string
	}{
		"kept": {listed{
			Imports: []string{"os", module + "/result"},
			Deps:    []string{"os", module + "/result", module + "/tracer/event"},
		}, ""},
		"import":    {listed{Imports: []string{module + "/internal/wire"}}, "does not allow it"},
		"the root":  {listed{Imports: []string{module}}, "does not allow it"},
		"for tests": {listed{Imports: []string{module + "/internal/testlab"}}, "which is for tests"},
		"reach":     {listed{Deps: []string{module + "/tracer"}}, "tracer is the guest's"},
		"standard":  {listed{Deps: []string{"os/exec"}}, "starts no program"},
	} {
		wrong := strings.Join(r.breaks(test.p), "\n")
		if !strings.Contains(wrong, test.want) || (wrong == "") != (test.want == "") {
			t.Errorf("%s: %q, want %q", name, wrong, test.want)
		}
	}
}

// TestNever wants a reason for each package that a room must not reach.
func TestNever(t *testing.T) {
	for _, r := range rooms {
		if r.does == "" {
			t.Errorf("room %s: the table does not say what it does", roomName(r.path))
		}
		for _, n := range r.never {
			if n.what == "" || n.why == "" {
				t.Errorf("room %s must never reach %q because %q", roomName(r.path), n.what, n.why)
			}
		}
	}
}

// TestPackageDocs wants each package to say what it is for.
func TestPackageDocs(t *testing.T) {
	for _, p := range listPackages(t) {
		if p.Doc == "" {
			t.Errorf("package %s has no doc comment", p.ImportPath)
		}
	}
}
