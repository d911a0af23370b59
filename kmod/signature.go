// SPDX-License-Identifier: MIT

package kmod

import (
	"encoding/binary"
	"strings"
)

// signatureInfo reads the signature appended to a module, as the fields that modinfo
// shows. One that cannot be read gives none: it is the kernel that verifies it.
func signatureInfo(data []byte) Info {
	const trailer = 12 // algo, hash, id type, two lengths, 3 bytes of padding, length
	end := len(data) - len(signatureMagic)
	if end < trailer || string(data[end:]) != signatureMagic {
		return nil
	}
	head := data[end-trailer : end]
	size := int64(binary.BigEndian.Uint32(head[8:]))
	const pkcs7 = 2
	if head[2] != pkcs7 || size > int64(end-trailer) {
		return nil
	}
	s, ok := parsePKCS7(data[int64(end-trailer)-size : end-trailer])
	if !ok {
		return Info{{"sig_id", "PKCS#7"}}
	}
	return Info{{"sig_id", "PKCS#7"}, {"signer", s.signer}, {"sig_key", hexLines(s.serial, 0)},
		{"sig_hashalgo", s.hash}, {"signature", hexLines(s.signature, 20)}}
}

type pkcs7Signer struct {
	signer, hash      string
	serial, signature []byte
}

// der splits one DER element off data: its tag, its contents, and the rest.
func der(data []byte) (tag byte, body, rest []byte) {
	if len(data) < 2 {
		return 0, nil, nil
	}
	n, head := uint64(data[1]), 2
	if n >= 0x80 {
		count := int(n & 0x7f)
		if count == 0 || count > 4 || len(data) < 2+count {
			return 0, nil, nil
		}
		n = 0
		for _, b := range data[2 : 2+count] {
			n = n<<8 | uint64(b)
		}
		head += count
	}
	if n > uint64(len(data)-head) {
		return 0, nil, nil
	}
	return data[0], data[head : head+int(n)], data[head+int(n):]
}

const (
	derInteger  = 0x02
	derOctets   = 0x04
	derOID      = 0x06
	derSequence = 0x30
	derSet      = 0x31
)

// derNext skips to the next element with a tag.
func derNext(data []byte, want byte) (body, rest []byte, ok bool) {
	for len(data) > 0 {
		tag, body, rest := der(data)
		if rest == nil && body == nil {
			return nil, nil, false
		}
		if tag == want {
			return body, rest, true
		}
		data = rest
	}
	return nil, nil, false
}

// parsePKCS7 finds the first signer of a SignedData (RFC 2315).
func parsePKCS7(data []byte) (s pkcs7Signer, ok bool) {
	outer, _, ok := derNext(data, derSequence)
	if !ok {
		return s, false
	}
	wrapped, _, ok := derNext(outer, 0xa0)
	if !ok {
		return s, false
	}
	signed, _, ok := derNext(wrapped, derSequence)
	if !ok {
		return s, false
	}
	_, rest, ok := derNext(signed, derSet) // the digest algorithms
	if !ok {
		return s, false
	}
	signers, _, ok := derNext(rest, derSet)
	if !ok {
		return s, false
	}
	info, _, ok := derNext(signers, derSequence)
	if !ok {
		return s, false
	}
	return parseSigner(info)
}

func parseSigner(info []byte) (s pkcs7Signer, ok bool) {
	issuer, rest, ok := derNext(info, derSequence)
	if !ok {
		return s, false
	}
	name, serial, ok := derNext(issuer, derSequence)
	if !ok {
		return s, false
	}
	s.signer = commonName(name)
	if s.serial, _, ok = derNext(serial, derInteger); !ok {
		return s, false
	}
	for len(s.serial) > 1 && s.serial[0] == 0 {
		s.serial = s.serial[1:]
	}
	digest, rest, ok := derNext(rest, derSequence)
	if !ok {
		return s, false
	}
	if oid, _, ok := derNext(digest, derOID); ok {
		s.hash = hashName(string(oid))
	}
	s.signature, _, ok = derNext(rest, derOctets)
	return s, ok
}

// commonName finds the value of object identifier 2.5.4.3.
func commonName(name []byte) string {
	for {
		set, rest, ok := derNext(name, derSet)
		if !ok {
			return ""
		}
		attr, _, _ := derNext(set, derSequence)
		oid, value, ok := derNext(attr, derOID)
		if ok && string(oid) == "\x55\x04\x03" {
			_, text, _ := der(value)
			return string(text)
		}
		name = rest
	}
}

func hashName(oid string) string {
	if oid == "\x2b\x0e\x03\x02\x1a" {
		return "sha1"
	}
	algorithm, ok := strings.CutPrefix(oid, "\x60\x86\x48\x01\x65\x03\x04\x02") // NIST's hash functions
	if !ok {
		return "unknown"
	}
	switch algorithm {
	case "\x01":
		return "sha256"
	case "\x02":
		return "sha384"
	case "\x03":
		return "sha512"
	case "\x04":
		return "sha224"
	case "\x08":
		return "sha3-256"
	case "\x09":
		return "sha3-384"
	case "\x0a":
		return "sha3-512"
	}
	return "unknown"
}

// hexLines prints bytes as AA:BB, with perLine of them on a line, as modinfo does.
func hexLines(data []byte, perLine int) string {
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	for i, c := range data {
		if i > 0 {
			b.WriteByte(':')
			if perLine > 0 && i%perLine == 0 {
				b.WriteString("\n\t\t")
			}
		}
		b.WriteByte(digits[c>>4])
		b.WriteByte(digits[c&15])
	}
	return b.String()
}
