// SPDX-License-Identifier: MIT

// Package lazyregexp compiles regular expressions at their first use. The program is also the kernel's modprobe:
// compiling at startup, for commands that it does not run, would add two thirds of a millisecond to every module
// request, and eighteen times that under emulation.
package lazyregexp

import (
	"regexp"
	"sync"
)

// Regexp is a regexp.Regexp that is not compiled yet. Several goroutines may use it. The compiler lays it out as data:
// the program's start does not even create a closure.
type Regexp struct {
	expr string
	once sync.Once
	re   *regexp.Regexp
}

// New returns the expression. An invalid one panics at its first use, so each needs a test that uses it.
func New(expr string) *Regexp { return &Regexp{expr: expr} }

func (r *Regexp) compiled() *regexp.Regexp {
	r.once.Do(func() { r.re = regexp.MustCompile(r.expr) })
	return r.re
}

// MatchString is like that of package regexp.
func (r *Regexp) MatchString(s string) bool { return r.compiled().MatchString(s) }

// FindStringSubmatch is like that of package regexp.
func (r *Regexp) FindStringSubmatch(s string) []string { return r.compiled().FindStringSubmatch(s) }

// ReplaceAllString is like that of package regexp.
func (r *Regexp) ReplaceAllString(s, to string) string { return r.compiled().ReplaceAllString(s, to) }

// ReplaceAll is like that of package regexp.
func (r *Regexp) ReplaceAll(s, to []byte) []byte { return r.compiled().ReplaceAll(s, to) }

// FindAllStringSubmatchIndex is like that of package regexp.
func (r *Regexp) FindAllStringSubmatchIndex(s string, n int) [][]int {
	return r.compiled().FindAllStringSubmatchIndex(s, n)
}

// FindStringSubmatchIndex is like that of package regexp.
func (r *Regexp) FindStringSubmatchIndex(s string) []int {
	return r.compiled().FindStringSubmatchIndex(s)
}

// ExpandString is like that of package regexp.
func (r *Regexp) ExpandString(dst []byte, template, src string, match []int) []byte {
	return r.compiled().ExpandString(dst, template, src, match)
}

// FindAllStringSubmatch is like that of package regexp.
func (r *Regexp) FindAllStringSubmatch(s string, n int) [][]string {
	return r.compiled().FindAllStringSubmatch(s, n)
}

// SubexpIndex is like that of package regexp.
func (r *Regexp) SubexpIndex(name string) int { return r.compiled().SubexpIndex(name) }

// String is the expression.
func (r *Regexp) String() string { return r.compiled().String() }

// FindSubmatch is like that of package regexp.
func (r *Regexp) FindSubmatch(b []byte) [][]byte { return r.compiled().FindSubmatch(b) }
