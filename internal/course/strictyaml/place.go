// SPDX-License-Identifier: MIT

package strictyaml

import (
	"fmt"

	"github.com/kmodlab/kmodlab/internal/yamlplace"
)

// valueMark follows the path of a member of a mapping whose key and value have a place each.
const valueMark = "\x00"

func join(path string, member any) string {
	if path == "" {
		return fmt.Sprint(member)
	}
	return path + "." + fmt.Sprint(member)
}

// Place is where a value is, or its key if it has one: Place("checks", 2, "points"). What the text does not have is
// where the nearest thing around it is.
func (d *Document) Place(path ...any) (line, column int) {
	for n := len(path); n >= 0; n-- {
		if node, ok := d.places[joinAll(path[:n])]; ok {
			return yamlplace.Of(node)
		}
	}
	return 1, 1
}

func joinAll(path []any) string {
	all := ""
	for _, p := range path {
		all = join(all, p)
	}
	return all
}

// Within is where a line and column of a text, from 1, are in the file. Columns are characters. The text may be plain,
// in quotes, or a block of lines.
func (d *Document) Within(line, column int, path ...any) (int, int) {
	node, ok := d.places[joinAll(path)+valueMark]
	if !ok {
		node, ok = d.places[joinAll(path)]
	}
	if !ok {
		return d.Place(path...)
	}
	return yamlplace.Within(d.lines, node, line, column)
}
