// SPDX-License-Identifier: MIT

package printk

import "slices"

// Words are the files of modules that may print lines which look like the kernel's.
type Words []*File

// WordsOf reads the words of modules; file returns what a module's file holds.
func WordsOf(modules []string, file func(module string) []byte) Words {
	var w Words
	for _, name := range modules {
		w = append(w, Read(file(name)))
	}
	return w
}

// Print reports whether one of the modules prints such a line itself: a string in its file makes the whole line. One
// that has little of its own, such as "BUG: %s", proves nothing, for it may fit a line of the kernel's.
func (w Words) Print(text string) bool {
	left := budget(maxBudget)
	makes := func(f *Format) bool {
		return (f.gaps == 0 || f.weight >= strong) && f.fit(text, &left) == fits
	}
	return slices.ContainsFunc(w, func(file *File) bool {
		return slices.ContainsFunc(file.own, makes) || slices.ContainsFunc(file.plain, makes)
	})
}
