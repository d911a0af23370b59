// SPDX-License-Identifier: MIT

package guest

import (
	"fmt"

	"github.com/cilium/ebpf/btf"

	"github.com/kmodlab/kmodlab/internal/wire"
	"github.com/kmodlab/kmodlab/internal/witness"
)

// vmlinuxBTF is the kernel's description of its own types.
const vmlinuxBTF = "/sys/kernel/btf/vmlinux"

// layout tells where the kernel's structures have what the host reads from outside. The host keeps it, so this is done
// once for a kernel.
func (a *Agent) layout(*wire.Message, func([]byte) error) (any, []byte, error) {
	types, err := btf.LoadSpec(vmlinuxBTF)
	if err != nil {
		return nil, nil, fmt.Errorf("read the kernel's types: %w", err)
	}
	layout, err := witness.LayoutOf(types)
	return layout, nil, err
}
