// SPDX-License-Identifier: MIT

package kmod

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kmodlab/kmodlab/kmod/internal/ko"
	"github.com/kmodlab/kmodlab/kmod/internal/trie"
)

// Trie reads one of the binary files of a module index, such as modules.alias.bin. It
// reads only the nodes that lead to the answer: a name costs a few short reads of a
// file of two megabytes. Methods may be called from several goroutines. The zero Trie
// and a nil one are empty.
type Trie struct {
	name string // for errors
	file io.ReaderAt
	size int64
	root uint32
	stop io.Closer
}

// TrieValue is one value that an index holds for a key. Its meaning depends on the
// file: a line of modules.dep in modules.dep.bin, the name of a module in
// modules.alias.bin, modules.symbols.bin and modules.builtin.alias.bin, nothing in
// modules.builtin.bin. Priority is the module's position in modules.dep.
type TrieValue struct {
	Key      string
	Value    string
	Priority uint32
}

// OpenTrie opens a binary index file, which the caller closes. A file that is something
// else is ErrInvalidIndex.
func OpenTrie(path string) (*Trie, error) {
	f, size, err := ko.Open(path)
	if kind, is := errors.AsType[*ko.FormatError](err); is {
		err = fmt.Errorf("%s: %w", kind.Reason, ErrInvalidIndex)
	}
	if _, named := errors.AsType[*fs.PathError](err); named {
		return nil, fmt.Errorf("read module index: %w", err)
	}
	if err != nil {
		return nil, fmt.Errorf("read module index %s: %w", path, err)
	}
	t, err := NewTrie(path, f, size)
	if err != nil {
		f.Close()
		return nil, err
	}
	t.stop = f
	return t, nil
}

// NewTrie reads a binary index of size bytes from file; errors call it name. It keeps
// file, and does not close it. A size of 0 is an index without entries.
func NewTrie(name string, file io.ReaderAt, size int64) (*Trie, error) {
	t := &Trie{name: name, file: file, size: size, root: trie.HeaderSize}
	if size == 0 { // depmod of a tree without modules.builtin
		return t, nil
	}
	if file == nil || size < 0 {
		return nil, t.bad("no file of %d bytes", size)
	}
	var head [trie.HeaderSize]byte
	if n, err := file.ReadAt(head[:], 0); n < trie.HeaderSize {
		if err == nil || errors.Is(err, io.EOF) {
			return nil, t.bad("%d bytes, less than a header", n)
		}
		return nil, fmt.Errorf("read module index %s: %w", name, err)
	}
	if magic := binary.BigEndian.Uint32(head[:]); magic != trie.Magic {
		return nil, t.bad("it begins with %08x, not with %08x", magic, uint32(trie.Magic))
	}
	if v := binary.BigEndian.Uint32(head[4:]); v>>16 != trie.Version>>16 {
		return nil, t.bad("version %d.%d is not known, only %d", v>>16, v&0xffff, trie.Version>>16)
	}
	t.root = binary.BigEndian.Uint32(head[8:])
	return t, nil
}

// Close closes the file of OpenTrie. There is nothing to close after NewTrie.
func (t *Trie) Close() error {
	if t == nil || t.stop == nil {
		return nil
	}
	return t.stop.Close()
}

func (t *Trie) bad(format string, args ...any) error {
	return fmt.Errorf("read module index %s: %w: %s; run depmod", t.name, ErrInvalidIndex, fmt.Sprintf(format, args...))
}

// trieView is a node as it was read.
type trieView struct {
	prefix   []byte
	first    byte
	children []byte // four bytes each
	values   []TrieValue
	bytes    int64 // that the node takes
}

// child is the place of the node that c leads to, 0 for none.
func (v *trieView) child(c byte) uint32 {
	i := int(c) - int(v.first)
	if i < 0 || 4*i >= len(v.children) {
		return 0
	}
	return binary.BigEndian.Uint32(v.children[4*i:])
}

// view reads a node. Its length is known only after reading it, so a node longer than
// most is read again with more bytes.
func (t *Trie) view(place uint32) (trieView, error) {
	off := int64(place & trie.OffsetMask)
	if t == nil || place&^trie.OffsetMask == 0 { // an empty node has no bytes
		return trieView{}, nil
	}
	if off < trie.HeaderSize || off >= t.size {
		return trieView{}, t.bad("a node at byte %d of %d", off, t.size)
	}
	for window := int64(512); ; window *= 8 {
		window = min(window, t.size-off)
		buf := make([]byte, window)
		n, err := t.file.ReadAt(buf, off)
		if err != nil && !errors.Is(err, io.EOF) {
			return trieView{}, fmt.Errorf("read module index %s: %w", t.name, err)
		}
		if v, ok := parseTrieNode(buf[:n], place); ok {
			return v, nil
		}
		if int64(n) < window || window == t.size-off {
			return trieView{}, t.bad("the node at byte %d reaches beyond its end (%d bytes)", off, t.size)
		}
	}
}

// parseTrieNode reads the parts that the flags in place tell of; ok is false
// where p ends too early.
func parseTrieNode(p []byte, place uint32) (v trieView, ok bool) {
	size := len(p)
	defer func() { v.bytes = int64(size - len(p)) }()
	if place&trie.HasPrefix != 0 {
		if v.prefix, p, ok = bytes.Cut(p, []byte{0}); !ok {
			return v, false
		}
	}
	if place&trie.HasChildren != 0 {
		if len(p) < 2 {
			return v, false
		}
		v.first = p[0]
		n := 4 * max(0, int(p[1])-int(p[0])+1)
		if p = p[2:]; len(p) < n {
			return v, false
		}
		v.children, p = p[:n], p[n:]
	}
	if place&trie.HasValues == 0 {
		return v, true
	}
	if len(p) < 4 {
		return v, false
	}
	count := binary.BigEndian.Uint32(p)
	p = p[4:]
	for range count {
		if len(p) < 4 {
			return v, false
		}
		value, rest, found := bytes.Cut(p[4:], []byte{0})
		if !found {
			return v, false
		}
		v.values = append(v.values, TrieValue{Value: string(value), Priority: binary.BigEndian.Uint32(p)})
		p = rest
	}
	return v, true
}

// Lookup returns the values of exactly that key, by priority; none and no error if
// there is no such key. Keys of modules are in underscore form.
func (t *Trie) Lookup(key string) ([]TrieValue, error) {
	if t == nil {
		return nil, nil
	}
	rest := key
	for place := t.root; ; {
		v, err := t.view(place)
		if err != nil {
			return nil, err
		}
		tail, ok := strings.CutPrefix(rest, string(v.prefix))
		if !ok {
			return nil, nil
		}
		if tail == "" {
			for i := range v.values {
				v.values[i].Key = key
			}
			return v.values, nil
		}
		if place = v.child(tail[0]); place == 0 {
			return nil, nil
		}
		rest = tail[1:]
	}
}

// Match returns the values of all keys that match name, by priority. In keys, * ? and [
// are wildcards as in fnmatch(3). In name, - and _ are equal.
func (t *Trie) Match(name string) ([]TrieValue, error) {
	if t == nil {
		return nil, nil
	}
	w := trieWalk{t: t, name: normalizeAlias(name), budget: t.size + 1}
	err := w.literal()
	slices.SortStableFunc(w.found, func(a, b TrieValue) int { return cmp.Compare(a.Priority, b.Priority) })
	return w.found, err
}

// All calls fn for each value of each key, in the order of the keys' bytes, until fn
// returns false.
func (t *Trie) All(fn func(TrieValue) bool) error {
	if t == nil || fn == nil {
		return nil
	}
	w := trieWalk{t: t, all: fn, budget: t.size + 1}
	err := w.subtree(t.root, nil)
	if errors.Is(err, errEnough) {
		err = nil
	}
	return err
}

var errEnough = errors.New("enough")

// trieWalk visits nodes. In a damaged file they may form a circle, so neither the nodes
// visited nor a key may have more bytes than the file.
type trieWalk struct {
	t      *Trie
	name   string
	all    func(TrieValue) bool
	found  []TrieValue
	budget int64
}

func (w *trieWalk) view(place uint32, key []byte) (trieView, error) {
	v, err := w.t.view(place)
	if w.budget -= max(1, v.bytes); err == nil && (w.budget < 0 || int64(len(key)) > w.t.size) {
		err = w.t.bad("its nodes form a circle")
	}
	return v, err
}

func isWild(c byte) bool { return c == '*' || c == '?' || c == '[' }

// literal follows the characters of the name, and on the way every branch that begins
// with a wildcard.
func (w *trieWalk) literal() error {
	var key []byte
	rest := w.name
	for place := w.t.root; place != 0; {
		v, err := w.view(place, key)
		if err != nil {
			return err
		}
		for i, c := range v.prefix {
			if isWild(c) {
				return w.below(v, append(slices.Clip(key), v.prefix...))
			}
			if i >= len(rest) || rest[i] != c {
				return nil
			}
		}
		key, rest = append(key, v.prefix...), rest[len(v.prefix):]
		for _, c := range [...]byte{'*', '?', '['} {
			if next := v.child(c); next != 0 {
				if err := w.subtree(next, append(slices.Clip(key), c)); err != nil {
					return err
				}
			}
		}
		if rest == "" {
			w.take(v.values, key)
			return nil
		}
		if isWild(rest[0]) { // followed above
			return nil
		}
		place = v.child(rest[0])
		key, rest = append(key, rest[0]), rest[1:]
	}
	return nil
}

// subtree visits the node at place and all below it.
func (w *trieWalk) subtree(place uint32, key []byte) error {
	v, err := w.view(place, key)
	if err != nil {
		return err
	}
	return w.below(v, append(slices.Clip(key), v.prefix...))
}

func (w *trieWalk) below(v trieView, key []byte) error {
	if w.all != nil || len(v.values) > 0 && glob(string(key), w.name) {
		if !w.take(v.values, key) {
			return errEnough
		}
	}
	for i := 0; 4*i < len(v.children); i++ {
		if next := binary.BigEndian.Uint32(v.children[4*i:]); next != 0 {
			if err := w.subtree(next, append(slices.Clip(key), v.first+byte(i))); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *trieWalk) take(values []TrieValue, key []byte) bool {
	for _, v := range values {
		v.Key = string(key)
		if w.all == nil {
			w.found = append(w.found, v)
		} else if !w.all(v) {
			return false
		}
	}
	return true
}

// OpenIndex opens one of the binary index files of the tree, such as modules.dep.bin.
// If it does not exist, the error is fs.ErrNotExist. The caller closes it.
func (t *Tree) OpenIndex(name string) (*Trie, error) {
	if err := t.usable(); err != nil {
		return nil, fmt.Errorf("read module index: %w", err)
	}
	return OpenTrie(filepath.Join(t.Dir(), name))
}
