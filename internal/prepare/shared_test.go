// SPDX-License-Identifier: MIT

package prepare

import (
	"errors"
	"testing"
)

// TestMemo makes a value once, and again after a failure.
func TestMemo(t *testing.T) {
	var m Memo[int]
	made := 0
	make := func(err error) func() (int, error) { return func() (int, error) { made++; return made, err } }
	if _, err := m.Get("a", make(errors.New("no"))); err == nil {
		t.Error("a failure is no failure")
	}
	for range 3 {
		if v, err := m.Get("a", make(nil)); v != 2 || err != nil {
			t.Errorf("%d, %v; want 2", v, err)
		}
	}
	if v, _ := m.Get("b", make(nil)); v != 3 {
		t.Errorf("another key gives %d", v)
	}
}
