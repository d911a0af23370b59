// SPDX-License-Identifier: MIT

package evidence

import "testing"

func TestTapeBound(t *testing.T) {
	tape := new(Tape)
	part := make([]byte, 8<<20)
	for range maxTape/len(part) + 1 {
		if n, err := tape.Write(part); n != len(part) || err != nil {
			t.Fatal("the stream that is recorded must continue")
		}
	}
	if _, _, err := tape.Open(); err == nil {
		t.Error("a tape that is too long opens as if it were whole")
	}
}
