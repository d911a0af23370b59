// SPDX-License-Identifier: MIT

package kmodlab_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/kmodlab/kmodlab"

// rooms is the table of docs/ARCHITECTURE.md. may names our packages that a room
// may import itself ("*" is all); never names what it must not reach, not even
// through others. Test files are free.
var rooms = map[string]struct{ may, never []string }{
	"":                         {may: []string{"*"}, never: []string{"internal/guest", "internal/cli", "internal/report", "tracer"}},
	"cmd/kmod":                 {may: []string{"internal/kmodcmd"}, never: []string{"os/exec", "tracer", "internal/vm"}},
	"cmd/kmodlab":              {may: []string{"internal/cli", "internal/guest", "internal/kmodcmd"}},
	"tracer":                   {may: []string{"tracer/bpf", "tracer/event", "tracer/programs"}, never: []string{"kmod", "internal/vm"}},
	"tracer/bpf":               {},
	"tracer/programs":          {may: []string{"tracer/bpf"}, never: []string{"net", "internal/vm"}},
	"tracer/event":             {never: []string{"os/exec", "net", ebpf}},
	"tracer/symbols":           {may: []string{"tracer/event"}, never: []string{"os/exec", "net", ebpf}},
	"tracer/timeline":          {may: []string{"tracer/event"}, never: []string{"os/exec", "net", ebpf}},
	"kmod":                     {may: []string{"kmod/internal/ko", "kmod/internal/trie"}, never: []string{"os/exec", "net"}},
	"kmod/depmod":              {may: []string{"kmod", "kmod/internal/ko", "kmod/internal/trie"}, never: []string{"os/exec", "net"}},
	"kmod/internal/ko":         {may: []string{"internal/xz"}, never: []string{"os/exec", "net"}},
	"kmod/internal/trie":       {never: []string{"os/exec", "net"}},
	"kmod/kmodtest":            {may: []string{"internal/needs"}},
	"result":                   {may: []string{"tracer/timeline", "tracer/event"}, never: []string{"os/exec", ebpf}},
	"internal/xz":              {never: []string{"os/exec", "net"}},
	"internal/lazyregexp":      {never: []string{"os", "net"}},
	"internal/kernel":          {may: []string{"internal/filelock", "internal/lazyregexp"}, never: []string{"tracer", "kmod", "internal/guest"}},
	"internal/vm":              {may: []string{"internal/lazyregexp"}, never: []string{"tracer", "kmod", "internal/guest"}},
	"internal/vm/cpio":         {},
	"internal/wire":            {never: []string{"os/exec", "net"}},
	"internal/boot":            {may: []string{"internal/kernel", "internal/vm", "internal/vm/cpio", "internal/wire", "kmod", "kmod/depmod"}, never: []string{"tracer", "internal/guest"}},
	"internal/warm":            {may: []string{"internal/filelock", "internal/boot"}, never: []string{"tracer", "internal/guest", "internal/kbuild"}},
	"internal/kbuild":          {may: []string{"internal/filelock", "internal/kernel", "internal/boot", "internal/vm", "internal/warm", "internal/wire", "internal/lazyregexp", "kmod"}, never: []string{"tracer", ebpf}},
	"internal/guest":           {may: []string{"internal/wire", "internal/kmodcmd", "kmod", "tracer", "tracer/event"}, never: []string{"internal/vm", "internal/kernel", "internal/kbuild", "internal/report"}},
	"internal/kmodcmd":         {may: []string{"kmod", "kmod/depmod"}, never: []string{"os/exec"}},
	"internal/oops":            {may: []string{"result", "internal/lazyregexp"}, never: []string{"internal/vm", "os/exec"}},
	"internal/srcline":         {never: []string{"os/exec", "net"}},
	"internal/hang":            {may: []string{"internal/lazyregexp", "internal/wire", "result"}, never: []string{"internal/vm", "os/exec"}},
	"internal/leaks":           {may: []string{"internal/lazyregexp", "internal/wire", "result"}, never: []string{"internal/vm", "os/exec"}},
	"internal/report":          {may: []string{"result", "tracer/event", "tracer/timeline", "internal/rundiff"}, never: []string{"internal/vm", "os/exec"}},
	"internal/report/perfetto": {may: []string{"result", "internal/report"}, never: []string{"internal/vm", "os/exec"}},
	"internal/report/lanes":    {may: []string{"result", "tracer/timeline"}, never: []string{"internal/vm", "os/exec", "net", ebpf}},
	"internal/report/svg":      {may: []string{"internal/report/lanes", "result"}, never: []string{"internal/vm", "os/exec", "net", ebpf}},
	"internal/report/page":     {may: []string{"internal/report/lanes", "internal/report/svg", "result"}, never: []string{"internal/vm", "os/exec", "net", ebpf}},
	"internal/recording":       {may: []string{"internal/wire", "result"}, never: []string{"internal/vm", "os/exec"}},
	"internal/rundiff":         {may: []string{"result"}, never: []string{"internal/vm", "os/exec"}},
	"internal/filelock":        {never: []string{"os/exec", "net"}},
	"internal/needs":           {},
	"internal/ptytest":         {},
	"internal/foreign":         {may: []string{"internal/needs", "result"}},
	"internal/cli":             {may: []string{"*"}},
}

const ebpf = "github.com/cilium/ebpf"

type listed struct {
	ImportPath    string
	Doc           string
	Imports, Deps []string
}

func listPackages(t *testing.T) []listed {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Doc,Imports,Deps", "./...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var packages []listed
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		err := d.Decode(&p)
		if errors.Is(err, io.EOF) {
			return packages
		}
		if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
}

// room is a package's path inside the module; ok is false for others' packages.
func room(path string) (string, bool) {
	if path == module {
		return "", true
	}
	return strings.CutPrefix(path, module+"/")
}

// TestImports holds the code to the table of docs/ARCHITECTURE.md. When the table
// is in the way, change both, with the reason.
func TestImports(t *testing.T) {
	seen := 0
	for _, p := range listPackages(t) {
		name, _ := room(p.ImportPath)
		rule, ok := rooms[name]
		if !ok {
			t.Errorf("package %s is in no row of the table", p.ImportPath)
			continue
		}
		seen++
		for _, imported := range p.Imports {
			if other, ours := room(imported); ours && !slices.Contains(rule.may, "*") && !slices.Contains(rule.may, other) {
				t.Errorf("%s imports %s; the table does not allow it", p.ImportPath, imported)
			}
		}
		for _, never := range rule.never {
			path := never
			if _, known := rooms[never]; known {
				path = module + "/" + never
			}
			if slices.Contains(p.Deps, path) {
				t.Errorf("%s reaches %s, which it must never", p.ImportPath, path)
			}
		}
	}
	if seen != len(rooms) {
		t.Errorf("the table has %d rows and the module %d packages", len(rooms), seen)
	}
}

func TestPackageDocs(t *testing.T) {
	for _, p := range listPackages(t) {
		if p.Doc == "" {
			t.Errorf("package %s has no doc comment", p.ImportPath)
		}
	}
}
