// SPDX-License-Identifier: MIT

package kbuild

import (
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/kmodlab/kmodlab/internal/lazyregexp"
)

// Diagnostic is one complaint of the compiler, modpost, the linker or make.
type Diagnostic struct {
	File     string `json:"file,omitempty"`   // relative to the person's folder if it is in there
	Line     int    `json:"line,omitempty"`   // from 1; 0 if unknown
	Column   int    `json:"column,omitempty"` // from 1; 0 if unknown
	Severity string `json:"severity"`         // error or warning
	Text     string `json:"text"`

	near string // what the notes behind it name: a macro, a member
}

// String returns file:line:col: text, as editors parse it.
func (d Diagnostic) String() string {
	s := d.File
	for _, n := range []int{d.Line, d.Column} {
		if n > 0 {
			s += ":" + strconv.Itoa(n)
		}
	}
	if s != "" {
		s += ": "
	}
	return s + d.Text
}

// maxDiagnostics bounds what a hostile log can produce.
const (
	maxDiagnostics = 200
	maxNear        = 500 // bytes
)

var (
	// gcc, clang, sparse, gas. The assembler gives no column.
	reTool = lazyregexp.New(`^([^\s:][^:]*):(\d+):(?:(\d+):)? (?i:(fatal error|error|warning|note)): (.*)$`)
	// The last file of an include chain is the person's own.
	reFrom = lazyregexp.New(`^(?:In file included| {2,}) *from ([^:]+):(\d+)(?::(\d+))?[:,]$`)
	// WARNING: "sym" [x.ko] undefined! has no "modpost:" before 5.8.
	reModpost = lazyregexp.New(`^(ERROR|WARNING|FATAL): (?:modpost: )?(.*)$`)
	reKo      = lazyregexp.New(`\[([^\]]*\.ko)\]`)
	// 7.x puts the module first: modpost: x.ko: symbol 'sym' undefined!
	reUndef7 = lazyregexp.New(`^modpost: (\S+\.ko): symbol '(\w+)' undefined!$`)
	reMakeAt = lazyregexp.New(`^([^\s:][^:]*):(\d+): \*\*\* (.*)$`)
	reMake   = lazyregexp.New(`^make(?:\[\d+\])?: \*\*\* (.*)$`)
	// make's last words about a recipe that has already printed its own error.
	reMakeEcho = lazyregexp.New(`^\[.*\] (Error \d+|[A-Z][a-z].*)$`)
	reLd       = lazyregexp.New(`^(?:\S*/)?(?:\S*-)?ld(?:\.\w+)?: (.*)$`)
	reLdAt     = lazyregexp.New(`([^\s:]+\.[A-Za-z]+):(\d+): (.*)$`)
	// gcc's linker says where, in the next line, without its own name.
	reLdSite   = lazyregexp.New(`^(\S+\.[A-Za-z]+):(\d+): ((?:multiple definition of|undefined reference to) .*)$`)
	reObjtool  = lazyregexp.New(`^(\S+)\.o: (error|warning): (objtool: .*)$`)
	reCc1      = lazyregexp.New(`^(?:cc1|gcc|clang|[\w-]*-gcc(?:-\d+)?|gcc-\d+): (?:fatal )?error: (.*)$`)
	reNotFound = lazyregexp.New(`^(?:/bin/)?sh: (?:\d+: |line \d+: )?(?:exec: )?([\w./+-]+): (?:command )?not found$`)
	reNoDir    = lazyregexp.New(`^make: \*\*\* (\S+/build): (.*)\.  Stop\.$`)
)

// diagParser reads a log line by line.
type diagParser struct {
	src   string          // the source folder as the tools saw it
	own   map[string]bool // the person's files, relative
	found []Diagnostic
	from  *Diagnostic // the innermost own file of the include chain just read
	away  bool        // the last finding is in a file that is not the person's
	seen  map[Diagnostic]bool
}

// diagnose finds the complaints in a log. src is the source folder as the tools saw it; own holds the person's files,
// relative to it.
func diagnose(log, src string, own map[string]bool) []Diagnostic {
	p := diagParser{src: src, own: own}
	for _, l := range lines(log) {
		if len(p.found) >= maxDiagnostics {
			break
		}
		p.line(strings.TrimRight(stripCodes(l), " \r"))
	}
	return p.found
}

func (p *diagParser) line(l string) {
	if m := reFrom.FindStringSubmatch(l); m != nil {
		if d := p.at(m[1], m[2], m[3]); p.own[d.File] {
			p.from = &d
		}
		return
	}
	if m := reTool.FindStringSubmatch(l); m != nil {
		p.tool(p.at(m[1], m[2], m[3]), strings.ToLower(m[4]), m[5])
		return
	}
	switch {
	case p.modpost(l), p.make(l), p.objtool(l):
	case strings.Contains(l, ": in function `") && strings.HasSuffix(l, "':"): // the next line says what
	default:
		if m := reLdSite.FindStringSubmatch(l); m != nil {
			d := p.at(m[1], m[2], "")
			d.Severity, d.Text = "error", "ld: "+p.strip(m[3])
			p.add(d)
		} else if m := reLd.FindStringSubmatch(l); m != nil {
			sev := "error"
			if strings.Contains(m[1], "warning: ") {
				sev = "warning"
			}
			p.add(p.linker(sev, m[1]))
		} else if m := reCc1.FindStringSubmatch(l); m != nil {
			p.add(Diagnostic{Severity: "error", Text: m[1]})
		}
	}
}

// tool handles one gcc line. An error inside a kernel header is shown where the person's file led there: at the macro
// it used, else at the include.
func (p *diagParser) tool(d Diagnostic, severity, text string) {
	if severity == "note" {
		p.note(text)
		if p.away && p.own[d.File] && strings.HasPrefix(text, "in expansion of macro") {
			p.move(d)
			p.away = false
		}
		return
	}
	d.Severity, d.Text = strings.TrimPrefix(severity, "fatal "), text
	from := p.from
	p.from = nil
	away := !p.own[d.File]
	if away {
		d.Text += fmt.Sprintf(" (at %s:%d)", d.File, d.Line)
	}
	p.away = p.add(d) && away
	if p.away && from != nil {
		p.move(*from)
	}
}

// note keeps what a note adds to the last finding.
func (p *diagParser) note(text string) {
	named := strings.HasPrefix(text, "in expansion of macro") || strings.HasPrefix(text, "(near initialization for")
	if len(p.found) > 0 && named {
		last := &p.found[len(p.found)-1]
		if len(last.near) < maxNear {
			last.near += text + " "
		}
	}
}

// move puts the last finding at a place in the person's file.
func (p *diagParser) move(to Diagnostic) {
	last := &p.found[len(p.found)-1]
	last.File, last.Line, last.Column = to.File, to.Line, to.Column
}

func (p *diagParser) modpost(l string) bool {
	m := reModpost.FindStringSubmatch(l)
	if m == nil {
		return false
	}
	d := Diagnostic{Severity: "error", Text: "modpost: " + p.strip(m[2])}
	if m[1] == "WARNING" {
		d.Severity = "warning"
	}
	if ko := reKo.FindStringSubmatch(d.Text); ko != nil {
		d.File = p.rel(ko[1])
		d.Text = strings.Replace(d.Text, " ["+ko[1]+"]", "", 1)
	} else if m := reUndef7.FindStringSubmatch(d.Text); m != nil {
		d.File, d.Text = p.rel(m[1]), fmt.Sprintf("modpost: %q undefined!", m[2])
	}
	p.add(d)
	return true
}

func (p *diagParser) make(l string) bool {
	if m := reMakeAt.FindStringSubmatch(l); m != nil && !strings.HasPrefix(l, "make") {
		d := p.at(m[1], m[2], "")
		d.Severity, d.Text = "error", strings.TrimSuffix(p.strip(m[3]), "  Stop.")
		p.add(d)
		return true
	}
	m := reMake.FindStringSubmatch(l)
	if m == nil {
		return false
	}
	if reMakeEcho.MatchString(m[1]) || strings.HasPrefix(m[1], "Waiting for ") || strings.HasPrefix(m[1], "Deleting ") {
		return true
	}
	text := strings.TrimSuffix(p.strip(m[1]), "  Stop.")
	text, _, _ = strings.Cut(text, ", needed by '")
	p.add(Diagnostic{Severity: "error", Text: "make: " + text})
	return true
}

// objtool checks what the compiler made, and names the object instead of the source.
func (p *diagParser) objtool(l string) bool {
	m := reObjtool.FindStringSubmatch(l)
	if m == nil {
		return false
	}
	d := Diagnostic{File: p.rel(m[1] + ".c"), Severity: m[2], Text: p.strip(m[3])}
	if !p.own[d.File] {
		d.File = p.rel(m[1] + ".o")
	}
	p.add(d)
	return true
}

// linker finds the place in a message of ld: ld: b.o:b.c:1: multiple definition…
func (p *diagParser) linker(severity, said string) Diagnostic {
	if m := reLdAt.FindStringSubmatch(said); m != nil {
		if d := p.at(m[1], m[2], ""); p.own[d.File] {
			d.Severity, d.Text = severity, "ld: "+p.strip(m[3])
			return d
		}
	}
	return Diagnostic{Severity: severity, Text: "ld: " + p.strip(said)}
}

// add keeps a finding once: the errors of a header recur with every file.
func (p *diagParser) add(d Diagnostic) bool {
	p.away = false
	if p.seen[d] {
		return false
	}
	if p.seen == nil {
		p.seen = map[Diagnostic]bool{}
	}
	p.seen[d] = true
	p.found = append(p.found, d)
	return true
}

func (p *diagParser) at(file, line, col string) Diagnostic {
	d := Diagnostic{File: p.rel(file)}
	d.Line, _ = strconv.Atoi(line)
	d.Column, _ = strconv.Atoi(col)
	return d
}

// rel makes a path in the source folder relative to it and leaves others alone.
func (p *diagParser) rel(file string) string {
	if r, ok := strings.CutPrefix(path.Clean(file), p.src+"/"); ok {
		return r
	}
	if c := path.Clean(file); p.own[c] {
		return c
	}
	return file
}

func (p *diagParser) strip(text string) string {
	return strings.ReplaceAll(text, p.src+"/", "")
}

// first is the complaint to show: the first error, preferably in the person's own files.
func first(list []Diagnostic, own map[string]bool) *Diagnostic {
	var best *Diagnostic
	for i := range list {
		d := &list[i]
		if d.Severity != "error" {
			continue
		}
		if own[d.File] {
			return d
		}
		if best == nil {
			best = d
		}
	}
	return best
}
