// SPDX-License-Identifier: MIT

package kernel

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/kmodlab/kmodlab/internal/lazyregexp"
)

// suites are the Debian suites with kernels for which kmodlab's tracer and tests are meant, oldest first. The mirror is
// still asked for other names (a future release needs no change here): the list is for errors and help.
var suites = []string{
	"bullseye", "bookworm", "bookworm-backports", "trixie", "trixie-backports",
	"forky", "sid", "experimental",
}

// flavours maps the flavour in a name to the tail of Debian's package names.
var flavours = map[string]string{"cloud": "cloud-amd64", "generic": "amd64", "rt": "rt-amd64"}

// Form is one way to write a kernel's name, for help texts.
type Form struct{ Pattern, Text string }

// Forms lists the ways to write a kernel's name.
func Forms() []Form {
	return []Form{
		{"debian:SUITE", "newest kernel of a Debian suite, cloud flavour, with that suite's gcc: " +
			strings.Join(suites, ", ")},
		{"debian:SUITE/FLAVOUR", "another flavour: generic (linux-image-amd64), rt, cloud (the default)"},
		{"debian:SUITE=ABI", "a certain version that the suite still serves, as in uname -r: debian:bookworm=6.1.0-NN"},
		{"debian:SUITE,PACKAGE,…", "with more of the suite's packages in the build machine's tree; " +
			"kept apart from the same kernel without them"},
		{"host", "the running kernel of this machine: /boot/vmlinuz-$(uname -r) and /lib/modules/$(uname -r)"},
		{"path:VMLINUZ,MODULES[,HEADERS]",
			"files: the image, the folder lib/modules/RELEASE, and the headers (default MODULES/build)"},
	}
}

// Suites lists the Debian suites that debian: names are known to work with, oldest first.
func Suites() []string { return append([]string(nil), suites...) }

// Tested lists the kernels on which kmodlab's own tests run, and on which a lab must do the same: oldest first.
func Tested() []string {
	return []string{
		"debian:bullseye", "debian:bookworm", "debian:trixie", "debian:forky", "debian:trixie-backports",
	}
}

// debName is a parsed debian: name.
type debName struct {
	suite   string // as apt spells it
	flavour string // key of flavours
	abi     string // empty: the newest, through the metapackage
	more    string // more packages for the tree, sorted, each preceded by a comma
}

var (
	suiteRE = lazyregexp.New(`^[a-z][a-z0-9]*(-backports|-backports-sloppy|-proposed-updates)?$`)
	abiRE   = lazyregexp.New(`^[0-9][0-9A-Za-z.+~-]*$`)
	// packageRE is Debian policy's form of a package name. apt treats a trailing plus or minus as an instruction, so
	// such names are refused.
	packageRE = lazyregexp.New(`^[a-z0-9][a-z0-9+.-]*[a-z0-9.]$`)
)

// parseDebian parses what follows "debian:".
func parseDebian(s string) (debName, error) {
	n := debName{flavour: "cloud"}
	first, more, hasMore := strings.Cut(s, ",")
	rest, abi, hasABI := strings.Cut(first, "=")
	suite, flavour, hasFlavour := strings.Cut(rest, "/")
	if hasFlavour {
		n.flavour = flavour
	}
	n.suite, n.abi = suite, abi
	switch suite {
	case "unstable":
		n.suite = "sid"
	case "rc-buggy":
		n.suite = "experimental"
	}
	switch {
	case !suiteRE.MatchString(n.suite):
		return n, unknownName("debian:"+s, fmt.Sprintf("%q is not a suite", suite))
	case flavours[n.flavour] == "":
		return n, unknownName("debian:"+s, fmt.Sprintf("%q is not a flavour (cloud, generic, rt)", n.flavour))
	case hasABI && !abiRE.MatchString(abi):
		return n, unknownName("debian:"+s, fmt.Sprintf("%q is not a version as in uname -r", abi))
	}
	// People paste the output of uname -r, which ends with the flavour.
	n.abi = strings.TrimSuffix(n.abi, "-"+flavours[n.flavour])
	if !hasMore {
		return n, nil
	}
	list := strings.Split(more, ",")
	slices.Sort(list)
	for _, p := range slices.Compact(list) {
		if !packageRE.MatchString(p) {
			return n, unknownName("debian:"+s, fmt.Sprintf("%q is not a package", p))
		}
		n.more += "," + p
	}
	return n, nil
}

// String is the canonical name: each kernel has only one spelling.
func (n debName) String() string {
	s := "debian:" + n.suite
	if n.flavour != "cloud" {
		s += "/" + n.flavour
	}
	if n.abi != "" {
		s += "=" + n.abi
	}
	return s + n.more
}

// folder is the name as one path element. No two names share one, since suites, versions and packages contain no
// underscore.
func (n debName) folder() string {
	return strings.NewReplacer(":", "-", "/", "_", "=", "_", ",", "__").Replace(n.String())
}

// morePackages are the packages in the name itself.
func (n debName) morePackages() []string {
	return strings.FieldsFunc(n.more, func(r rune) bool { return r == ',' })
}

// packages are the two metapackages, or the two packages of one version.
func (n debName) packages() []string {
	tail := flavours[n.flavour]
	if n.abi != "" {
		tail = n.abi + "-" + tail
	}
	return []string{"linux-image-" + tail, "linux-headers-" + tail}
}

// target is the suite that apt must prefer over the others, empty if there is none. Only suites on top of another need
// it: for a plain release it would rank the release above its own security suite.
func (n debName) target() string {
	if n.base() != n.suite {
		return n.suite
	}
	return ""
}

// base is the suite underneath a backports suite or experimental.
func (n debName) base() string {
	if n.suite == "experimental" {
		return "sid"
	}
	base, _, _ := strings.Cut(n.suite, "-")
	return base
}

func unknownName(name, why string) error {
	var b strings.Builder
	for _, f := range Forms() {
		fmt.Fprintf(&b, "\n  %-32s %s", f.Pattern, f.Text)
	}
	return fmt.Errorf("%w %q: %s; valid names are:%s", ErrUnknownName, name, why, b.String())
}

// CheckName reports whether a name has one of the Forms, without looking for the kernel. The error is ErrUnknownName.
func CheckName(name string) error {
	_, err := parseName(name)
	return err
}

// kernelName is a name that has one of the Forms.
type kernelName struct {
	kind   string  // host, path or debian
	path   string  // what follows "path:"
	debian debName // of a Debian kernel
}

func parseName(name string) (n kernelName, err error) {
	kind, rest, _ := strings.Cut(name, ":")
	switch {
	case name == "host":
		return kernelName{kind: kind}, nil
	case kind == "path":
		return kernelName{kind: kind, path: rest}, nil
	case kind != "debian":
		return n, unknownName(name, "no such kind of name")
	}
	n.kind = kind
	n.debian, err = parseDebian(rest)
	return n, err
}

// DefaultName is the kernel used if none is named: the cloud kernel of this host's own Debian release. On other hosts
// it is "host" if the running kernel's image and modules are here, else an error that says to name one.
func DefaultName() (string, error) {
	data, err := os.ReadFile("/etc/os-release")
	if err != nil {
		data, err = os.ReadFile("/usr/lib/os-release")
	}
	if err == nil {
		if name := defaultName(string(data)); name != "" {
			return name, nil
		}
	}
	if _, err := hostKernel(); err == nil {
		return "host", nil
	}
	return "", fmt.Errorf("choose a kernel: this host is not Debian and its own kernel is not complete here; "+
		"name one, for example --kernel debian:%s", suites[1])
}

// defaultName reads os-release; empty if the host is not a Debian release.
func defaultName(osRelease string) string {
	vars := map[string]string{}
	for line := range strings.Lines(osRelease) {
		k, v, ok := strings.Cut(strings.TrimSpace(line), "=")
		if ok {
			vars[k] = strings.Trim(v, `"'`)
		}
	}
	if vars["ID"] != "debian" {
		return ""
	}
	suite := vars["VERSION_CODENAME"]
	if suite == "" {
		// Testing and unstable had no codename field for years.
		if _, after, ok := strings.Cut(vars["PRETTY_NAME"], "/sid"); ok && after == "" {
			suite = "sid"
		}
	}
	if !suiteRE.MatchString(suite) {
		return ""
	}
	return "debian:" + suite
}
