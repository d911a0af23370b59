// SPDX-License-Identifier: MIT

package kmod

import (
	"bytes"

	"github.com/kmodlab/kmodlab/kmod/internal/ko"
)

// slurp is os.ReadFile without the runtime's poller.
func slurp(path string) ([]byte, error) {
	f, err := ko.OpenNow(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var size int64
	if st, err := f.Stat(); err == nil {
		size = st.Size() // 0 in /proc, 4096 in /sys
	}
	var buf bytes.Buffer
	buf.Grow(int(min(max(size, 512), 1<<30)) + bytes.MinRead)
	_, err = buf.ReadFrom(f)
	return buf.Bytes(), err
}
