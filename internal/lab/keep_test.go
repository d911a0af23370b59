// SPDX-License-Identifier: MIT

package lab

import (
	"os"
	"path/filepath"
	"testing"
)

// TestKeepFile: what a guest says is kept until foreign modules are in it, and not a byte afterwards.
func TestKeepFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "symbols", "id")
	l := &Lab{foreign: true}
	l.keepFile(path, []byte("ffffffff81000000 T student_pwned"))
	if _, err := os.Stat(path); err == nil {
		t.Error("kept what a guest with foreign modules says")
	}
	l.foreign = false
	l.keepFile(path, []byte("ffffffff81000000 T startup_64"))
	if data, err := os.ReadFile(path); err != nil || string(data) != "ffffffff81000000 T startup_64" {
		t.Errorf("%q, %v", data, err)
	}
}
