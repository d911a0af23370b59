// SPDX-License-Identifier: MIT

package kbuild

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/kmodlab/kmodlab/internal/hints"
	"github.com/kmodlab/kmodlab/internal/kernel"
	"github.com/kmodlab/kmodlab/internal/lazyregexp"
)

// adviser knows what a hint about a failed build may need: the sources, the kernel, what the tools printed.
type adviser struct {
	snap    *sourceFolder
	kernel  *kernel.Kernel
	version hints.Version
	log     string
}

func newAdviser(k *kernel.Kernel, snap *sourceFolder, log string) *adviser {
	a := &adviser{snap: snap, kernel: k, log: log}
	if k != nil {
		a.version, _ = hints.ParseVersion(k.Release) // 0.0 is older than every change
	}
	return a
}

var (
	reTwoInits = lazyregexp.New("^redefinition of '__(?:init|exit)test'|multiple definition of [`'](?:init|cleanup)_module'")
	reUnknown  = lazyregexp.New(`^unknown type name '(\w+)'|^'(\w+)' undeclared|^invalid use of undefined type '(struct \w+)'` +
		`|^(?:storage size of |field '\w+' has incomplete type|variable '\w+' has init).*'(struct \w+)'`)
	reNoLicense = lazyregexp.New(`missing MODULE_LICENSE\(\) in (\S+\.o)|(\S+\.ko): missing MODULE_LICENSE`)
	reMissing   = lazyregexp.New(`^([^\s:]+): No such file or directory`)
	reUndefined = lazyregexp.New(`^modpost: "(\w+)" undefined!`)
	reNoTarget  = lazyregexp.New(`^make: No rule to make target '([^']+)'`)
	reNamespace = lazyregexp.New(`from namespace "?(\w+)`)
	reFloat     = lazyregexp.New(`^SSE register |with SSE disabled|` +
		`^modpost: "__(?:add|sub|mul|div|float\w*|fix\w*|ext\w*|trunc\w*)[ds]f\w*"`)
	reImplicit = lazyregexp.New(`^implicit declaration of function '(\w+)'`)
)

// hint says what usually fixes a complaint; empty if nothing is certain.
func (a *adviser) hint(d Diagnostic) string {
	if m := reMissing.FindStringSubmatch(d.Text); m != nil {
		return a.missingFile(m[1], d)
	}
	if m := reUndefined.FindStringSubmatch(d.Text); m != nil {
		return a.undefined(m[1], d.File)
	}
	if m := reNoTarget.FindStringSubmatch(d.Text); m != nil {
		return a.noTarget(m[1])
	}
	switch m := reNamespace.FindStringSubmatch(d.Text); {
	case m != nil:
		return fmt.Sprintf("add this line to the source: MODULE_IMPORT_NS(%s);", a.namespace(m[1]))
	case strings.Contains(d.Text, "missing MODULE_LICENSE"):
		if m := reNoLicense.FindStringSubmatch(d.Text); m != nil {
			if h := a.leftOutSource(m[1] + m[2]); h != "" {
				return h
			}
		}
		return `add this line to the source: MODULE_LICENSE("GPL");`
	case strings.Contains(d.Text, "Magic init_module()"), strings.Contains(d.Text, "Magic cleanup_module()"):
		return "rename init_module and cleanup_module, and add module_init(name); and module_exit(name); for the new names"
	case strings.Contains(d.Text, "GPL-incompatible module"):
		return `the symbol is for GPL modules only: write MODULE_LICENSE("GPL"), if that is the licence of the sources`
	case strings.Contains(d.Text, "missing separator"):
		return "the lines of a recipe must begin with a tab, not with spaces"
	case reFloat.MatchString(d.Text):
		return "the kernel does not use floating point: count in integers, such as thousandths"
	case reTwoInits.MatchString(d.Text):
		return "a module has one module_init and one module_exit: call the other functions from these, or make two modules of it"
	case strings.HasPrefix(d.Text, "invalid storage class for function "):
		return "the function begins inside of another one: a closing brace is missing above it"
	}
	if h := a.strict(d); h != "" {
		return h
	}
	if h := hints.OfChange(strings.TrimSpace(d.Text+" "+d.near+a.unnamed(d)), a.version); h != "" {
		return h
	}
	if strings.HasPrefix(d.Text, "expected ") {
		return a.unended(d)
	}
	return a.noInclude(d)
}

// noInclude is about a name that no header declares that the source includes.
func (a *adviser) noInclude(d Diagnostic) string {
	name, header := "", ""
	if m := reImplicit.FindStringSubmatch(d.Text); m != nil {
		name = m[1]
		header = a.declaredIn(name)
	} else if m := reUnknown.FindStringSubmatch(d.Text + a.unnamed(d)); m != nil {
		name = strings.Join(m[1:], "")
		header = a.definedIn(name)
	}
	switch {
	case header == "", a.includes(d.File, header):
		return ""
	case reImplicit.MatchString(d.Text) && a.notForModules(name, header):
		return a.declaredOnly(header, name)
	}
	return fmt.Sprintf("add this line to the source: #include <%s>", header)
}

var (
	reStruct  = lazyregexp.New(`\bstruct \w+`)
	reCall    = lazyregexp.New(`\b\w+\(`)
	reOwnWord = lazyregexp.New(`\b(?:__dev\w+|[A-Z][A-Z0-9_]{5,})\b`)
)

// reFlag is a flag that makes errors of warnings, which the folder's own makefile sets.
var reFlag = lazyregexp.New(`(?m)^[^#\n]*-Werror(?:\s|$)`)

// strict is about a warning that only the folder's own -Werror made an error.
func (a *adviser) strict(d Diagnostic) string {
	file, text := a.snap.kbuildFile()
	if !strings.Contains(d.Text, " [-Werror=") || !reFlag.MatchString(text) {
		return ""
	}
	return fmt.Sprintf("this is a warning, which -Werror in %s makes an error: mend it, or leave that flag out", file)
}

// unnamed are the words, in quotes, of the line that gcc complains about without naming what is wrong with it: the type
// of a variable, the functions that are called, the macros that are no longer defined.
func (a *adviser) unnamed(d Diagnostic) string {
	words, form := reStruct, " '%s'"
	switch {
	case strings.HasPrefix(d.Text, "storage size of "), strings.HasSuffix(d.Text, "has initializer but incomplete type"),
		strings.HasSuffix(d.Text, "has incomplete type"):
	case strings.HasPrefix(d.Text, "void value not ignored "):
		words = reCall
	case strings.HasPrefix(d.Text, "expected "):
		words, form = reOwnWord, " <%s>" // the complaint has single quotes already
	default:
		return ""
	}
	found := ""
	for _, m := range words.FindAllStringSubmatch(a.line(d.File, d.Line), -1) {
		found += fmt.Sprintf(form, strings.TrimSuffix(m[0], "("))
	}
	return found
}

// line is a line of a source, "" if there is no such line.
func (a *adviser) line(file string, n int) string {
	if !a.snap.has(file) {
		return ""
	}
	lines := strings.Split(a.snap.text(file), "\n")
	if n < 1 || n > len(lines) {
		return ""
	}
	return lines[n-1]
}

// reUnended is a line of C that the next one cannot continue: a return, an assignment or a call without a semicolon.
var reUnended = lazyregexp.New(`^\s*(?:return\b.*[\w)\]"']|[\w\s*.>\[\]-]+=[^=].*[\w)\]"']|\w+\([^;]*\))\s*$`)

// reHead is the head of a statement, which has no semicolon.
var reHead = lazyregexp.New(`^\s*(?:if|while|for|switch|[a-z_]*for_each\w*)\b`)

// unended names the line before a syntax error, if it looks as if it lacks its semicolon.
func (a *adviser) unended(d Diagnostic) string {
	n := d.Line - 1
	for n > 0 && strings.TrimSpace(a.line(d.File, n)) == "" {
		n--
	}
	before, body := a.line(d.File, n), strings.HasPrefix(strings.TrimSpace(a.line(d.File, d.Line)), "{")
	if body || !reUnended.MatchString(before) || reHead.MatchString(before) {
		return ""
	}
	return fmt.Sprintf("line %d may lack a semicolon at its end", n)
}

// includes reports whether a source file includes a header already: then the kernel's configuration leaves out what it
// declares, and another #include would change nothing.
func (a *adviser) includes(file, header string) bool {
	return a.snap.has(file) &&
		lazyregexp.New(`(?m)^\s*#\s*include\s*<`+regexp.QuoteMeta(header)+`>`).MatchString(a.snap.text(file))
}

// namespace is a name as MODULE_IMPORT_NS takes it in this kernel.
func (a *adviser) namespace(name string) string {
	if a.version.Before(hints.Version{Major: 6, Minor: 13}) {
		return name
	}
	return fmt.Sprintf("%q", name)
}

// rust says why there is no module in Rust.
func (a *adviser) rust() string {
	const only = "kmodlab builds modules in C only"
	if a.config() != "" && !a.hasOption("CONFIG_RUST") {
		return "this kernel is built without CONFIG_RUST, and " + only
	}
	return only + ": its kernels come without rustc"
}

// hasOption reports whether the kernel is built with an option, as far as its configuration can be read.
func (a *adviser) hasOption(name string) bool {
	config := a.config()
	return strings.Contains(config, "\n"+name+"=y") || strings.Contains(config, "\n"+name+"=m")
}

// config is the kernel's configuration, empty if it cannot be read.
func (a *adviser) config() string {
	if a.kernel == nil {
		return ""
	}
	text, err := os.ReadFile(filepath.Join(a.kernel.Root, "boot/config-"+a.kernel.Release))
	if err != nil {
		return ""
	}
	return "\n" + string(text)
}
