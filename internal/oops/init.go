// SPDX-License-Identifier: MIT

package oops

import (
	"strconv"
	"strings"

	"github.com/kmodlab/kmodlab/internal/lazyregexp"
)

// suspicious is the kernel's message about an init that returned neither 0 nor an error: 'NAME'->init until 6.12,
// NAME: init since. It keeps the module, and the loader's own result is 0.
var suspicious = lazyregexp.New(`'?([\w-]+)(?:'->|: )init suspiciously returned (\d+)`)

// OddInit reads the kernel's message about an init that returned a positive number.
func OddInit(line string) (module string, ret int64, ok bool) {
	m := suspicious.FindStringSubmatch(line)
	if m == nil {
		return "", 0, false
	}
	ret, err := strconv.ParseInt(m[2], 10, 64)
	return m[1], ret, err == nil
}

// OddInits finds these messages in a log, by module.
func OddInits(log []byte) map[string]int64 {
	odd := make(map[string]int64)
	for line := range strings.Lines(string(log)) {
		if !strings.Contains(line, "suspiciously") {
			continue
		}
		if module, ret, ok := OddInit(line); ok {
			odd[module] = ret
		}
	}
	return odd
}
