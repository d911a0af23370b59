// SPDX-License-Identifier: MIT

package kernel

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/kmodlab/kmodlab/internal/lazyregexp"
)

// archiveFile is one package to download, a line of apt-get --print-uris.
type archiveFile struct {
	uri, name string
	size      int64
	sha256    string
}

// plan is what apt resolved.
type plan struct {
	files     []archiveFile
	installed int64 // bytes after unpacking, as apt estimates them
}

var installedRE = lazyregexp.New(`After this operation, ([0-9.,]+) ([kMG]?B) of additional disk space`)

// parsePlan parses the output of apt-get install --print-uris.
func parsePlan(out string) (plan, error) {
	var p plan
	for line := range strings.Lines(out) {
		if m := installedRE.FindStringSubmatch(line); m != nil {
			v, _ := strconv.ParseFloat(strings.ReplaceAll(m[1], ",", ""), 64)
			p.installed = int64(v * map[string]float64{"B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9}[m[2]])
		}
		if !strings.HasPrefix(line, "'") {
			continue
		}
		f := strings.Fields(line)
		if len(f) < 4 {
			return p, fmt.Errorf("apt printed %q without a hash", strings.TrimSpace(line))
		}
		size, err := strconv.ParseInt(f[2], 10, 64)
		sum, ok := strings.CutPrefix(f[3], "SHA256:")
		if err != nil || !ok || strings.ContainsRune(f[1], '/') {
			return p, fmt.Errorf("apt printed %q instead of address, file, size and SHA256", strings.TrimSpace(line))
		}
		p.files = append(p.files, archiveFile{uri: strings.Trim(f[0], "'"), name: f[1], size: size, sha256: sum})
	}
	if len(p.files) == 0 {
		return p, errors.New("apt names no package to download")
	}
	slices.SortFunc(p.files, func(a, b archiveFile) int { return strings.Compare(a.name, b.name) })
	return p, nil
}

// spaceNeeded is the room for what is still to download, the tree and its image, with some reserve. It is an upper
// bound, since documentation is not unpacked.
func (p plan) spaceNeeded(archives string) int64 {
	return 2*p.installed + 64<<20 + p.missing(archives)
}

// missing is how much is still to download.
func (p plan) missing(archives string) int64 {
	var bytes int64
	for _, f := range p.files {
		if st, err := os.Stat(filepath.Join(archives, f.name)); err != nil || st.Size() != f.size {
			bytes += f.size
		}
	}
	return bytes
}

// parseStatus parses one line of APT::Status-Fd, dlstatus:N:PERCENT:TEXT.
func parseStatus(line string) (percent float64, ok bool) {
	f := strings.SplitN(line, ":", 4)
	if len(f) < 4 || f[0] != "dlstatus" {
		return 0, false
	}
	percent, err := strconv.ParseFloat(f[2], 64)
	if err != nil || !(percent >= 0 && percent <= 100) {
		return 0, false
	}
	return percent, true
}

// servedABIs picks the versions of one flavour from package names.
func servedABIs(pkgnames, tail string) []string {
	var list []string
	for name := range strings.FieldsSeq(pkgnames) {
		abi, ok := strings.CutSuffix(strings.TrimPrefix(name, "linux-image-"), "-"+tail)
		if !ok || !abiRE.MatchString(abi) || strings.HasSuffix(abi, "-cloud") || strings.HasSuffix(abi, "-rt") {
			continue
		}
		list = append(list, abi)
	}
	slices.SortFunc(list, compareVersions)
	return slices.Compact(list)
}

// compareVersions orders kernel versions as people do: 6.1.0-9 before 6.1.0-10.
func compareVersions(a, b string) int {
	for a != "" && b != "" {
		da, db := digits(a), digits(b)
		if da == "" || db == "" {
			if c := cmp.Compare(a[0], b[0]); c != 0 {
				return c
			}
			a, b = a[1:], b[1:]
			continue
		}
		na, nb := strings.TrimLeft(da, "0"), strings.TrimLeft(db, "0")
		if c := cmp.Or(cmp.Compare(len(na), len(nb)), strings.Compare(na, nb)); c != 0 {
			return c
		}
		a, b = a[len(da):], b[len(db):]
	}
	return cmp.Compare(len(a), len(b))
}

// digits is the leading run of digits of s.
func digits(s string) string {
	return s[:len(s)-len(strings.TrimLeft(s, "0123456789"))]
}
