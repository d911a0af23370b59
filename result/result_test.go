// SPDX-License-Identifier: MIT

package result

import (
	"encoding/json"
	"testing"
)

func TestExitStatus(t *testing.T) {
	want := map[Class]int{Pass: 0, Build: 1, Preflight: 1, Load: 1, Expectation: 1, Leak: 1, Oops: 1, Panic: 1, Lockup: 1,
		Hung: 1, Timeout: 1, Lost: 3, Host: 3}
	for class, status := range want {
		if got := class.ExitStatus(); got != status {
			t.Errorf("%s: %d, want %d", class, got, status)
		}
	}
}

func mustJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
