// SPDX-License-Identifier: MIT

package kmod

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
)

// indexed is a module on its way into the index.
type indexed struct {
	*Module
	rel   string     // path below the tree's folder
	deps  []*indexed // what it needs directly, in the order of its symbols
	users int        // how many need it directly
	order int        // position in modules.order, or behind all that are
	rank  int        // position after sorting: users before what they need
}

// WriteIndex does depmod's work for root/lib/modules/release: it reads every
// module and writes modules.dep, modules.alias, modules.softdep,
// modules.symbols and modules.devname as kmod 30's depmod does, byte for byte. Each is
// written beside the old one and renamed over it; when anything is wrong no
// file changes. Modules that need each other give a CycleError. A file that is
// not a module is listed without dependencies, as depmod does it: loading it
// gives a better error than not finding it. Index tells which these are.
func WriteIndex(root, release string) error {
	_, err := Index(root, release)
	return err
}

// Index is WriteIndex, and says which files of the tree are not modules.
func Index(root, release string) (bad []error, err error) {
	dir := (&Tree{Root: root, Release: release}).Dir()
	paths, err := moduleFiles(dir)
	if err != nil {
		return nil, fmt.Errorf("index modules: %w", err)
	}
	mods, bad, err := readIndexed(dir, paths)
	if err != nil {
		return bad, fmt.Errorf("index modules: %w", err)
	}
	owners := symbolOwners(mods)
	linkIndexed(mods, owners)
	if err := rankIndexed(mods); err != nil {
		return bad, fmt.Errorf("index %s: %w", dir, err)
	}
	err = writeTables(dir, []indexTable{
		{"modules.dep", func(w io.Writer) { writeDep(w, mods) }},
		{"modules.alias", func(w io.Writer) { writeAlias(w, mods) }},
		{"modules.softdep", func(w io.Writer) { writeSoftdep(w, mods) }},
		{"modules.symbols", func(w io.Writer) { writeSymbols(w, owners) }},
		{"modules.devname", func(w io.Writer) { writeDevname(w, mods) }},
	})
	return bad, err
}

// moduleFiles lists the tree's modules relative to dir, in kmod's order before
// modules.order counts. Of two modules with one name the one below updates/ counts.
func moduleFiles(dir string) ([]string, error) {
	w := treeWalk{byName: map[string]string{}}
	if err := w.walk(dir, ""); err != nil {
		return nil, err
	}
	paths := make([]string, 0, len(w.byName))
	for _, rel := range w.byName {
		paths = append(paths, rel)
	}
	sortByHash(paths, 512, CanonicalName)
	return paths, nil
}

// treeWalk searches as depmod does: it follows links to folders, which
// filepath.WalkDir does not, and enters nothing that is called build or source.
type treeWalk struct {
	byName map[string]string
	above  []fs.FileInfo // the folders that lead to the present one
}

func (w *treeWalk) walk(dir, rel string) error {
	here, err := os.Stat(dir)
	if err != nil {
		return err
	}
	for _, up := range w.above {
		if os.SameFile(up, here) { // a link to a folder above it
			return nil
		}
	}
	w.above = append(w.above, here)
	defer func() { w.above = w.above[:len(w.above)-1] }()
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		name := e.Name()
		path, sub := filepath.Join(dir, name), filepath.Join(rel, name)
		isDir := e.IsDir()
		if e.Type()&fs.ModeSymlink != 0 {
			st, err := os.Stat(path)
			if err != nil { // dangling
				continue
			}
			isDir = st.IsDir()
		}
		switch {
		case isDir && (name == "build" || name == "source"):
		case isDir:
			if err := w.walk(path, sub); err != nil {
				return err
			}
		case isModuleFile(name):
			w.add(sub)
		}
	}
	return nil
}

func (w *treeWalk) add(rel string) {
	name := CanonicalName(rel)
	if old, ok := w.byName[name]; !ok || !inUpdates(old) && inUpdates(rel) {
		w.byName[name] = rel
	}
}

func inUpdates(rel string) bool { return strings.HasPrefix(rel, "updates/") }

func isModuleFile(name string) bool {
	for _, ext := range [...]string{".ko", ".ko.gz", ".ko.xz", ".ko.zst"} {
		if strings.HasSuffix(name, ext) {
			return true
		}
	}
	return false
}

// plainPath drops the suffix of a compressed module.
func plainPath(rel string) string {
	if i := strings.LastIndex(rel, ".ko."); i >= 0 {
		return rel[:i+3]
	}
	return rel
}

// readIndexed reads the modules on all processors and keeps the order of paths.
func readIndexed(dir string, paths []string) (mods []*indexed, bad []error, err error) {
	results, errs := make([]*Module, len(paths)), make([]error, len(paths))
	var next sync.Mutex
	var wg sync.WaitGroup
	i := 0
	for range min(runtime.GOMAXPROCS(0), len(paths)) {
		wg.Go(func() {
			for {
				next.Lock()
				k := i
				i++
				next.Unlock()
				if k >= len(paths) {
					return
				}
				results[k], errs[k] = OpenModule(filepath.Join(dir, paths[k]))
			}
		})
	}
	wg.Wait()
	for k, m := range results {
		switch {
		case errs[k] == nil:
			mods = append(mods, &indexed{Module: m, rel: paths[k]})
		case errors.Is(errs[k], fs.ErrNotExist): // removed meanwhile
		case errors.Is(errs[k], ErrInvalidModule):
			bad = append(bad, errs[k])
			mods = append(mods, &indexed{Module: &Module{Name: CanonicalName(paths[k])}, rel: paths[k]})
		default:
			return nil, nil, errs[k]
		}
	}
	return mods, bad, orderIndexed(dir, mods)
}

// orderIndexed moves the modules that modules.order names to the front.
func orderIndexed(dir string, mods []*indexed) error {
	data, err := os.ReadFile(filepath.Join(dir, "modules.order"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	byPath := make(map[string]*indexed, len(mods))
	for _, m := range mods {
		byPath[plainPath(m.rel)] = m
	}
	n := 0
	for line := range lines(data) {
		if m := byPath[string(line)]; m != nil && m.order == 0 {
			n++
			m.order = n
		}
	}
	for _, m := range mods {
		if m.order == 0 {
			m.order = n + 1
		}
	}
	slices.SortStableFunc(mods, func(a, b *indexed) int { return a.order - b.order })
	return nil
}

// symbolOwners says which module exports a symbol; the last one wins.
func symbolOwners(mods []*indexed) map[string]*indexed {
	owners := make(map[string]*indexed, 8*len(mods))
	for _, m := range mods {
		for _, name := range m.depmodExports {
			owners[strings.TrimPrefix(name, ".")] = m
		}
	}
	return owners
}

func linkIndexed(mods []*indexed, owners map[string]*indexed) {
	for _, m := range mods {
		for _, s := range m.Needs {
			if owner := owners[s.Name]; owner != nil && owner != m && !slices.Contains(m.deps, owner) {
				m.deps = append(m.deps, owner)
				owner.users++
			}
		}
	}
}

// rankIndexed ranks users before what they need: from a stack of modules that
// nobody (more) uses, the last one found first.
func rankIndexed(mods []*indexed) error {
	left := make(map[*indexed]int, len(mods))
	var stack []*indexed
	ranked := 0
	for _, m := range mods {
		left[m] = m.users
		if m.users == 0 {
			stack = append(stack, m)
		}
	}
	for len(stack) > 0 {
		m := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		m.rank = ranked
		ranked++
		for _, d := range m.deps {
			if left[d]--; left[d] == 0 {
				stack = append(stack, d)
			}
		}
	}
	if ranked < len(mods) {
		return findCycle(mods, left)
	}
	return nil
}

// findCycle walks users' dependencies among the modules left over until one
// comes up again.
func findCycle(mods []*indexed, left map[*indexed]int) error {
	graph := map[string][]string{}
	for _, m := range mods {
		if left[m] > 0 {
			for _, d := range m.deps {
				graph[m.Name] = append(graph[m.Name], d.Name)
			}
		}
	}
	return cycleError(graph)
}

// cycleError names one ring of a graph that is known to have one.
func cycleError(graph map[string][]string) error {
	state := map[string]int{} // 1: on the path, 2: done
	var path, ring []string
	var visit func(string) bool
	visit = func(n string) bool {
		switch state[n] {
		case 1:
			ring = append(slices.Clone(path[slices.Index(path, n):]), n)
			return true
		case 2:
			return false
		}
		state[n] = 1
		path = append(path, n)
		if slices.ContainsFunc(graph[n], visit) {
			return true
		}
		path = path[:len(path)-1]
		state[n] = 2
		return false
	}
	names := make([]string, 0, len(graph))
	for n := range graph {
		names = append(names, n)
	}
	slices.Sort(names)
	if !slices.ContainsFunc(names, visit) {
		return nil
	}
	return &CycleError{Names: ring}
}

// allDeps are direct and indirect dependencies, by rank: loading goes through
// them backwards.
func (m *indexed) allDeps() []*indexed {
	seen := map[*indexed]bool{m: true}
	var all []*indexed
	var visit func(*indexed)
	visit = func(n *indexed) {
		for _, d := range n.deps {
			if !seen[d] {
				seen[d] = true
				all = append(all, d)
				visit(d)
			}
		}
	}
	visit(m)
	slices.SortFunc(all, func(a, b *indexed) int { return a.rank - b.rank })
	return all
}

type indexTable struct {
	name  string
	write func(io.Writer)
}

// writeTables writes all files under temporary names before it renames the
// first, so that a full disk leaves the old index whole.
func writeTables(dir string, tables []indexTable) (err error) {
	temps := make([]string, 0, len(tables))
	defer func() {
		for _, t := range temps {
			os.Remove(t)
		}
	}()
	for _, t := range tables {
		temp, err := writeTemp(dir, t)
		if temp != "" {
			temps = append(temps, temp)
		}
		if err != nil {
			return fmt.Errorf("write module index %s: %w", t.name, err)
		}
	}
	for i, t := range tables {
		if err := os.Rename(temps[i], filepath.Join(dir, t.name)); err != nil {
			return fmt.Errorf("write module index %s: %w", t.name, err)
		}
	}
	return nil
}

func writeTemp(dir string, t indexTable) (temp string, err error) {
	f, err := os.CreateTemp(dir, "."+t.name+".*")
	if err != nil {
		return "", err
	}
	w := bufio.NewWriterSize(f, 64<<10)
	t.write(w)
	err = errors.Join(w.Flush(), f.Chmod(0o644), f.Close())
	return f.Name(), err
}

func writeDep(w io.Writer, mods []*indexed) {
	for _, m := range mods {
		io.WriteString(w, m.rel+":")
		for _, d := range m.allDeps() {
			io.WriteString(w, " "+d.rel)
		}
		io.WriteString(w, "\n")
	}
}

func writeAlias(w io.Writer, mods []*indexed) {
	io.WriteString(w, "# Aliases extracted from modules themselves.\n")
	for _, m := range mods {
		for _, alias := range m.Info.All("alias") {
			fmt.Fprintf(w, "alias %s %s\n", alias, m.Name)
		}
	}
}

func writeSoftdep(w io.Writer, mods []*indexed) {
	io.WriteString(w, "# Soft dependencies extracted from modules themselves.\n")
	for _, m := range mods {
		for _, dep := range m.Info.All("softdep") {
			fmt.Fprintf(w, "softdep %s %s\n", m.Name, dep)
		}
	}
}

func writeSymbols(w io.Writer, owners map[string]*indexed) {
	io.WriteString(w, "# Aliases for symbols, used by symbol_request().\n")
	names := make([]string, 0, len(owners))
	for name := range owners {
		names = append(names, name)
	}
	sortByHash(names, 2048, func(s string) string { return s })
	for _, name := range names {
		fmt.Fprintf(w, "alias symbol:%s %s\n", name, owners[name].Name)
	}
}

// writeDevname lists the device nodes whose opening loads a module: a module
// with an alias for its device number and one for its node's name.
func writeDevname(w io.Writer, mods []*indexed) {
	first := true
	for _, m := range mods {
		node, device := deviceNode(m.Info.All("alias"))
		if node == "" || device == "" {
			continue
		}
		if first {
			io.WriteString(w, "# Device nodes to trigger on-demand module loading.\n")
			first = false
		}
		fmt.Fprintf(w, "%s %s %s\n", m.Name, node, device)
	}
}

func deviceNode(aliases []string) (node, device string) {
	for _, a := range aliases {
		if name, ok := strings.CutPrefix(a, "devname:"); ok {
			node = name
		}
		for _, kind := range [...]string{"char", "block"} {
			var major, minor uint
			if n, _ := fmt.Sscanf(a, kind+"-major-%d-%d", &major, &minor); n == 2 {
				device = fmt.Sprintf("%c%d:%d", kind[0], major, minor)
			}
		}
	}
	return node, device
}
