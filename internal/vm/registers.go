// SPDX-License-Identifier: MIT

package vm

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/kmodlab/kmodlab/internal/lazyregexp"
)

// maxProcessors bounds what is read of QEMU's answer.
const maxProcessors = 255

var ripOf = lazyregexp.New(`\bRIP=([0-9a-f]{16})\b`)

// Instructions tells at which address each processor is, in their order. It asks
// QEMU and not the guest, so it works on a guest whose kernel is deaf.
func (m *Machine) Instructions(ctx context.Context) ([]uint64, error) {
	raw, err := m.qmp.execute(ctx, "human-monitor-command", map[string]string{"command-line": "info registers -a"})
	if err != nil {
		return nil, fmt.Errorf("read the processors' registers: %w", err)
	}
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return nil, fmt.Errorf("read the processors' registers: %w", err)
	}
	return instructions(text), nil
}

func instructions(text string) []uint64 {
	var addresses []uint64
	for _, match := range ripOf.FindAllStringSubmatch(text, maxProcessors) {
		if a, err := strconv.ParseUint(match[1], 16, 64); err == nil {
			addresses = append(addresses, a)
		}
	}
	return addresses
}
