// SPDX-License-Identifier: MIT

// Package trie is the format of the binary files of a module index, and writes it.
// Package kmod reads it.
//
// Such a file is a trie. All numbers are big-endian: the magic, the version, the
// root's place, then nodes. A place is an offset in the file, with flags that tell
// which parts the node there has, in this order: a prefix ended by zero; the first and
// the last character that lead on, and a place for each character between the two, 0
// for those that do not; a count of values, and each as a priority and a string ended
// by zero.
package trie

import (
	"cmp"
	"encoding/binary"
	"slices"
	"strings"
)

// The header, and the parts of a place.
const (
	Magic      = 0xb007f457
	Version    = 0x00020001
	HeaderSize = 12

	HasPrefix   = 0x80000000
	HasValues   = 0x40000000
	HasChildren = 0x20000000
	OffsetMask  = 0x0fffffff
)

// entry is one value of one key.
type entry struct {
	key, value string
	priority   uint32
	seq        uint32 // the order of adding
}

// Writer gathers what goes into one file. The zero value is empty.
type Writer struct{ entries []entry }

// Add adds a value of a key; a key may have many. Values of a lower priority number
// come first, and of equal ones the one added last.
func (t *Writer) Add(key, value string, priority int) {
	t.entries = append(t.entries, entry{key, value, uint32(priority), uint32(len(t.entries))})
}

// Foreign returns a key that a trie cannot hold: nodes have room for 7-bit characters
// only.
func (t *Writer) Foreign() (key string, found bool) {
	for _, e := range t.entries {
		for i := range len(e.key) {
			if e.key[i] >= 0x80 {
				return e.key, true
			}
		}
	}
	return "", false
}

// Encode returns the file. kmod 34 and later write a node before its children, older
// versions after them; readers do not care.
func (t *Writer) Encode(parentsFirst bool) []byte {
	slices.SortFunc(t.entries, func(a, b entry) int {
		return cmp.Or(strings.Compare(a.key, b.key), cmp.Compare(a.priority, b.priority), cmp.Compare(b.seq, a.seq))
	})
	w := encoder{parentsFirst: parentsFirst, out: make([]byte, HeaderSize, HeaderSize+64*len(t.entries))}
	binary.BigEndian.PutUint32(w.out, Magic)
	binary.BigEndian.PutUint32(w.out[4:], Version)
	root := w.node(t.entries, 0, 0)
	binary.BigEndian.PutUint32(w.out[8:], root)
	return w.out
}

type encoder struct {
	out          []byte
	parentsFirst bool
}

// node writes the node for sorted entries whose keys agree up to depth, and all
// below it, and returns its place. The first prefix characters after that are
// the node's own; the root has none.
func (w *encoder) node(entries []entry, depth, prefix int) uint32 {
	own := 0
	end := depth + prefix
	for own < len(entries) && len(entries[own].key) == end {
		own++
	}
	n := node{values: entries[:own], below: entries[own:], depth: end}
	if prefix > 0 {
		n.prefix = entries[0].key[depth:end]
	}
	var flags uint32
	if n.prefix != "" {
		flags |= HasPrefix
	}
	if own > 0 {
		flags |= HasValues
	}
	if len(n.below) > 0 {
		flags |= HasChildren
	}
	return w.write(&n) | flags
}

type node struct {
	prefix string
	depth  int // characters of the key up to here
	values []entry
	below  []entry
}

func (n *node) span() (first, last byte) {
	return n.below[0].key[n.depth], n.below[len(n.below)-1].key[n.depth]
}

func (w *encoder) write(n *node) uint32 {
	var places [128]uint32
	if !w.parentsFirst {
		w.children(n, &places)
	}
	at := uint32(len(w.out))
	if n.prefix != "" {
		w.string(n.prefix)
	}
	table := 0
	if len(n.below) > 0 {
		first, last := n.span()
		w.out = append(w.out, first, last)
		table = len(w.out)
		for _, place := range places[first : last+1] {
			w.number(place)
		}
	}
	if len(n.values) > 0 {
		w.number(uint32(len(n.values)))
		for _, v := range n.values {
			w.number(v.priority)
			w.string(v.value)
		}
	}
	if w.parentsFirst && len(n.below) > 0 {
		w.children(n, &places)
		first, last := n.span()
		for i, place := range places[first : last+1] {
			binary.BigEndian.PutUint32(w.out[table+4*i:], place)
		}
	}
	return at
}

// children writes the nodes below n, in the order of their characters.
func (w *encoder) children(n *node, places *[128]uint32) {
	for rest := n.below; len(rest) > 0; {
		c := rest[0].key[n.depth]
		end := 1
		for end < len(rest) && rest[end].key[n.depth] == c {
			end++
		}
		depth := n.depth + 1
		places[c] = w.node(rest[:end], depth, common(rest[0].key[depth:], rest[end-1].key[depth:]))
		rest = rest[end:]
	}
}

// common is how many characters a and b begin with in common.
func common(a, b string) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

func (w *encoder) number(v uint32) { w.out = binary.BigEndian.AppendUint32(w.out, v) }

func (w *encoder) string(s string) {
	w.out = append(w.out, s...)
	w.out = append(w.out, 0)
}
