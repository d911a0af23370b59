// SPDX-License-Identifier: MIT

package kernel

import (
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"
)

// target is one line of the host's apt sources, from apt-get indextargets.
type target struct {
	uri     string // of the archive, without trailing slash
	release string // the suite as the sources spell it
	origin  string // from the Release file; empty before the host's first update
	file    string // the sources file that names it
}

// source is one entry of the private root's sources.
type source struct {
	uri, suite string
	optional   bool // dropped, with a note, if the mirror lacks it
}

// archive is a Debian mirror: two sites and the keys that sign them.
type archive struct {
	main, security string   // URIs without trailing slash
	keys           []string // keyring files, or one armoured key
}

// parseTargets parses the output of apt-get indextargets and keeps the main Packages indexes.
func parseTargets(out string) []target {
	var list []target
	for stanza := range strings.SplitSeq(out, "\n\n") {
		f := deb822Fields(stanza)
		if f["target-of"] != "deb" || f["identifier"] != "Packages" || f["component"] != "main" {
			continue
		}
		file := f["sourcesentry"]
		if i := strings.LastIndexByte(file, ':'); i > 0 {
			file = file[:i]
		}
		list = append(list, target{
			uri:     strings.TrimRight(f["repo-uri"], "/"),
			release: f["release"],
			origin:  f["origin"],
			file:    file,
		})
	}
	return list
}

// deb822Fields splits one stanza into its fields, with names in lower case; continuation lines are joined with
// newlines.
func deb822Fields(stanza string) map[string]string {
	fields := map[string]string{}
	last := ""
	for line := range strings.SplitSeq(stanza, "\n") {
		switch {
		case strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, " "), strings.HasPrefix(line, "\t"):
			if last != "" {
				fields[last] += "\n" + strings.TrimSpace(line)
			}
		default:
			if k, v, ok := strings.Cut(line, ":"); ok {
				last = strings.ToLower(strings.TrimSpace(k))
				fields[last] = strings.TrimSpace(v)
			}
		}
	}
	return fields
}

// pickArchive finds the Debian archive among the host's sources. Other vendors name their suites like Debian's, so the
// origin decides if it is known, else the form of the address.
func pickArchive(targets []target) (main, security *target) {
	best := 0
	for i := range targets {
		t := &targets[i]
		base, pocket, _ := strings.Cut(t.release, "-")
		if t.origin != "Debian" && (t.origin != "" || !debianSuite(base)) {
			continue
		}
		score := 1
		if t.origin == "Debian" {
			score += 4
		}
		if pocket == "security" {
			if security == nil || security.origin == "" {
				security = t
			}
			continue
		}
		if path.Base(t.uri) == "debian" {
			score += 2
		} else if t.origin == "" && path.Base(t.file) != "sources.list" && path.Base(t.file) != "debian.sources" {
			continue
		}
		if score > best {
			best, main = score, t
		}
	}
	return main, security
}

// debianSuite tells Debian's names for its suites from other vendors'.
func debianSuite(s string) bool {
	switch s {
	case "stable", "oldstable", "oldoldstable", "testing", "unstable", "experimental":
		return true
	}
	return slices.Contains(suites, s)
}

// signedBy finds what a sources file says about the key of an archive: keyring paths, an armoured key, or nothing.
func signedBy(file, uri string) string {
	has := func(uris string) bool {
		return slices.ContainsFunc(strings.Fields(uris), func(u string) bool {
			return strings.TrimRight(u, "/") == uri
		})
	}
	for stanza := range strings.SplitSeq(file, "\n\n") {
		if f := deb822Fields(stanza); has(f["uris"]) && f["signed-by"] != "" {
			return f["signed-by"]
		}
	}
	for line := range strings.Lines(file) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "deb ") || !has(line) {
			continue
		}
		_, rest, ok := strings.Cut(line, "signed-by=")
		if !ok {
			continue
		}
		return strings.ReplaceAll(rest[:strings.IndexAny(rest+" ", " ]")], ",", " ")
	}
	return ""
}

// mirrorArchive is the archive at an address that a person gave. Mirrors keep security beside the main archive, if they
// have it.
func mirrorArchive(mirror string) (archive, error) {
	u, err := url.Parse(mirror)
	if err != nil || u.Scheme == "" || (u.Host == "" && u.Path == "") {
		return archive{}, fmt.Errorf("%w: mirror %q is not a URL such as https://mirror.example/debian", ErrNoSource, mirror)
	}
	main := strings.TrimRight(mirror, "/")
	return archive{main: main, security: securityBeside(main)}, nil
}

func securityBeside(main string) string {
	if base, ok := strings.CutSuffix(main, "/debian"); ok {
		return base + "/debian-security"
	}
	return main + "-security"
}

// sourcesFor lists the suites that a name needs: a release with its updates and security, and whatever sits on top.
func sourcesFor(n debName, a archive) []source {
	base := n.base()
	list := []source{{uri: a.main, suite: base}}
	if base != "sid" {
		list = append(list,
			source{uri: a.main, suite: base + "-updates", optional: true},
			source{uri: a.security, suite: base + "-security", optional: true})
	}
	if n.target() != "" {
		list = append(list, source{uri: a.main, suite: n.suite})
	}
	return list
}

// writeSources returns the sources in apt's deb822 form, which accepts inline keys as well as paths.
func writeSources(list []source, keys []string) string {
	var b strings.Builder
	for _, s := range list {
		fmt.Fprintf(&b, "Types: deb\nURIs: %s\nSuites: %s\nComponents: main\nArchitectures: amd64\n", s.uri, s.suite)
		if len(keys) > 0 {
			fmt.Fprintf(&b, "Signed-By: %s\n", strings.ReplaceAll(strings.Join(keys, " "), "\n", "\n "))
		}
		b.WriteString("\n")
	}
	return b.String()
}
