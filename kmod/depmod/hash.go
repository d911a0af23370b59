// SPDX-License-Identifier: MIT

package depmod

import (
	"cmp"
	"slices"
)

// superFastHash is Paul Hsieh's SuperFastHash over 16-bit little-endian reads.
// kmod keeps modules and symbols in hash tables that use it, and the order in which it walks
// those tables is visible in the files that depmod writes.
func superFastHash(s string) uint32 {
	word := func(i int) uint32 { return uint32(s[i]) | uint32(s[i+1])<<8 }
	h := uint32(len(s))
	i := 0
	for ; len(s)-i >= 4; i += 4 {
		h += word(i)
		h = h<<16 ^ (word(i+2)<<11 ^ h)
		h += h >> 11
	}
	switch len(s) - i {
	case 3:
		h += word(i)
		h ^= h << 16
		h ^= uint32(int8(s[i+2])) << 18
		h += h >> 11
	case 2:
		h += word(i)
		h ^= h << 11
		h += h >> 17
	case 1:
		h += uint32(int8(s[i]))
		h ^= h << 10
		h += h >> 1
	}
	h ^= h << 3
	h += h >> 5
	h ^= h << 4
	h += h >> 17
	h ^= h << 25
	h += h >> 6
	return h
}

// sortByHash sorts items as kmod walks a table of that many buckets (a power of two): by
// bucket, and by name within one.
func sortByHash[T any](items []T, buckets uint32, name func(T) string) {
	type keyed struct {
		bucket uint32
		name   string
		item   T
	}
	keys := make([]keyed, len(items))
	for i, it := range items {
		n := name(it)
		keys[i] = keyed{superFastHash(n) & (buckets - 1), n, it}
	}
	slices.SortFunc(keys, func(a, b keyed) int {
		return cmp.Or(cmp.Compare(a.bucket, b.bucket), cmp.Compare(a.name, b.name))
	})
	for i, k := range keys {
		items[i] = k.item
	}
}
