// SPDX-License-Identifier: MIT

package guest

import (
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/kmodlab/kmodlab/internal/wire"
)

// mountOf is a file system that is mounted: its number, its place, its type.
type mountOf struct{ id, at, kind string }

// listMounts reads the mounts that the calling thread sees, in their order.
func listMounts() []mountOf {
	text, err := os.ReadFile("/proc/thread-self/mountinfo")
	if err != nil {
		return nil
	}
	var list []mountOf
	for line := range strings.Lines(string(text)) {
		if m, err := parseMount(line); err == nil {
			list = append(list, m)
		}
	}
	return list
}

var errNoMount = errors.New("not a line of mountinfo")

// parseMount parses "36 35 98:0 /root /mount/point options … - type source options".
func parseMount(line string) (mountOf, error) {
	before, after, ok := strings.Cut(line, " - ")
	fields, rest := strings.Fields(before), strings.Fields(after)
	if !ok || len(fields) < 6 || len(rest) == 0 {
		return mountOf{}, errNoMount
	}
	return mountOf{fields[0], unescapeMount(fields[4]), rest[0]}, nil
}

// unescapeMount puts back the characters that mountinfo writes as \040 and the like.
func unescapeMount(s string) string {
	var b strings.Builder
	for len(s) > 0 {
		if len(s) >= 4 && s[0] == '\\' {
			if n, err := strconv.ParseUint(s[1:4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				s = s[4:]
				continue
			}
		}
		b.WriteByte(s[0])
		s = s[1:]
	}
	return b.String()
}

// maxMounts bounds the names in an answer.
const maxMounts = 20

// tidy unmounts what programs have mounted in the system and left: a file system that is mounted holds its module.
func (a *Agent) tidy(*wire.Message, func([]byte) error) (any, []byte, error) {
	result := new(wire.TidyResult)
	made := a.userland.do(func() {
		for _, m := range slices.Backward(listMounts()) {
			if slices.Contains(a.userland.mounts, m) || unix.Unmount(m.at, unix.MNT_DETACH) != nil {
				continue
			}
			if len(result.Mounts) < maxMounts {
				result.Mounts = append(result.Mounts, m.kind+" on "+m.at)
			}
		}
	})
	if !made {
		return nil, nil, errNoUserland
	}
	return result, nil, nil
}
