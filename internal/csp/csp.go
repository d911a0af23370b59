// SPDX-License-Identifier: MIT

// Package csp writes the Content-Security-Policy of an HTML file that needs nothing else: the browser runs its own code
// and applies its own style, both known by their hashes, and refuses everything besides, the network included. In
// browsers with Trusted Types no text can become markup by a script at all. It is pure.
package csp

import (
	"crypto/sha256"
	"encoding/base64"
)

// File is what a file has.
type File struct {
	Style    string // all of its style
	Script   string // all of its code; empty if it has none
	Pictures bool   // pictures are in the file, as data
}

// Policy is the value of the policy.
func Policy(f File) string {
	policy := "default-src 'none'; "
	if f.Script != "" {
		policy += "script-src '" + hash(f.Script) + "'; "
	}
	policy += "style-src '" + hash(f.Style) + "'; "
	if f.Pictures {
		policy += "img-src data:; "
	}
	return policy + "base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
}

func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}
