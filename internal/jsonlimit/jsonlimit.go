// SPDX-License-Identifier: MIT

// Package jsonlimit decodes JSON from others. In "[{},{},…]" an element takes three bytes, but it may take hundreds in
// memory. A bound on bytes does not bound that, so elements are bounded, too. It is pure.
package jsonlimit

import (
	"encoding/json"
	"errors"
	"io"
	"math"
)

// ErrTooMany means that a text has more elements than are allowed, or than its length accounts for.
var ErrTooMany = errors.New("it has more elements than kmodlab ever writes")

// NoMost means that only the length of the text bounds its elements.
const NoMost = math.MaxInt64 / element

const (
	free    = 64 << 10 // elements that any text may have
	each    = 16       // bytes that a further element needs; what kmodlab writes has at least 45
	element = 4        // the weight of an object, a list or a list's member; a field weighs 1
)

// Decode reads one value from rd into v, as json.Decoder does. The value may have up to most elements.
func Decode(rd io.Reader, most int64, v any) error {
	c := &counter{rd: rd, most: most * element}
	err := json.NewDecoder(c).Decode(v)
	if c.over {
		return ErrTooMany
	}
	return err
}

// counter weighs the text that is read through it. The decoder reads a whole value before it makes anything of it, so a
// value that is too heavy is refused in time.
type counter struct {
	rd            io.Reader
	most          int64
	bytes, weight int64
	lists         []bool // for each value that is open: is it a list?
	text, escaped bool   // within a string, and behind a backslash there
	over          bool
}

func (c *counter) Read(p []byte) (int, error) {
	if c.over {
		return 0, ErrTooMany
	}
	n, err := c.rd.Read(p)
	c.count(p[:n])
	if c.weight > c.most || c.weight > free*element+c.bytes*element/each {
		c.over = true
		return 0, ErrTooMany
	}
	return n, err
}

func (c *counter) count(p []byte) {
	c.bytes += int64(len(p))
	for _, b := range p {
		switch {
		case c.escaped:
			c.escaped = false
		case c.text:
			c.escaped, c.text = b == '\\', b != '"'
		case b == '"':
			c.text = true
		case b == '{', b == '[':
			c.weight += element
			c.lists = append(c.lists, b == '[')
		case b == '}', b == ']':
			c.lists = c.lists[:max(len(c.lists)-1, 0)]
		case b == ',' && len(c.lists) > 0 && c.lists[len(c.lists)-1]:
			c.weight += element
		case b == ',':
			c.weight++
		}
	}
}
