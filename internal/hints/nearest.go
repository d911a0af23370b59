// SPDX-License-Identifier: MIT

package hints

import "strings"

// Nearest returns the name that somebody who mistyped another may have meant: the one at the least distance, if it is
// at most two changes away, and one for a short name. It is empty if there is none, or if the name is one of them.
func Nearest(name string, names []string) string {
	most := 2
	if len(name) < 6 {
		most = 1
	}
	best := ""
	for _, n := range names {
		d := len(n) - len(name)
		if n == name {
			return ""
		}
		if max(d, -d) > most || len(n) < 3 {
			continue
		}
		if d := distance(name, n, most); d < most+1 && (best == "" || d < most || less(n, best, name)) {
			best = n
			most = d
		}
	}
	return best
}

// less prefers, of two names at one distance, the one that begins like the name, then the first by letters.
func less(a, b, name string) bool {
	x, y := common(a, name), common(b, name)
	return x > y || x == y && a < b
}

func common(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// distance counts the letters to insert, leave out, replace or swap with the next one (optimal string alignment), up to
// most+1.
func distance(a, b string, most int) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		least := i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
			least = min(least, row[j])
		}
		if least > most {
			return most + 1
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}

// Exported lists the symbols of a Module.symvers, and which of them are in which module: the second column is the name,
// the third the module, and vmlinux the kernel itself.
func Exported(symvers string) map[string]string {
	all := make(map[string]string)
	for line := range strings.Lines(symvers) {
		f := strings.Split(strings.TrimRight(line, "\n"), "\t")
		if len(f) >= 3 {
			all[f[1]] = f[2]
		}
	}
	return all
}
