// SPDX-License-Identifier: MIT

package guest

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/cilium/ebpf/btf"

	"github.com/kmodlab/kmodlab/internal/wire"
)

// vmlinuxBTF is the kernel's description of its own types.
const vmlinuxBTF = "/sys/kernel/btf/vmlinux"

// layout tells where the kernel's structures have their members, from the kernel's BTF.
func (a *Agent) layout(call *wire.Message, _ func([]byte) error) (any, []byte, error) {
	var args wire.LayoutArgs
	if err := json.Unmarshal(call.Body, &args); err != nil {
		return nil, nil, fmt.Errorf("read arguments: %w", err)
	}
	types, err := btf.LoadSpec(vmlinuxBTF)
	if err != nil {
		return nil, nil, fmt.Errorf("read the kernel's types: %w", err)
	}
	return layoutOf(types, args.Members), nil, nil
}

func layoutOf(types *btf.Spec, members []string) wire.LayoutResult {
	result := make(wire.LayoutResult)
	for _, member := range members {
		name, path, _ := strings.Cut(member, ".")
		var of *btf.Struct
		if err := types.TypeByName(name, &of); err != nil { // of another kernel
			continue
		}
		if at, ok := offsetOf(of, strings.Split(path, ".")); ok {
			result[member] = at
		}
	}
	return result
}

// offsetOf finds a member, also within structures and unions that have no name.
func offsetOf(of btf.Type, path []string) (uint32, bool) {
	var list []btf.Member
	switch t := btf.UnderlyingType(of).(type) {
	case *btf.Struct:
		list = t.Members
	case *btf.Union:
		list = t.Members
	}
	for _, m := range list {
		at := m.Offset.Bytes()
		switch {
		case m.Name == path[0] && len(path) == 1:
			return at, true
		case m.Name == path[0]:
			inner, ok := offsetOf(m.Type, path[1:])
			return at + inner, ok
		case m.Name == "":
			if inner, ok := offsetOf(m.Type, path); ok {
				return at + inner, true
			}
		}
	}
	return 0, false
}
