// SPDX-License-Identifier: MIT

package verdict

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/internal/lazyregexp"
	"github.com/kmodlab/kmodlab/internal/srcline"
	"github.com/kmodlab/kmodlab/result"
	"github.com/kmodlab/kmodlab/tracer/symbols"
)

// locator finds the source lines of frames.
type locator struct {
	files   map[string]evidence.File
	sources map[string]evidence.Source
	table   *symbols.Table
	modules map[string]*debugInfo
	shown   map[string]map[int]string // lines that were shown, by the source's name
}

func newLocator(e *evidence.Evidence, table *symbols.Table) *locator {
	return &locator{
		files: e.Files, sources: e.Sources, table: table,
		modules: make(map[string]*debugInfo), shown: make(map[string]map[int]string),
	}
}

// sitePattern is a call site as it is shown: function+0x1 [module].
var sitePattern = lazyregexp.New(`^([^\s+]+)\+0x([0-9a-f]{1,8}) \[([\w-]+)\]$`)

// position returns the file and line of a site, empty if they are not known. exact is
// as in result.Frame: the site is an instruction, not a return address.
func (l *locator) position(site string, exact bool) (file string, line int) {
	s := l.source(site, exact)
	return s.File, s.Line
}

// source is position with the source lines around it.
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
	for _, f := range frames { // the person's own line, not an inlined one of a header
		if f.Source != nil {
			at = f
			break
		}
	}
	return result.Source{File: at.File, Line: at.Line, Source: at.Source}
}

// locateAll returns the source lines of the places at which tasks acted.
func (l *locator) locateAll(places []string) map[string]result.Source {
	var sources map[string]result.Source
	for _, place := range places {
		if s := l.source(place, false); s.File != "" {
			if sources == nil {
				sources = make(map[string]result.Source)
			}
			sources[place] = s
		}
	}
	return sources
}

// debugInfo is the debug information of one module's file.
type debugInfo struct {
	module  *srcline.Module
	missing bool   // there is no file
	note    string // why there is no debug information
}

// locate gives a crash's frames their files and lines, and inserts inlined frames
// before the frame that contains them.
func (l *locator) locate(c *result.Crash) {
	frames := make([]result.Frame, 0, len(c.Frames))
	for _, f := range c.Frames {
		bare := f.Place()
		if l.name(&f); f.Module != "" && f.Address != 0 {
			// The kernel has names only for code that is loaded.
			c.Title = strings.ReplaceAll(c.Title, " in "+bare, " in "+f.Place()+", code already freed")
		}
		frames = append(frames, l.expand(c, f)...)
	}
	c.Frames = frames
}

// name finds the function at a bare address: code of an unloaded module, or init
// text that was freed. The trace recorded where each module was.
func (l *locator) name(f *result.Frame) {
	if f.Function != "" || f.Address == 0 {
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

// expand gives a frame its position, and puts the frames inlined there before it.
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
		at.File, at.Source = l.around(p.File, p.Line)
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
	file, ok := l.files[module]
	switch {
	case !ok:
		info.missing = true
	case file.Err != "":
		info.note = fmt.Sprintf("no source lines: %s: %s", file.Name, file.Err)
	default:
		var err error
		if info.module, err = srcline.Open(file.Data); err != nil {
			info.note = fmt.Sprintf("no source lines: %s: %v", file.Name, err)
		}
	}
	return info
}

// sourceAround is how many lines are shown before and after a line.
const sourceAround = 2

// around returns a source file's name as the person knows it, and the lines around
// the given one.
func (l *locator) around(file string, line int) (string, []result.Line) {
	s, ok := l.sources[file]
	if !ok {
		return srcline.Name(file), nil
	}
	var lines []result.Line
	for n := max(1, line-sourceAround); n <= line+sourceAround && n <= len(s.Lines) && line <= len(s.Lines); n++ {
		lines = append(lines, result.Line{Number: n, Text: s.Lines[n-1]})
	}
	l.note(file, lines)
	return s.Name, lines
}

// note remembers what was shown of a file.
func (l *locator) note(file string, lines []result.Line) {
	if l.shown[file] == nil {
		l.shown[file] = make(map[int]string)
	}
	for _, line := range lines {
		l.shown[file][line.Number] = line.Text
	}
}
