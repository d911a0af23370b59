// SPDX-License-Identifier: MIT

//go:build !race

package foreign

// longWords is how many words Long has.
const longWords = 1 << 20
