// SPDX-License-Identifier: MIT

// Package modules holds sources that the program brings along: the demo's pair, the module of the tracer's self-test,
// and the one that makes calls fail.
package modules

import (
	"embed"
	"io/fs"
)

//go:embed signals probe failcall
var sources embed.FS

// Signals is the folder of the demo's two modules, so that the program needs no
// checkout to show them.
func Signals() fs.FS { return sub("signals") }

// Probe is the folder of the module that makes each of the tracer's hooks fire.
func Probe() fs.FS { return sub("probe") }

// FailCall is the folder of the module that makes a call of another module fail.
func FailCall() fs.FS { return sub("failcall") }

func sub(dir string) fs.FS {
	f, err := fs.Sub(sources, dir)
	if err != nil {
		panic(err) // the path is a constant
	}
	return f
}
