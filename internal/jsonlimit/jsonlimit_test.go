// SPDX-License-Identifier: MIT

package jsonlimit

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestDecode(t *testing.T) {
	const n = 1 << 20
	for name, tt := range map[string]struct {
		text string
		most int64
		want error
	}{
		"objects": {"[{}" + strings.Repeat(",{}", n) + "]", NoMost, ErrTooMany},
		"nulls":   {"[null" + strings.Repeat(",null", n) + "]", NoMost, ErrTooMany},
		"keys":    {`{"a":0` + strings.Repeat(`,"a":0`, n) + "}", n / 8, ErrTooMany},
		"long":    {`[` + strings.Repeat(`"twenty and some more bytes",`, n) + `0]`, NoMost, nil},
		"most":    {`[` + strings.Repeat(`"twenty and some more bytes",`, n) + `0]`, n, ErrTooMany},
		"strings": {`["` + strings.Repeat(`[{,\"`, n) + `"]`, NoMost, nil},
		"few":     {"[{}" + strings.Repeat(",{}", 1000) + "]", NoMost, nil},
	} {
		var v any
		if err := Decode(strings.NewReader(tt.text), tt.most, &v); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
}

// TestReal: results of real runs have far fewer elements than their length allows.
func TestReal(t *testing.T) {
	files, err := filepath.Glob("../report/testdata/real/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		c := new(counter)
		for _, b := range data {
			if b != ' ' && b != '\n' { // as if written on one line
				c.count([]byte{b})
			}
		}
		if got := c.bytes * element / c.weight; got < 3*each/2 {
			t.Errorf("%s: %d bytes an element, too close to the bound, %d", name, got, each)
		}
	}
}
