// SPDX-License-Identifier: MIT

package hints

import (
	"bytes"
	"slices"
	"strings"

	"github.com/kmodlab/kmodlab/internal/lazyregexp"
)

// maxSaid bounds the lines of the log that a message quotes.
const maxSaid = 3

// Said chooses, from what the kernel logged while a module was being loaded or unloaded, the lines to quote in the
// verdict: the module's own and those of the kernel about it, at most three, the last ones. formats are the module's
// own, see Formats. Whatever else was logged just then is left out, call traces too.
func Said(log []string, module string, formats []Format) []string {
	var said []string
	for _, line := range log {
		printed := func(f Format) bool { return f.fits(line) }
		if taints(line) || strings.HasPrefix(line, " ") { // a line of a call trace
			continue
		}
		if names(line, module) || refusal(line) || slices.ContainsFunc(formats, printed) {
			said = append(said, line)
		}
	}
	return last(said)
}

// Reported chooses the lines to quote from the first lines of a kernel report.
func Reported(lines []string) []string {
	var said []string
	for _, line := range lines {
		if !slices.Contains(said, line) && !strings.HasPrefix(line, "RIP: 0033:") { // that is the program that called
			said = append(said, line)
		}
	}
	return said[:min(len(said), maxSaid)]
}

func last(lines []string) []string { return lines[max(0, len(lines)-maxSaid):] }

// taints reports the notice that the kernel prints about the first module that is not its own. It explains nothing.
func taints(line string) bool {
	return strings.HasSuffix(line, "taints kernel.") || strings.HasSuffix(line, "tainting kernel")
}

// names reports whether a line begins with a module's name, however it is spelled, or has it after the word module.
func names(line, module string) bool {
	line = strings.ReplaceAll(line, "-", "_")
	module = strings.ReplaceAll(module, "-", "_")
	if module == "" {
		return false
	}
	for _, before := range []string{"", "module ", "Module ", "module: ", "["} {
		if rest, ok := strings.CutPrefix(line, before+module); ok && (rest == "" || !wordByte(rest[0])) {
			return true
		}
	}
	return strings.Contains(line, "'"+module+"'")
}

func wordByte(b byte) bool {
	return b == '_' || '0' <= b && b <= '9' || 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z'
}

// complaint is what a part of the kernel prints when it refuses a call of a module's init, and what mends it. Not all
// of these name the module.
type complaint struct {
	said *lazyregexp.Regexp
	hint string
}

var complaints = []complaint{
	{re(`cannot create duplicate filename|don't try to register things with the same name|^debugfs: .* already present`), sameName},
	{re(`^proc_dir_entry '.*' already registered`), sameName},
	{re(`Driver '.*' is already registered`), sameName},
	{re(`kmem_cache of name '.*' already exists|^kmem_cache_(?:create|sanity_check)\(.*`), sameName},
	{re(`^CHRDEV ".*" (?:major|minor) |^register_blkdev: `),
		"the device number is taken: let the kernel choose one, with alloc_chrdev_region or major 0"},
	{re(`^genirq: Flags mismatch irq`),
		"the interrupt is in use: request it with IRQF_SHARED and a dev_id of its own, if its owner shares it"},
	{re(`^genirq: Threaded irq requested with handler=NULL and !ONESHOT`), "give request_threaded_irq the flag IRQF_ONESHOT, or a primary handler"},
	{re(`^resource: resource sanity check|^resource sanity check`), "the addresses belong to another device"},
	{re(`^Loading of .* is rejected|^Lockdown: |^Module .* is blacklisted`), ""},
	{re(`^netlink: .* (?:already|exists)|^nf_tables: .* already`), sameName},
}

func refusal(line string) bool {
	return slices.ContainsFunc(complaints, func(c complaint) bool { return c.said.MatchString(line) })
}

// OfLog says what to do about the lines of the log that a refusal is explained with, "" if none of them is known.
func OfLog(lines []string) string {
	for _, line := range lines {
		for i := range complaints {
			if complaints[i].said.MatchString(line) && complaints[i].hint != "" {
				return complaints[i].hint
			}
		}
	}
	return ""
}

// OfInit says what an errno that a module's init returned mostly means, where nothing was logged. The number is
// positive.
func OfInit(errno int) string {
	const which = "a pr_err before each error return would say which one it was"
	if usual := usually[errno]; usual != "" {
		return usual + "; " + which
	}
	return which
}

var usually = map[int]string{
	16:  "EBUSY mostly means that a name, number, port or interrupt is in use",
	17:  "EEXIST mostly means that a name is taken, perhaps left by an earlier load",
	19:  "ENODEV mostly means that the machine has no such device",
	38:  "ENOSYS mostly comes from a function that is only a stub here, because the kernel was built without that part",
	95:  "EOPNOTSUPP mostly comes from a function that is only a stub here, because the kernel was built without that part",
	517: "EPROBE_DEFER means that something that the device needs is not there yet; only a driver's probe may return it",
	524: "ENOTSUPP mostly comes from a function that is only a stub here, because the kernel was built without that part",
}

// Format is a text with which a module calls printk: what is fixed in it, in order. Between the parts is what printk
// fills in.
type Format struct {
	parts      []string
	open, tail bool // begins, ends with something filled in
}

const (
	maxFormats = 2000
	maxFormat  = 400 // bytes
	fewLetters = 4   // a format with fewer fixed letters fits too much
)

// Formats finds the texts that a module can print, in the bytes of its file. The compiler leaves them as they are in
// the source, ended by a zero byte: pr_info and its kin put the byte 1 and the level in front, and other texts for
// printk end with a newline.
func Formats(file []byte) []Format {
	var list []Format
	for len(file) > 0 && len(list) < maxFormats {
		text, rest, _ := bytes.Cut(file, []byte{0})
		file = rest
		if i := bytes.LastIndexByte(text, 1); i >= 0 && i+1 < len(text) && strings.IndexByte("01234567cd", text[i+1]) >= 0 {
			text = text[i+2:]
		} else if !bytes.HasSuffix(text, []byte{'\n'}) {
			continue
		}
		if len(text) > maxFormat {
			continue
		}
		if f, ok := parseFormat(strings.TrimRight(string(text), "\n")); ok {
			list = append(list, f)
		}
	}
	return list
}

var conversion = lazyregexp.New(`%[-+ #0]*(?:\d+|\*)?(?:\.(?:\d+|\*))?(?:hh|h|ll|l|z|t|L|q|j)?` +
	`(?:p[A-Za-z]*(?:\d+[A-Za-z]*)?|[diouxXcsn%])`)

func parseFormat(text string) (f Format, ok bool) {
	letters, at := 0, 0
	add := func(part string) {
		for i := range len(part) {
			if part[i] < ' ' && part[i] != '\t' && part[i] != '\n' {
				letters = -maxFormat // not a text
			}
			if wordByte(part[i]) {
				letters++
			}
		}
		f.parts = append(f.parts, part)
	}
	for _, m := range conversion.FindAllStringSubmatchIndex(text, -1) {
		add(text[at:m[0]])
		at = m[1]
	}
	f.open, f.tail = len(f.parts) > 0 && f.parts[0] == "", at == len(text) && at > 0
	add(text[at:])
	return f, letters >= fewLetters
}

// fits reports whether printk can have made a line from the format.
func (f Format) fits(line string) bool {
	rest, ok := strings.CutPrefix(line, f.parts[0])
	if !ok {
		return false
	}
	for i, part := range f.parts[1:] {
		final := i == len(f.parts)-2
		if final && !f.tail {
			return strings.HasSuffix(rest, part)
		}
		at := strings.Index(rest, part)
		if at < 0 {
			return false
		}
		rest = rest[at+len(part):]
	}
	return len(f.parts) > 1 || rest == ""
}
