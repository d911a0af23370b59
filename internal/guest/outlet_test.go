// SPDX-License-Identifier: MIT

package guest

import (
	"bytes"
	"strings"
	"testing"
)

// TestOutlet checks that a bounded output loses its middle alone, and that the bytes lost are counted.
func TestOutlet(t *testing.T) {
	for _, c := range []struct {
		left  int64
		size  int
		chunk int
	}{{-1, 1 << 20, 1000}, {0, 10, 3}, {10, 10, 4}, {10, 1000, 7}, {100, 3*tailSize + 5, 4096}, {1, 10*tailSize + 1, 99}} {
		var sent bytes.Buffer
		o := &outlet{left: c.left, send: func(p []byte) error { sent.Write(p); return nil }}
		var all strings.Builder
		for all.Len() < c.size {
			part := strings.Repeat(string(rune('a'+all.Len()%26)), min(c.chunk, c.size-all.Len()))
			all.WriteString(part)
			if err := o.write([]byte(part)); err != nil {
				t.Fatal(err)
			}
		}
		omitted, tail := o.rest()
		whole := all.String()
		if !strings.HasPrefix(whole, sent.String()) || !strings.HasSuffix(whole, string(tail)) {
			t.Errorf("%+v: what came is not the beginning and the end", c)
		}
		if got := int64(sent.Len()) + omitted + int64(len(tail)); got != int64(c.size) {
			t.Errorf("%+v: %d bytes are accounted for", c, got)
		}
		if c.left >= 0 && (int64(sent.Len()) > c.left || len(tail) > tailSize || len(o.tail) > 3*tailSize) {
			t.Errorf("%+v: sent %d, the tail is %d", c, sent.Len(), len(tail))
		}
		if c.left < 0 && sent.Len() != c.size {
			t.Errorf("%+v: sent %d", c, sent.Len())
		}
	}
}
