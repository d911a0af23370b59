// SPDX-License-Identifier: MIT

package patch

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/kmodlab/kmodlab/internal/lazyregexp"
)

// place says on which lines of a patch a file's changes are.
type place struct {
	header int
	hunks  []int
}

var hunkRE = lazyregexp.New(`^@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@`)

// scan finds the files and hunks of a patch, and changes that belong to none: gitdiff would take them for a comment.
func scan(text []byte) ([]place, *Problem) {
	var files []place
	number, old, new := 0, 0, 0
	for line := range strings.Lines(string(text)) {
		number++
		if old > 0 || new > 0 {
			switch line[0] {
			case '+':
				new--
			case '-':
				old--
			case ' ', '\n':
				old, new = old-1, new-1
			case '\\':
			default:
				return nil, &Problem{number, "the hunk is shorter than its header says"}
			}
			if old < 0 || new < 0 {
				return nil, &Problem{number, "the hunk is longer than its header says"}
			}
			continue
		}
		hunk := hunkRE.FindStringSubmatch(line)
		switch {
		case strings.HasPrefix(line, "--- "):
			files = append(files, place{header: number})
		case hunk != nil && len(files) == 0:
			return nil, &Problem{number, "the hunk has no file: lines with --- and +++ and the file's name come first"}
		case hunk != nil:
			files[len(files)-1].hunks = append(files[len(files)-1].hunks, number)
			old, new = count(hunk[1]), count(hunk[2])
		case len(files) > 0 && strings.ContainsRune("+- @", rune(line[0])) &&
			!strings.HasPrefix(line, "+++ ") && line != "-- \n":
			return nil, &Problem{number, "the line is in no hunk: the header of the one before says that it is shorter"}
		}
	}
	if old > 0 || new > 0 {
		return nil, &Problem{number, "the last hunk is shorter than its header says"}
	}
	return files, nil
}

func count(digits string) int {
	if digits == "" {
		return 1
	}
	n, err := strconv.Atoi(digits)
	if err != nil {
		return 1 << 30 // more than any file has
	}
	return n
}

var parseError = lazyregexp.New(`^gitdiff: line (\d+): (.*)$`)

func parseProblem(err error) Problem {
	if m := parseError.FindStringSubmatch(err.Error()); m != nil {
		return Problem{max(count(m[1]), 1), "this is no proper diff: " + m[2]}
	}
	return Problem{1, fmt.Sprintf("this is no proper diff: %v", err)}
}
