// SPDX-License-Identifier: MIT

// Package version says which program this is.
package version

import (
	"runtime/debug"
	"strings"
)

// commit is set by the Makefile (-ldflags -X); `go install` records it by itself.
var commit string

// Version is the module's version, as a release or `go install` gives it; "devel" for a program built from a checkout.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "devel"
	}
	return strings.Trim(info.Main.Version, "()")
}

// Commit is the commit that the program was built from, with "-dirty" where files had changed; "" where that is not
// known.
func Commit() string {
	if commit != "" {
		return commit
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	revision, dirty := "", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			revision = s.Value[:min(12, len(s.Value))]
		case s.Key == "vcs.modified" && s.Value == "true":
			dirty = "-dirty"
		}
	}
	if revision == "" {
		return ""
	}
	return revision + dirty
}

// Program names this program in what it writes.
func Program() string {
	return strings.TrimSpace("kmodlab " + Version() + " " + Commit())
}
