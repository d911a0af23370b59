// SPDX-License-Identifier: MIT

package kmodtest

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// Sample is a module with something of everything.
func Sample() Module {
	return Module{
		Info: []string{"license=GPL", "alias=first", "alias=second", "depends=snd-one,two", "parm=count:how many",
			"parmtype=count:int", "parmtype=bare:bool", "softdep=pre: a b post: c", "name=sample",
			"vermagic=" + Kernel},
		Exports: []Export{
			{Name: "sample_open", CRC: 0x11223344},
			{Name: "sample_close", CRC: 0xcafef00d, GPL: true, Namespace: "SAMPLE"},
		},
		Needs: []Need{{Name: "printk", CRC: 0x92997ed8}, {Name: "maybe", Weak: true}, {Name: ".dotted"}},
	}
}

// Exporting is a module for Kernel that exports NAME_sym, and needs the same of others.
func Exporting(name string, needs ...string) []byte {
	m := Module{Info: []string{"vermagic=" + Kernel}, Exports: []Export{{Name: name + "_sym"}}}
	for _, n := range needs {
		m.Needs = append(m.Needs, Need{Name: n + "_sym"})
	}
	return m.Bytes()
}

// Compress is data as gzip, xz or zstd.
func Compress(kind string, data []byte) ([]byte, error) {
	var b bytes.Buffer
	var w io.WriteCloser
	var err error
	switch kind {
	case "gzip":
		w = gzip.NewWriter(&b)
	case "xz":
		w, err = xz.NewWriter(&b)
	case "zstd":
		w, err = zstd.NewWriter(&b)
	default:
		return nil, fmt.Errorf("no compression is called %q", kind)
	}
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(data); err != nil {
		return nil, err
	}
	err = w.Close()
	return b.Bytes(), err
}
