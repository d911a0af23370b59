// SPDX-License-Identifier: MIT

package srcline

import (
	"debug/dwarf"
	"errors"
	"fmt"
	"io"
	"slices"
)

// Bounds on what a hostile file can make us do.
const (
	maxEntries = 4 << 20  // of debug information that a search for instructions reads
	maxWork    = 16 << 20 // attributes of entries and ranges of addresses that a search reads
	maxInlined = 64
)

// work is what a search may still read.
type work int

// errTooMuch ends a search that would take too long.
var errTooMuch = fmt.Errorf("read debug information: a search reads more than %d attributes and ranges", maxWork)

// take pays for what was read, and reports whether more may be.
func (w *work) take(n int) bool {
	*w -= work(n)
	return *w > 0
}

// positions finds the lines of an address.
func (m *Module) positions(pc uint64) ([]Position, error) {
	left := work(maxWork)
	unit, err := m.unit(pc, &left)
	if err != nil {
		return nil, err
	}
	lines, err := m.data.LineReader(unit)
	if err != nil {
		return nil, fmt.Errorf("read line table: %w", err)
	}
	if lines == nil {
		return nil, ErrUnknownPlace
	}
	file, line, err := row(lines, pc)
	if err != nil {
		return nil, err
	}
	chain, err := m.chain(unit, pc, &left)
	if err != nil {
		return nil, err
	}
	if len(chain) == 0 { // padding between functions
		return nil, ErrUnknownPlace
	}
	return m.unwind(chain, lines.Files(), file, line), nil
}

// unwind makes positions from a chain of entries, outermost first: each entry knows where the one around it calls it.
func (m *Module) unwind(chain []*dwarf.Entry, files []*dwarf.LineFile, file string, line int) []Position {
	var list []Position
	for _, e := range slices.Backward(chain) {
		p := Position{Function: m.name(e), File: file, Line: line, Inlined: e.Tag == dwarf.TagInlinedSubroutine}
		list = append(list, p)
		file, line = "", 0
		if i, ok := e.Val(dwarf.AttrCallFile).(int64); ok && i >= 0 && i < int64(len(files)) && files[i] != nil {
			file = files[i].Name
		}
		if n, ok := e.Val(dwarf.AttrCallLine).(int64); ok {
			line = int(n)
		}
	}
	return list
}

// unit is the compilation unit that contains the address.
func (m *Module) unit(pc uint64, left *work) (*dwarf.Entry, error) {
	r := m.data.Reader()
	for _, at := range m.units {
		r.Seek(at)
		e, err := r.Next()
		if err != nil {
			return nil, fmt.Errorf("read debug information: %w", err)
		}
		if e != nil && e.Tag == dwarf.TagCompileUnit && m.has(e, pc, left) {
			return e, nil
		}
		if !left.take(1) {
			return nil, errTooMuch
		}
	}
	return nil, ErrUnknownPlace
}

func (m *Module) has(e *dwarf.Entry, pc uint64, left *work) bool {
	ranges, err := m.data.Ranges(e)
	if err != nil || !left.take(len(e.Field)+len(ranges)) {
		return false
	}
	return slices.ContainsFunc(ranges, func(r [2]uint64) bool { return r[0] <= pc && pc < r[1] })
}

// row finds the line of an address. A row covers the addresses up to the next row; sequences, one per section, come in
// any order.
func row(lines *dwarf.LineReader, pc uint64) (string, int, error) {
	var last, e dwarf.LineEntry
	last.EndSequence = true
	for {
		err := lines.Next(&e)
		if errors.Is(err, io.EOF) {
			return "", 0, ErrUnknownPlace
		}
		if err != nil {
			return "", 0, fmt.Errorf("read line table: %w", err)
		}
		if !last.EndSequence && last.Address <= pc && pc < e.Address {
			if last.File == nil {
				return "", last.Line, nil
			}
			return last.File.Name, last.Line, nil
		}
		last = e
	}
}

// chain returns the function that contains the address and what was inlined there, outermost first.
func (m *Module) chain(unit *dwarf.Entry, pc uint64, left *work) ([]*dwarf.Entry, error) {
	r := m.data.Reader()
	r.Seek(unit.Offset)
	if _, err := r.Next(); err != nil {
		return nil, fmt.Errorf("read debug information: %w", err)
	}
	var chain []*dwarf.Entry
	depth := 1 // of the next entry below the unit's parent
	skip := 0  // entries below this depth do not matter; 0: all do
	for {
		e, err := r.Next()
		switch {
		case err != nil:
			return nil, fmt.Errorf("read debug information: %w", err)
		case e == nil:
			return chain, nil
		case !left.take(1 + len(e.Field)):
			return nil, errTooMuch
		case e.Tag == 0:
			if depth--; depth == 0 || depth == 1 && len(chain) > 0 {
				return chain, nil
			}
			if depth == skip {
				skip = 0
			}
		case skip > 0 || !m.leave(e, pc, &chain, left):
			if e.Children {
				depth++
			}
		case e.Children && !toSibling(r, e):
			skip = depth
			depth++
		}
	}
}

// toSibling goes to what follows an entry and its children, if the entry says where that is. dwarf.Reader.SkipChildren
// would read the children of one that does not say it by recursion, however deep they are.
func toSibling(r *dwarf.Reader, e *dwarf.Entry) bool {
	next, is := e.Val(dwarf.AttrSibling).(dwarf.Offset)
	if is = is && next > e.Offset; is {
		r.Seek(next)
	}
	return is
}

// leave adds an entry that contains the address to the chain, and reports whether its children can be skipped.
func (m *Module) leave(e *dwarf.Entry, pc uint64, chain *[]*dwarf.Entry, left *work) bool {
	switch e.Tag {
	case dwarf.TagSubprogram, dwarf.TagInlinedSubroutine:
		if !m.has(e, pc, left) || len(*chain) == maxInlined {
			return true
		}
		*chain = append(*chain, e)
		return false
	case dwarf.TagLexDwarfBlock:
		return len(*chain) == 0
	}
	return true
}

// name follows an entry to the one that names its function.
func (m *Module) name(e *dwarf.Entry) string {
	for range 4 {
		if name, ok := e.Val(dwarf.AttrName).(string); ok {
			return name
		}
		offset, ok := e.Val(dwarf.AttrAbstractOrigin).(dwarf.Offset)
		if !ok {
			if offset, ok = e.Val(dwarf.AttrSpecification).(dwarf.Offset); !ok {
				return ""
			}
		}
		r := m.data.Reader()
		r.Seek(offset)
		next, err := r.Next()
		if err != nil || next == nil {
			return ""
		}
		e = next
	}
	return ""
}
