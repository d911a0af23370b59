// SPDX-License-Identifier: MIT

//go:build race

package foreign

// longWords is how many words Long has. The race detector makes everything ten times as slow, and finds as much with a
// shorter text; the time and memory that the long one takes are tested without it.
const longWords = 1 << 17
