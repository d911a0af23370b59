// SPDX-License-Identifier: MIT

package kmod

import (
	"bytes"
	"strings"
)

// Field is one key=value of a module's .modinfo section.
type Field struct{ Key, Value string }

// Info is the .modinfo section in its own order, followed by the signature as the fields
// sig_id, signer, sig_key, sig_hashalgo and signature. Keys may repeat.
type Info []Field

// Get returns the first value of key, or "".
func (in Info) Get(key string) string {
	for _, f := range in {
		if f.Key == key {
			return f.Value
		}
	}
	return ""
}

// All returns every value of key, in order.
func (in Info) All(key string) []string {
	var values []string
	for _, f := range in {
		if f.Key == key {
			values = append(values, f.Value)
		}
	}
	return values
}

// Param is a parameter that a module takes.
type Param struct {
	Name string
	Type string // int, charp, array of int, …; empty if the module does not say
	Desc string
}

// Params returns the module's parameters in the order of their first mention.
func (in Info) Params() []Param {
	var params []Param
	index := map[string]int{}
	for _, f := range in {
		if f.Key != "parm" && f.Key != "parmtype" {
			continue
		}
		name, rest, _ := strings.Cut(f.Value, ":")
		i, ok := index[name]
		if !ok {
			i = len(params)
			index[name] = i
			params = append(params, Param{Name: name})
		}
		if f.Key == "parm" {
			params[i].Desc = rest
		} else {
			params[i].Type = rest
		}
	}
	return params
}

// Softdep is one soft dependency line: the modules to load before and after.
type Softdep struct{ Pre, Post []string }

// ParseSoftdep reads "pre: a b post: c". Names before any "pre:" are ignored, as with
// kmod; cifs has such lines.
func ParseSoftdep(value string) Softdep {
	var d Softdep
	var list *[]string
	for _, word := range strings.Fields(value) {
		switch word {
		case "pre:":
			list = &d.Pre
		case "post:":
			list = &d.Post
		default:
			if list != nil {
				*list = append(*list, word)
			}
		}
	}
	return d
}

func parseModinfo(data []byte) Info {
	var in Info
	for s := range bytes.SplitSeq(data, []byte{0}) {
		if len(s) == 0 {
			continue
		}
		key, value, ok := strings.Cut(string(s), "=")
		if ok && key != "" {
			in = append(in, Field{key, value})
		}
	}
	return in
}

// signatureMagic ends the file of a signed module.
const signatureMagic = "~Module signature appended~\n"
