// SPDX-License-Identifier: MIT

package csp

import "testing"

func TestPolicy(t *testing.T) {
	const (
		code  = "'sha256-p2hNGWG8PIeu6gfL/SJ5KmyHVof6HQ88GKzpMKNzBA4='" // of "1+1", and
		empty = "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='" // as sha256sum and base64 say
		rest  = "base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
	)
	for want, f := range map[string]File{
		"default-src 'none'; style-src " + empty + "; " + rest:                          {},
		"default-src 'none'; style-src " + empty + "; img-src data:; " + rest:           {Pictures: true},
		"default-src 'none'; script-src " + code + "; style-src " + empty + "; " + rest: {Script: "1+1\n"},
	} {
		if got := Policy(f); got != want {
			t.Errorf("%s\nwant %s", got, want)
		}
	}
}
