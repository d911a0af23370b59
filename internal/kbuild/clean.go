// SPDX-License-Identifier: MIT

package kbuild

import (
	"strings"
	"unicode"

	"github.com/kmodlab/kmodlab/internal/lazyregexp"
)

// MaxLog is how many bytes of a step's output are kept: its beginning and its end. maxLine is the length at which an
// endless line is cut.
const (
	MaxLog  = 8 << 20
	maxLine = 64 << 10
)

// noise are lines that headers without signing key, System.map and vmlinux print in every build, and that say nothing
// about the sources.
var noise = lazyregexp.New(`^(?:` + strings.Join([]string{
	`Skipping BTF generation for .* due to unavailability of vmlinux`,
	`Warning: modules_install: missing 'System\.map' file\. Skipping depmod\.`,
	`  DEPMOD  .*`, // switched off: ours runs when the tree is complete
	`  SIGN    .*`,
	`At main\.c:\d+:`,
	`- SSL error:.*`,
	`SSL error:.*`,
	`sign-file: .*`,
	`/bin/sh: .*sign-file: not found`,
}, "|") + `)$`)

// codes are terminal sequences: CSI, OSC, and the two-character ones.
var codes = lazyregexp.New("\x1b(?:\\[[0-?]*[ -/]*[@-~]|\\][^\x07\x1b]*(?:\x07|\x1b\\\\)?|[@-Z\\\\^_])")

// stripCodes makes a line of foreign output safe to show on a terminal.
func stripCodes(s string) string {
	s = codes.ReplaceAllString(strings.ToValidUTF8(s, "�"), "")
	return strings.Map(func(r rune) rune {
		if r == '\t' || unicode.IsPrint(r) || r == '\u00a0' {
			return r
		}
		return -1
	}, s)
}

// clean is the output as a person should see it: without noise and terminal codes, and with installed files where they
// would be without INSTALL_MOD_PATH. work is the work folder as the commands saw it.
func clean(raw, work string) string {
	var b strings.Builder
	for _, l := range lines(raw) {
		l = stripCodes(l)
		if noise.MatchString(l) {
			continue
		}
		b.WriteString(strings.ReplaceAll(l, work+"/out/lib/modules/", "/lib/modules/"))
		b.WriteByte('\n')
	}
	return b.String()
}
