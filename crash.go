// SPDX-License-Identifier: MIT

package kmodlab

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/kmodlab/kmodlab/internal/kbuild"
	"github.com/kmodlab/kmodlab/internal/lazyregexp"
	"github.com/kmodlab/kmodlab/internal/oops"
	"github.com/kmodlab/kmodlab/internal/recording"
	"github.com/kmodlab/kmodlab/internal/srcline"
	"github.com/kmodlab/kmodlab/result"
	"github.com/kmodlab/kmodlab/tracer/symbols"
)

// crashReports finds the kernel's complaints on the console and in the kernel's
// log, and says where in the person's sources they stand.
func (r *run) crashReports(console string, l *locator) []result.Crash {
	crashes := oops.Parse([]byte(console))
	if !r.spec.Here { // there the log is the console
		crashes = oops.Merge(crashes, oops.Parse(r.kernelLog.bytes()))
	}
	for i := range crashes {
		c := &crashes[i]
		c.Title = strings.ReplaceAll(c.Title, kbuild.SourceDir+"/", "") // the person's file, not the build's copy of it
		r.unhide(c)
		l.locate(c)
		oops.Blame(c, r.studied())
		c.Title = titleWithLine(c)
	}
	nameHog(crashes)
	return crashes
}

// nameHog adds to a panic for want of memory who had asked for it before: the task
// that comes last, often init, only wanted a little.
func nameHog(crashes []result.Crash) {
	hog := ""
	for i := range crashes {
		c := &crashes[i]
		f := c.GuiltyFrame()
		switch {
		case c.Type == "oom-kill" && f != nil && hog == "":
			hog = f.Place()
			if f.Position() != "" {
				hog += " (" + f.Position() + ")"
			}
		case c.Class == result.Panic && f == nil && hog != "" && outOfMemory.MatchString(c.Title):
			c.Title += ", asked for before by " + hog
		}
	}
}

// outOfMemory is a panic of the kernel's out_of_memory(), 5.10 to 7.3.
var outOfMemory = lazyregexp.New(`^Kernel panic: (?:System is deadlocked on memory|[Oo]ut of memory)`)

// stamped prints a record of /dev/kmsg ("prio,seq,usec,flags,caller=T1;text") as
// a console would.
func stamped(record string) string {
	head, text, _ := strings.Cut(record, ";")
	text, _, _ = strings.Cut(text, "\n") // then come the device's properties
	fields := strings.Split(head, ",")
	if len(fields) < 3 {
		return text
	}
	us, err := strconv.ParseUint(fields[2], 10, 63)
	if err != nil {
		return text
	}
	caller := ""
	for _, f := range fields[3:] {
		if c, ok := strings.CutPrefix(f, "caller="); ok {
			caller = "[" + c + "]"
		}
	}
	return fmt.Sprintf("[%5d.%06d]%s %s", us/1e6, us%1e6, caller, text)
}

// titleWithLine adds the guilty frame's place and line to a crash's title, where
// they are not in it: the kernel's own words often name a function of its own.
func titleWithLine(c *result.Crash) string {
	f := c.GuiltyFrame()
	if f == nil || f.Position() == "" || strings.Contains(c.Title, f.Position()) {
		return c.Title
	}
	title := c.Title
	if !f.Inlined && !strings.Contains(title, f.Place()) {
		title += ", called from " + f.Place()
	}
	return title + " (" + f.Position() + ")"
}

// locator finds the source lines of frames.
type locator struct {
	read    func(module string) ([]byte, error)
	path    func(module string) string
	table   *symbols.Table // nil where nothing was traced
	modules map[string]*debugInfo
	sources *sourceTree
}

func (r *run) locator() *locator {
	return &locator{read: r.readModule, path: r.moduleFile, table: r.trace.table, modules: make(map[string]*debugInfo), sources: r.openSources()}
}

// sitePattern is a call site as it is shown: function+0x1 [module].
var sitePattern = lazyregexp.New(`^([^\s+]+)\+0x([0-9a-f]{1,8}) \[([\w-]+)\]$`)

// position gives a site its file and line, empty where that is not known. exact is
// as in result.Frame: an instruction and no return address.
func (l *locator) position(site string, exact bool) (file string, line int) {
	s := l.source(site, exact)
	return s.File, s.Line
}

// source is position with the lines around it.
func (l *locator) source(site string, exact bool) result.Source {
	m := sitePattern.FindStringSubmatch(site)
	if m == nil {
		return result.Source{}
	}
	offset, err := strconv.ParseUint(m[2], 16, 64)
	if err != nil {
		return result.Source{}
	}
	frames := l.expand(new(result.Crash), result.Frame{Function: m[1], Offset: offset, Module: m[3], Exact: exact})
	at := frames[len(frames)-1]
	for _, f := range frames { // the person's own line, not one of a header that was put in
		if f.Source != nil {
			at = f
			break
		}
	}
	return result.Source{File: at.File, Line: at.Line, Source: at.Source}
}

// locateAll says where the places stand at which tasks acted.
func (l *locator) locateAll(res *result.Result) {
	for _, place := range res.Places() {
		if s := l.source(place, false); s.File != "" {
			if res.Sources == nil {
				res.Sources = make(map[string]result.Source)
			}
			res.Sources[place] = s
		}
	}
}

// debugInfo is what is known of one module's file.
type debugInfo struct {
	module  *srcline.Module
	missing bool   // there is no file to look into
	note    string // why it tells nothing
}

// locate gives a crash's frames their files and lines, and puts the frames that
// the compiler inlined before those that hold them.
func (l *locator) locate(c *result.Crash) {
	frames := make([]result.Frame, 0, len(c.Frames))
	for _, f := range c.Frames {
		bare := f.Place()
		if l.name(&f); f.Module != "" && f.Address != 0 {
			// The kernel names code that is there.
			c.Title = strings.ReplaceAll(c.Title, " in "+bare, " in "+f.Place()+", code that is gone")
		}
		frames = append(frames, l.expand(c, f)...)
	}
	c.Frames = frames
}

// name finds what lies at a bare address: code of a module that is gone, or of
// init text that was freed. The trace saw where each module was.
func (l *locator) name(f *result.Frame) {
	if f.Function != "" || f.Address == 0 || l.table == nil {
		return
	}
	addr := f.Address
	if f.Exact {
		addr++ // Site takes return addresses
	}
	site := l.table.Site(addr, ^uint64(0))
	if site.Symbol == "" {
		return
	}
	f.Function, f.Offset, f.Module = site.Symbol, site.Offset, site.Module
	if f.Exact {
		f.Offset--
	}
}

// expand gives a frame its position, behind the frames inlined there.
func (l *locator) expand(c *result.Crash, f result.Frame) []result.Frame {
	if f.Module == "" || f.Function == "" {
		return []result.Frame{f}
	}
	info := l.info(f.Module)
	if info.missing {
		return []result.Frame{f}
	}
	if info.module == nil {
		c.Note = info.note
		return []result.Frame{f}
	}
	positions, err := info.module.Find(f.Function, f.Offset, f.Size, f.Exact)
	if err != nil || len(positions) == 0 {
		return []result.Frame{f}
	}
	var frames []result.Frame
	for i, p := range positions {
		at := f
		if i < len(positions)-1 {
			at = result.Frame{Function: p.Function, Module: f.Module, Reliable: f.Reliable, Exact: f.Exact, Inlined: true}
		}
		at.File, at.Source = l.sources.around(p.File, p.Line)
		at.Line = p.Line
		frames = append(frames, at)
	}
	return frames
}

func (l *locator) info(module string) *debugInfo {
	if info := l.modules[module]; info != nil {
		return info
	}
	info := new(debugInfo)
	l.modules[module] = info
	ko, err := l.read(module)
	if info.missing = errors.Is(err, errNoModule); info.missing {
		return info
	}
	if err == nil {
		info.module, err = srcline.Open(ko)
	}
	if err != nil {
		info.note = fmt.Sprintf("no source lines: %s: %v", filepath.Base(l.path(module)), err)
	}
	return info
}

// sourceTree reads the person's sources: the folder that was built, or those
// that the given .ko files lie in. A module's debug information may name any
// path; nothing outside of these folders is read.
type sourceTree struct {
	roots []*os.Root
	found map[string]found
	shown map[string]recording.Source // of it, for a recording
}

type found struct {
	rel   string
	lines []string
}

func (r *run) openSources() *sourceTree {
	if r.recorded != nil {
		return recordedSources(r.recorded)
	}
	dirs := []string{r.spec.Dir}
	if r.spec.Dir == "" {
		dirs = nil
		for _, f := range r.spec.Files {
			dirs = append(dirs, filepath.Dir(f))
		}
	}
	t := &sourceTree{found: make(map[string]found), shown: make(map[string]recording.Source)}
	seen := make(map[string]bool)
	for _, dir := range dirs {
		if seen[dir] {
			continue
		}
		seen[dir] = true
		if root, err := os.OpenRoot(dir); err == nil { // a folder that is gone has no lines to show
			t.roots = append(t.roots, root)
		}
	}
	return t
}

func (t *sourceTree) close() {
	for _, r := range t.roots {
		r.Close()
	}
}

const (
	sourceAround = 2       // lines before and behind
	maxSource    = 4 << 20 // bytes of one file
	maxSourceRow = 200     // bytes of one line
)

// around gives a file's name as the person knows it and the lines around one.
func (t *sourceTree) around(file string, line int) (string, []result.Line) {
	f, ok := t.found[file]
	if !ok {
		f = t.find(file)
		t.found[file] = f
	}
	var lines []result.Line
	for n := max(1, line-sourceAround); n <= line+sourceAround && n <= len(f.lines) && line <= len(f.lines); n++ {
		lines = append(lines, result.Line{Number: n, Text: f.lines[n-1]})
	}
	t.note(file, f, lines)
	return f.rel, lines
}

// note keeps what was shown of a file.
func (t *sourceTree) note(file string, f found, lines []result.Line) {
	if t.shown == nil {
		return
	}
	s, ok := t.shown[file]
	if !ok {
		s = recording.Source{Name: f.rel, Lines: len(f.lines), Text: make(map[int]string)}
		t.shown[file] = s
	}
	for _, line := range lines {
		s.Text[line.Number] = line.Text
	}
}

// headersPath is where a kernel's own headers lie when a module is built.
var headersPath = lazyregexp.New(`^.*/linux-headers-[^/]+/`)

// find looks for the longest end of the path that the folders have: builds
// record the path of their own copy.
func (t *sourceTree) find(file string) found {
	if file == "" {
		return found{}
	}
	file = path.Clean(strings.ReplaceAll(file, "\\", "/"))
	if headersPath.MatchString(file) {
		return found{rel: headersPath.ReplaceAllString(file, "")}
	}
	rel := strings.TrimPrefix(file, kbuild.SourceDir+"/")
	for end := strings.TrimPrefix(rel, "/"); ; {
		for _, root := range t.roots {
			if lines, err := readLines(root, end); err == nil {
				return found{end, lines}
			}
		}
		_, after, ok := strings.Cut(end, "/")
		if !ok {
			return found{rel: rel}
		}
		end = after
	}
}

var errNoSource = errors.New("no regular file of a bearable size")

func readLines(root *os.Root, name string) ([]string, error) {
	st, err := root.Stat(name)
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() || st.Size() > maxSource {
		return nil, errNoSource
	}
	f, err := root.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var lines []string
	s := bufio.NewScanner(io.LimitReader(f, maxSource))
	s.Buffer(nil, maxSource)
	for s.Scan() {
		lines = append(lines, sourceRow(s.Text()))
	}
	return lines, s.Err()
}

func sourceRow(s string) string {
	s = strings.ToValidUTF8(strings.TrimRight(s, "\r"), "\ufffd")
	if len(s) > maxSourceRow {
		return strings.ToValidUTF8(s[:maxSourceRow], "") + "…"
	}
	return s
}
